"""The checks of known truth: they hold here, and a planted fault is seen."""

import os
from dataclasses import replace
from pathlib import Path

import pytest

from kamerton import stats
from kamerton.experiment.scorers import SCORERS
from kamerton.experiment.scorers.scored import Scored
from kamerton.experiment.selfcheck import (
    CHECKS,
    Comparison,
    Setting,
    figures,
    folder,
    notes,
    programs,
    rows,
    run,
    statistics,
    texts,
)
from kamerton.experiment.selfcheck.comparison import close, farthest, small, within
from kamerton.formats.errors import InputError
from kamerton.formats.scores import Interval
from kamerton.sandbox import available

pytest.importorskip("sacrebleu")
pytest.importorskip("rouge_score")
pytest.importorskip("tree_sitter")
ROOT = Path(__file__).resolve().parents[4]
DATA = Path(os.environ.get("KAMERTON_TEST_DATA") or ROOT.parent / "shared" / "data")
NOWHERE = Setting(None)


def check(name: str, setting: Setting = NOWHERE) -> dict[str, Comparison]:
    return {one.what: one for one in run(setting, [name])}


def missed(found: dict[str, Comparison]) -> list[str]:
    return [name for name, one in found.items() if one.status == "miss"]


@pytest.mark.parametrize(
    ("name", "count"),
    [
        ("sacrebleu", 5),
        ("rouge", 6),
        ("examples", 2),
        ("codebleu", 7),
        ("bertscore", 2),
        ("pass_at_k", 2),
        ("statistics", 6),
    ],
)
def test_what_needs_no_data_holds_here(name: str, count: int) -> None:
    found = check(name)
    assert {one.status for one in found.values()} == {"ok"} and len(found) == count


def test_rates_by_simulation(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(statistics, "RUNS", 60)
    monkeypatch.setattr(statistics, "RESAMPLES", 300)
    found = check("rates")
    assert missed(found) == [] and len(found) == 5


@pytest.mark.parametrize("name", ["gsm8k", "humaneval", "humaneval_plus"])
def test_without_data_it_is_skipped_and_said(name: str, tmp_path: Path) -> None:
    for setting in (NOWHERE, Setting(tmp_path)):
        found = check(name, setting)
        assert len(found) >= 2 and {one.status for one in found.values()} == {"skipped"}
        assert any("--data" in line for line in notes(list(found.values())))


def test_a_wrong_scorer_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    def wrong(answers: object, references: object) -> Scored:
        return Scored((), 48.6, "")

    monkeypatch.setitem(SCORERS, "bleu", replace(SCORERS["bleu"], compute=wrong))
    assert missed(check("sacrebleu")) == ["bleu"]
    monkeypatch.setitem(
        SCORERS, "bleu", replace(SCORERS["bleu"], compute=lambda a, r: Scored((), None, ""))
    )
    assert missed(check("sacrebleu")) == ["bleu"]


def test_wrong_statistics_are_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(statistics, "RUNS", 30)
    monkeypatch.setattr(statistics, "RESAMPLES", 100)

    def narrow(values: list[float], *_: object) -> Interval:
        mean = sum(values) / len(values)
        return Interval(mean=mean, low=mean - 0.02, high=mean + 0.02)

    monkeypatch.setattr(stats, "bca", narrow)
    monkeypatch.setattr(stats, "sign_flip", lambda *_: 0.04)
    assert missed(check("rates")) == ["bca_coverage", "sign_flip_alarms"]
    monkeypatch.setattr(stats, "holm", lambda ps: list(ps))
    assert missed(check("statistics")) == ["holm", "sign_flip"]


def test_wrong_matching_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(texts, "by_formula", lambda *_: 0.5)
    monkeypatch.setattr(programs, "pass_at_k", lambda n, c, k: 1 - (1 - c / n) ** k)
    assert missed(check("bertscore")) == ["bertscore_formula"]
    assert missed(check("pass_at_k")) == ["pass_at_k", "pass_at_k_product"]


def test_a_judge_that_passes_everything_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    if not available() or not (DATA / "humaneval" / "HumanEvalPlus.jsonl.gz").is_file():
        pytest.skip("no sandbox, or no test data: set KAMERTON_TEST_DATA")
    from kamerton.experiment.code.judge import Judged

    monkeypatch.setattr(programs, "judge_all", lambda trials: [Judged("passed")] * len(trials))
    found = check("humaneval_plus", Setting(DATA))
    assert (
        missed(found) == ["humaneval_plus_empty"]
        and "HumanEval/" in found["humaneval_plus_empty"].detail
    )


def test_bounds_are_missed_by_nan_and_by_what_is_outside() -> None:
    nan = float("nan")
    assert close("bleu", nan, 1.0, 1.0, "").status == small("bleu", nan, 1.0, "").status == "miss"
    assert within("bleu", nan, 0.0, 1.0, "").status == "miss"
    assert farthest([1.0, nan, 2.0], [1.0, 1.0, 1.0]) != 1.0
    assert close("bleu", 1.1, 1.0, 0.2, "").status == "ok"


def test_the_table_and_the_figures_tell_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KAMERTON_LANG", "ru")
    found = [
        close("bleu", 1.0, 2.0, 0.1, "paper"),
        Comparison("gsm8k", "-", "1", "skipped", "", "нет"),
    ]
    assert [row[3] for row in rows(found)[1:]] == ["НЕВЕРНО", "пропущено"]
    assert notes(found)[-1] == "верно: 0; неверно: 1; пропущено: 1"
    told = figures(found, 1.0)
    assert told["ok"] is False and told["counts"] == {"ok": 0, "miss": 1, "skipped": 1}
    assert figures(found[1:], 1.0)["ok"] is True


@pytest.mark.parametrize("language", ["en", "ru"])
def test_every_group_has_a_name_in_both_languages(
    language: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KAMERTON_LANG", language)
    rows([Comparison(f"group_{name}", "", "", "skipped", "") for name in CHECKS])


def test_an_unknown_group_and_the_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"“bread”.*humaneval"):
        list(run(NOWHERE, ["bread"]))
    monkeypatch.setenv("KAMERTON_TEST_DATA", str(tmp_path))
    assert folder(None) == tmp_path and folder(Path("other")) == Path("other")


@pytest.mark.long
def test_everything_that_is_published_holds() -> None:
    if not available() or not (DATA / "humaneval").is_dir():
        pytest.skip("no sandbox, or no test data: set KAMERTON_TEST_DATA")
    found = list(run(Setting(DATA, everything=True)))
    assert [one for one in found if one.status != "ok"] == []
    counts = {one.what: one.found for one in found}
    assert counts["humaneval"] == counts["humaneval_plus"] == "164/164"
    assert counts["gsm8k_reworded"] == "15828/15828"
