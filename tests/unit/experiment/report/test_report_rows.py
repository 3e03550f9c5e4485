"""The report of a rows comparison, from folders to page, card and closing words."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from answering import answering
from made_up_rows import (
    PROMPTS,
    RECIPE,
    base_says,
    losses,
    manifests,
    rows,
    tuned_says,
    write,
)
from pages import alone, visible

from kamerton.experiment.report import plot
from kamerton.experiment.report import rows as rows_report
from kamerton.experiment.report.blocks import html
from kamerton.experiment.report.figures import short
from kamerton.experiment.report.rows_run import RowsRun, load, ratio
from kamerton.experiment.report.run import ReportInputs, report
from kamerton.experiment.rows import compare_rows
from kamerton.experiment.settings import ExperimentSettings
from kamerton.formats.jsonl import read_rows, write_rows
from kamerton.formats.scores import Interval, Sample, Summary

EVIL = "<script>alert('x')</script> & <img src=x onerror=alert(1)>"
SETTINGS = ExperimentSettings.model_validate(RECIPE["experiment"])


def page(run: RowsRun) -> str:
    return html(rows_report.page(run))


def made(folder: Path, gain: float = 0.4, swapped: bool = False, primary: str = "") -> ReportInputs:
    """Finished stages of a rows trip; `swapped`: the tuned model is the one that babbles."""

    def says(arm: str, turns: list[dict[str, str]]) -> tuple[str, str]:
        clean = (arm == "ru") != swapped
        return (tuned_says if clean else base_says)(turns[-1]["content"])

    chats, chosen = rows(), {"primary": primary} if primary else {}
    recipe = RECIPE | {"experiment": RECIPE["experiment"] | chosen}
    settings = ExperimentSettings.model_validate(recipe["experiment"])
    data, tune = write(folder, chats, losses(chats, gain))
    with answering(["base", "ru"], says) as server:
        compare_rows(settings, "ru", data, tune, server.url, folder / "compare", seed=3)
    stages = {name: folder / name for name in ("check", "data", "tune", "export", "compare")}
    for name, manifest in manifests(*stages).items():
        manifest.write(stages[name])
    command = "kamerton run recipes/ru/recipe.yaml"
    return ReportInputs("rows", "ru", recipe, command, {n: str(f) for n, f in stages.items()})


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> ReportInputs:
    return made(tmp_path_factory.mktemp("rows"))


def written(inputs: ReportInputs, out: Path) -> dict[str, str]:
    report(inputs, out)
    return {path.name: path.read_text() for path in out.iterdir()}


@pytest.mark.parametrize("swapped", [False, True])
def test_a_verdict_that_rests_on_a_scorer_is_told_as_one(tmp_path: Path, swapped: bool) -> None:
    files = written(made(tmp_path / "run", 0.4, swapped, "chrf"), tmp_path / "report")
    finding = "Tuning made it worse" if swapped else "Tuning helped"
    assert f"<h1>{finding}" in files["report.html"] and "chrF" in files["table.txt"]
    assert "chrF" in files["model_card.md"] and f"{finding};" in files["table.txt"]


def test_the_door_chooses_the_page_of_rows(inputs: ReportInputs, tmp_path: Path) -> None:
    files = written(inputs, tmp_path)
    assert set(files) == {"report.html", "model_card.md", "table.txt"}
    tags = alone(files["report.html"])
    assert tags.names().count("script") == 1
    assert (
        "<h1>Tuning made held-out answers likelier; better form: right script"
        in (files["report.html"])
    )


def test_the_same_figures_stand_on_the_page_in_the_card_and_in_the_closing_words(
    inputs: ReportInputs, tmp_path: Path
) -> None:
    summary = Summary.model_validate_json((inputs.folders["compare"] / "summary.json").read_text())
    figures = ratio(summary.comparisons[0].effect)
    expected = (
        f"{figures['ratio']} of what it was (95 % interval {figures['low']} to {figures['high']})"
    )
    files = written(inputs, tmp_path)
    for text in (visible(files["report.html"]), files["model_card.md"], files["table.txt"]):
        assert expected in " ".join(text.split())
    assert float(figures["low"]) < float(figures["ratio"]) < float(figures["high"]) < 1


def test_the_recipes_prompts_come_first_with_both_answers(inputs: ReportInputs) -> None:
    text = page(load(inputs))
    places = [text.index(f"<h3>{prompt}</h3>") for prompt in PROMPTS]
    assert places == sorted(places)
    assert max(places) < text.index("<h3>Что такое")
    assert text.count('class="asked') == 34
    assert "form broken" in text and "role marker: " in text


def test_every_loss_is_a_dot_below_the_diagonal_where_it_fell(inputs: ReportInputs) -> None:
    run = load(inputs)
    drawing = plot.scatter([(row.before, row.after) for row in run.losses])
    assert len(drawing.dots) == len(run.losses) and drawing.left_out == 0
    for x, y, kind in drawing.dots:
        assert 0 <= x <= 100 and 0 <= y <= 100
        assert (kind == "better") == (y > 100 - x)


def test_very_many_losses_are_thinned_and_that_is_told() -> None:
    drawing = plot.scatter([(2 + i / 9000, 1 + i / 9000) for i in range(5000)])
    assert len(drawing.dots) <= 600 and drawing.left_out == 5000 - len(drawing.dots)


def test_stage_times_lineage_and_recipe_are_there(inputs: ReportInputs) -> None:
    text = page(load(inputs))
    for part in ("8:11", "00000000000c", "ab" * 32, inputs.command, "last_loss", "lora"):
        assert part in text


def test_harm_is_told_before_all_else(tmp_path: Path) -> None:
    files = written(made(tmp_path / "run", gain=-0.5, swapped=True), tmp_path / "out")
    text = visible(files["report.html"])
    assert "Tuning made held-out answers less likely; worse form: right script" in text
    assert text.index("Something got worse") < text.index("What was compared")
    for place in (text, files["model_card.md"], " ".join(files["table.txt"].split())):
        assert "ru is proved to say held-out answers worse than base" in place
        assert "ru is proved worse than base in ended by itself, on held-out prompts" in place
    assert "likelier" not in files["table.txt"]


def test_a_blocked_verdict_says_why_and_claims_nothing(tmp_path: Path) -> None:
    inputs = made(tmp_path / "run")
    (inputs.folders["data"] / "leaks.json").unlink()
    compare = inputs.folders["compare"]
    summary = Summary.model_validate_json((compare / "summary.json").read_text())
    silenced = [
        c.model_copy(update={"verdict": "not enough evidence"}) for c in summary.comparisons
    ]
    blocked = summary.model_copy(
        update={
            "claims_verdict": False,
            "why_no_verdict": "leaks_missing",
            "comparisons": silenced,
        }
    )
    (compare / "summary.json").write_text(blocked.model_dump_json())
    files = written(inputs, tmp_path / "out")
    for text in files.values():
        assert "No verdict is claimed: the data stage left no leak report" in " ".join(text.split())
        assert "likelier;" not in text and "better form" not in text


def test_what_models_and_users_wrote_is_escaped(tmp_path: Path) -> None:
    inputs = made(tmp_path / "run")
    path = inputs.folders["compare"] / "samples.jsonl"
    samples = read_rows(path, Sample)
    evil = {"answer": EVIL, "question": EVIL, "reference": EVIL}
    evil_why = {"why": {"role_marks": f"role_mark: {EVIL}"}}
    write_rows(path, [s.model_copy(update=evil | evil_why) for s in samples])
    text = page(load(inputs))
    assert "<script>alert" not in text and "<img" not in text
    assert "&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;" in text
    assert alone(text).names().count("script") == 1


def test_without_losses_the_page_says_so_and_shows_the_form(tmp_path: Path) -> None:
    inputs = made(tmp_path / "run")
    data, tune, compare = (inputs.folders[name] for name in ("data", "tune", "compare"))
    (tune / "losses.jsonl").unlink()

    def says(arm: str, turns: list[dict[str, str]]) -> tuple[str, str]:
        return "Это ответ.", "stop"

    with answering(["base", "ru"], says) as server:
        compare_rows(SETTINGS, "ru", data, tune, server.url, compare, seed=3)
    files = written(inputs, tmp_path / "out")
    alone(files["report.html"])
    assert "<h1>Nothing was measured on held-out rows" in files["report.html"]
    assert "Each held-out answer" not in files["report.html"]
    assert "perplexity" not in files["table.txt"] and "ended by itself" in files["table.txt"]
    assert "nothing is claimed of them" in files["model_card.md"]


def test_losses_alone_make_a_page_without_answers_and_without_scripts(tmp_path: Path) -> None:
    chats = rows()
    data, tune = write(tmp_path, chats, losses(chats))
    (data / "held_out.jsonl").unlink()
    settings = ExperimentSettings(resamples=500)
    compare_rows(settings, "ru", data, tune, "http://127.0.0.1:9", tmp_path / "compare", seed=3)
    recipe = RECIPE | {"experiment": {"resamples": 500}}
    stages = {name: str(tmp_path / name) for name in ("data", "tune", "compare")}
    files = written(ReportInputs("rows", "ru", recipe, "kamerton run ru", stages), tmp_path / "out")
    assert "script" not in alone(files["report.html"]).names()
    assert "What each arm said" not in files["report.html"]
    assert files["table.txt"].startswith("held-out answers")


def test_prompts_without_room_are_counted(tmp_path: Path) -> None:
    inputs = made(tmp_path / "run")
    path = inputs.folders["compare"] / "samples.jsonl"
    samples = read_rows(path, Sample)
    gone = {sample.question_id for sample in samples[-3:]}
    write_rows(path, [sample for sample in samples if sample.question_id not in gone])
    assert load(inputs).passed_over == len(gone) == 3
    assert "left out for all arms: 3" in page(load(inputs))


def test_further_figures_of_preferences_are_shown(inputs: ReportInputs, tmp_path: Path) -> None:
    tune = inputs.folders["tune"]
    before = (tune / "training.json").read_text()
    sides = {"reward_margin": 0.0, "reward_accuracy": 0.5, "ranked_right": None}
    after = {"reward_margin": 0.731, "reward_accuracy": 0.875, "ranked_right": 0.75}
    figures = {"objective": "dpo", "held_out": {"rows": 40, "before": sides, "after": after}}
    (tune / "training.json").write_text(json.dumps(figures))
    (tune / "checks.json").write_text('{"head": {"largest_logit_difference": 0.00012}}')
    text = visible(written(inputs, tmp_path)["report.html"])
    (tune / "training.json").write_text(before)
    (tune / "checks.json").unlink()
    assert "Further figures of 40 held-out rows" in text
    assert "share in the right order by reward 0.5 0.875" in text
    assert "share in the right order by log-probability — 0.75" in text
    assert "head: largest logit difference 0.00012" in text
    assert "Held-out preferences" not in page(load(inputs))


def test_in_russian(inputs: ReportInputs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KAMERTON_LANG", "ru")
    files = written(inputs, tmp_path)
    assert '<html lang="ru">' in files["report.html"]
    head = visible(files["report.html"]).split("Что сказала")[0]
    for word in ("the", "verdict", "answers", "interval", "better", "held"):
        assert f" {word} " not in head
    assert "форма лучше: нужная письменность" in " ".join(files["table.txt"].split())
    assert "# Карточка модели: ru" in files["model_card.md"]


@pytest.mark.parametrize(
    ("method", "library"),
    [("lora", "peft"), ("prompt", "peft"), ("full", "transformers"), ("", None)],
)
def test_the_card_names_method_and_library(
    inputs: ReportInputs, tmp_path: Path, method: str, library: str | None
) -> None:
    tune = inputs.folders["tune"]
    before = (tune / "training.json").read_text()
    told = {"method": method, "objective": "sft"} if method else {}
    (tune / "training.json").write_text(json.dumps(told))
    if not method:
        inputs = replace(inputs, recipe=inputs.recipe | {"tune": {}})
    files = written(inputs, tmp_path)
    (tune / "training.json").write_text(before)
    _, front, _ = files["model_card.md"].split("---\n", 2)
    matter: dict[str, Any] = yaml.safe_load(front)
    assert matter.get("library_name") == library
    assert matter["tags"] == [*told.values(), "kamerton"]
    assert ("method: not recorded, objective: not recorded" in files["model_card.md"]) == (
        not method
    )
    assert matter["language"] == ["ru"]
    (of_rows,) = matter["model-index"][0]["results"]
    shown = of_rows["metrics"]
    assert [metric["type"] for metric in shown] == ["perplexity", "script", "ended", "role_marks"]
    assert 1 < shown[0]["value"] < 100
    assert ("trained all its weights" in files["report.html"]) == (method == "full")


def test_figures_are_short() -> None:
    written_short = [short(value) for value in (0.64012, 0.021349, 12.345, 123.4, 1234.5, 100.0)]
    assert written_short == ["0.640", "0.0213", "12.3", "123", "1\u202f234", "100"]
    shown = ratio(Interval(mean=0.5, low=0.1, high=0.9))
    assert shown == {"ratio": "0.607", "low": "0.407", "high": "0.905"}
