"""Better on votes, and broken all the same: the verdict says so, with figures."""

import json
from pathlib import Path

import pytest
from answering import answering
from made_up_rows import RECIPE, base_says, choices, losses, manifests, rated, rows, write
from pages import visible

from kamerton.experiment.report.material import ReportInputs
from kamerton.experiment.report.rows_run import (
    RowsRun,
    broken,
    lengths,
    load,
    of_choices,
    side_effects,
)
from kamerton.experiment.report.run import report
from kamerton.experiment.rows import compare_rows
from kamerton.experiment.settings import ExperimentSettings
from kamerton.formats.jsonl import read_rows, write_rows
from kamerton.formats.scores import Sample, Summary

ASKED = {"resamples": 500, "repeat_share": 0}
Text = dict[str, str]


def good(text: str) -> tuple[str, str]:
    return f"Это {text.lower().rstrip('?')}, и это полезно.", "stop"


def trip(
    folder: Path, broken: float = 1.0, longer: int = 0, gain: float = 0.3, prompts: int = 30
) -> ReportInputs:
    """A finished trip that learnt from ratings; after it a share of the answers is babble.

    `longer`: tokens more in an answer than the base has; `prompts`: how many are asked.
    """
    chats = rows()
    data, tune = write(folder, chats, losses(chats))
    rated(tune, choices(chats, gain=gain))
    places = {row.messages[-2].content: number for number, row in enumerate(chats)}

    def says(arm: str, turns: list[Text]) -> tuple[str, str]:
        text = turns[-1]["content"]
        babbles = arm == "ru" and places[text] < broken * len(places)
        return base_says(text) if babbles else good(text)

    settings = ExperimentSettings(**ASKED, held_out_prompts=prompts)
    compare = folder / "compare"
    with answering(["base", "ru"], says) as server:
        compare_rows(settings, "ru", data, tune, server.url, compare, seed=3)
    if longer:
        lengthen(compare / "samples.jsonl", longer)
    stages = {name: folder / name for name in ("data", "tune", "compare")}
    for name, manifest in manifests(*stages).items():
        manifest.write(stages[name])
    recipe = RECIPE | {"experiment": ASKED | {"held_out_prompts": prompts}}
    return ReportInputs(
        "rows", "ru", recipe, "kamerton run ru", {n: str(f) for n, f in stages.items()}
    )


def lengthen(path: Path, more: int) -> None:
    """The tuned model's answers get longer, by one token more or less."""
    given = read_rows(path, Sample)
    longer = [
        sample.model_copy(update={"completion_tokens": 20 + more + number % 2})
        if sample.arm == "ru"
        else sample.model_copy(update={"completion_tokens": 20})
        for number, sample in enumerate(given)
    ]
    write_rows(path, longer)


def texts_of(inputs: ReportInputs, out: Path) -> list[str]:
    """Page, card and closing words as running text."""
    report(inputs, out)
    page, card, words = (
        (out / n).read_text("utf-8") for n in ("report.html", "model_card.md", "table.txt")
    )
    return [" ".join(text.split()) for text in (visible(page), card, words)]


def verdicts(run: RowsRun) -> set[str]:
    return {one.verdict for one in of_choices(run.summary)}


def test_a_broken_model_that_votes_call_better_is_told_everywhere(tmp_path: Path) -> None:
    inputs = trip(tmp_path)
    assert verdicts(load(inputs)) == {"better"}
    for text in texts_of(inputs, tmp_path / "out"):
        assert "foresee held-out choices of people better" in text
        assert "Better on votes, and yet the answers themselves got worse" in text
        assert "instead of 100\u00a0%" in text.replace("100 %", "100\u00a0%")
    sentence = side_effects(load(inputs))[0]
    for criterion in ("right script", "ended by itself", "no role markers"):
        assert criterion in sentence
    assert "not proved" not in sentence


def test_a_model_that_answers_as_before_has_nothing_said_of_it(tmp_path: Path) -> None:
    inputs = trip(tmp_path, broken=0.0)
    assert side_effects(load(inputs)) == []
    for text in texts_of(inputs, tmp_path / "out"):
        assert "answers themselves" not in text and "Mean length" not in text


def test_worse_on_votes_is_not_called_better(tmp_path: Path) -> None:
    (sentence,) = side_effects(load(trip(tmp_path, gain=-0.3)))
    assert sentence.startswith("The answers themselves got worse")


def test_beyond_its_interval_but_not_proved_is_told_as_that(tmp_path: Path) -> None:
    """The correction takes the proof, or a leak the verdict; the interval stays where it is."""
    inputs = trip(tmp_path)
    path = inputs.folders["compare"] / "summary.json"
    summary = Summary.model_validate_json(path.read_text("utf-8"))
    unproved = [
        one.model_copy(update={"verdict": "not enough evidence"})
        if one.criterion == "ended"
        else one
        for one in summary.comparisons
    ]
    changed = summary.model_copy(update={"comparisons": unproved})
    path.write_text(changed.model_dump_json(), "utf-8")
    (sentence,) = side_effects(load(inputs))
    (ended,) = [item for item in sentence.split("; ") if "ended by itself" in item]
    assert ended.endswith("not proved") and sentence.count("not proved") == 1


@pytest.mark.parametrize("change", ["across", "within"])
def test_an_interval_that_holds_zero_or_does_not_matter_is_passed_over(
    change: str, tmp_path: Path
) -> None:
    summary = load(trip(tmp_path)).summary
    assert len(broken(summary)) == 3
    form = next(c for c in summary.comparisons if c.criterion == "ended")
    if change == "across":
        effect = form.effect.model_copy(update={"high": 0.01})
        other = form.model_copy(update={"effect": effect, "verdict": "not enough evidence"})
    else:
        effect = form.effect.model_copy(update={"mean": -0.01, "low": -0.02, "high": -0.005})
        other = form.model_copy(update={"effect": effect, "verdict": "equivalent"})
    assert broken(summary.model_copy(update={"comparisons": [other]})) == []


@pytest.mark.parametrize(("longer", "sign"), [(10, "+"), (-10, "\u2212")])
def test_a_length_that_changed_is_told_with_its_direction(
    longer: int, sign: str, tmp_path: Path
) -> None:
    run = load(trip(tmp_path, broken=0.0, longer=longer))
    before, after, change = lengths(run)
    assert change is not None and before == 20.0
    assert change.low < change.mean < change.high
    assert change.mean == pytest.approx(after - before)
    (sentence,) = side_effects(run)
    assert "instead of 20.0" in sentence and f"difference {sign}" in sentence


def test_after_learning_from_rows_length_is_no_news(tmp_path: Path) -> None:
    inputs = trip(tmp_path, broken=0.0, longer=10)
    path = inputs.folders["compare"] / "summary.json"
    summary = Summary.model_validate_json(path.read_text("utf-8"))
    form = [one for one in summary.comparisons if one.family == "secondary"]
    changed = summary.model_copy(update={"comparisons": form})
    path.write_text(changed.model_dump_json(), "utf-8")
    assert side_effects(load(inputs)) == []


def test_where_nothing_was_asked_that_is_told(tmp_path: Path) -> None:
    inputs = trip(tmp_path, prompts=0)
    (sentence,) = side_effects(load(inputs))
    assert "is not known" in sentence
    assert all("is not known" in text for text in texts_of(inputs, tmp_path / "out"))


def test_in_russian(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KAMERTON_LANG", "ru")
    inputs = trip(tmp_path, longer=10)
    page = texts_of(inputs, tmp_path / "out")[0]
    assert "По оценкам людей лучше, но сами ответы" in page
    assert "закончен сам — " in page and "Средняя длина ответа" in page
    assert json.loads((inputs.folders["tune"] / "training.json").read_text())["objective"] == "dpo"
