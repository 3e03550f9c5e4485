"""The stages of a recipe: how far it goes, what each depends on, and what a run shows of them."""

from pathlib import Path

import pytest

from kamerton.app.recipe import Recipe, resolve, shipped
from kamerton.app.stages import results, stages

ROOT = Path(__file__).parents[3]


def test_every_shipped_recipe_and_preset_is_parsed() -> None:
    assert len(shipped()) >= 1
    for path in shipped():
        import yaml

        for preset in (None, *yaml.safe_load(path.read_text("utf-8")).get("presets", {})):
            assert resolve(path, preset).name == path.parent.name


def recipe_file(folder: Path, text: str) -> Path:
    (folder / "rows.jsonl").write_text('{"question": "Q?", "answer": "A."}\n', "utf-8")
    (folder / "recipe.yaml").write_text("name: two\n" + text, "utf-8")
    return folder / "recipe.yaml"


ROWS = "{kind: rows, rights: {licence: MIT}, sources: [{name: rows.jsonl}]}"


def test_several_adapters_share_one_export_and_have_everything_else_apart(tmp_path: Path) -> None:
    path = recipe_file(
        tmp_path,
        f"adapters:\n  code: {{data: {ROWS}, tune: {{rank: 4}}}}\n  papers: {{data: {ROWS}}}\n",
    )
    recipe = resolve(path)
    planned = {stage.name: stage for stage in stages(recipe, tmp_path)}
    assert list(planned) == [
        *("check", "data-code", "data-papers", "tune-code", "tune-papers", "export"),
        *("compare-code", "compare-papers", "report"),
    ]
    assert planned["tune-code"].parents == ("data-code",)
    assert results(recipe)["code.summary.json"] == ("compare-code", "summary.json")


@pytest.mark.parametrize(
    ("text", "made"),
    [
        (f"data: {ROWS}\n", ["check", "data"]),
        (
            f"data: {ROWS}\ntune: {{}}\n",
            ["check", "data", "tune", "export", "compare", "report"],
        ),
        (
            "data: {kind: corpus, source: texts}\npretrain: {}\n",
            ["check", "data", "pretrain", "report"],
        ),
    ],
)
def test_a_run_goes_as_far_as_its_recipe_says(text: str, made: list[str], tmp_path: Path) -> None:
    recipe = resolve(recipe_file(tmp_path, text))
    assert [stage.name for stage in stages(recipe, tmp_path)] == made


def names(recipe: Recipe, **changes: object) -> dict[str, object]:
    home = ROOT / "recipes" / "museum"
    tree = recipe.model_dump(mode="json")
    for key, value in changes.items():
        section, _, name = key.partition("__")
        tree[section] = tree[section] | {name: value} if name else value
    found = stages(Recipe.model_validate(tree), home)
    return {stage.name: stage.settings for stage in found}


@pytest.mark.parametrize(
    ("change", "value", "touched"),
    [
        ("experiment__max_tokens", 48, {"check", "compare"}),
        ("tune__rank", 8, {"check", "tune"}),
        ("export__quantisation", "f16", {"export"}),
        ("data__train_phrasings", 2, {"check", "data"}),
        ("serve__port", 9000, set()),
        ("serve__slots", 4, {"compare"}),
        ("seed", 8, {"check", "data", "tune", "compare"}),
    ],
)
def test_a_setting_touches_the_stages_that_read_it(
    change: str, value: object, touched: set[str]
) -> None:
    recipe = resolve(ROOT / "recipes" / "museum" / "recipe.yaml")
    before, after = names(recipe), names(recipe, **{change: value})
    assert {name for name in before if before[name] != after[name]} == touched
