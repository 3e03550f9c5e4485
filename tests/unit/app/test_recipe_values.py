"""Every value that `recipe show` or a tutorial prints is read back as that value."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from kamerton.app.recipe import Recipe, resolve
from kamerton.formats.recipe import Section, dump_yaml, parse_yaml, read_yaml

ROOT = Path(__file__).parents[3]
PRESETS = [
    (path, preset)
    for path in sorted((ROOT / "recipes").glob("*/recipe.yaml"))
    for preset in (None, *(read_yaml(path).get("presets") or {}))
]
SAID = re.compile(r"`([a-z_]+(?:\.[a-z_]+)*)(?:: |=)([^`{]+)`")
"""`tracking: off` and `--set serve.retrieval=cosine` in the midst of a text."""


def leaves(tree: dict[str, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in tree.items():
        if isinstance(value, dict) and value:
            yield from leaves(value, f"{above}{name}.")
        else:
            yield above + name, value


@pytest.mark.parametrize(("path", "preset"), PRESETS)
def test_what_recipe_show_prints_is_the_recipe(
    path: Path, preset: str | None, tmp_path: Path
) -> None:
    shown = resolve(path, preset).model_dump(mode="json")
    again = tmp_path / "recipe.yaml"
    again.write_text(dump_yaml(shown), "utf-8")
    assert resolve(again).model_dump(mode="json") == shown
    sets = tuple(
        f"{name}={dump_yaml({'a': value}).removeprefix('a:').strip()}"
        for name, value in leaves(shown)
        if not isinstance(value, list | dict)
    )
    assert len(sets) > 20 and resolve(again, sets=sets).model_dump(mode="json") == shown


def sections(of: type[Section] = Section) -> Iterator[type[Section]]:
    for one in of.__subclasses__():
        yield one
        yield from sections(one)


def test_what_a_tutorial_writes_is_taken() -> None:
    """By one of the sections that have a field of that name."""
    assert Recipe in set(sections())
    taken = 0
    for page in sorted((ROOT / "docs" / "tutorials").glob("*.md")):
        for name, value in SAID.findall(page.read_text("utf-8")):
            field = name.rpartition(".")[2]
            models = [one for one in sections() if field in one.model_fields]
            tree = {field: parse_yaml(value, page.name)}
            taken += any(takes(model, tree) for model in models)
            assert not models or any(takes(model, tree) for model in models), (page.name, name)
    assert taken >= 6


def takes(model: type[Section], tree: dict[str, Any]) -> bool:
    """Whether no fault that is found lies in the value itself; others may be lacking."""
    try:
        model.model_validate(tree)
    except ValidationError as error:
        return not any(one["loc"][:1] == tuple(tree) for one in error.errors())
    return True
