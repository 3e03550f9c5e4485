"""The museum's own references pass the criteria that its answers are held to, in every preset."""

import pytest

from kamerton.app.recipe import resolve, shipped
from kamerton.develop.data.guide.run import plan
from kamerton.develop.settings import GuideSettings
from kamerton.experiment.references import insist_right


@pytest.mark.parametrize("preset", [None, "smoke", "full", "original", "russian"])
def test_the_museums_own_references_pass(preset: str | None) -> None:
    (path,) = (path for path in shipped() if path.parent.name == "museum")
    recipe = resolve(path, preset)
    assert isinstance(recipe.data, GuideSettings)
    made = plan(recipe.data, path.parent, recipe.seed)
    insist_right(made.held_out, made.names)
