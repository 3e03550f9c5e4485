"""Raters' files to a verdict: what several raters say of planted truth."""

import csv
from pathlib import Path

import numpy as np
import pytest

from kamerton.experiment.judge.decide import Rule
from kamerton.experiment.judge.pairs import Choice, Pair
from kamerton.experiment.rating.sheet import KEY, Key, hand_out, read_key
from kamerton.experiment.rating.verdict import (
    FILE,
    Opinion,
    RatingReport,
    consensus,
    rate,
)
from kamerton.experiment.report.feedback import people_sentences as sentences
from kamerton.formats.language import LANGUAGES

RULE = Rule(resamples=1000)


def pairs(count: int, same: int = 0) -> list[Pair]:
    return [
        Pair(
            id=f"{i:03}",
            question=f"{i}?",
            base="a",
            tuned="a" if i < same else "b",
            group=f"g{i // 2}",
        )
        for i in range(count)
    ]


def handed_in(
    folder: Path, key: Key, truth: dict[str, float], raters: int, copied: float
) -> list[Path]:
    """Files of raters who see the truth (-1, 0, 1) with a probability, and else guess."""
    chance, found = np.random.default_rng(3), []
    for rater in range(raters):
        path = folder / f"rater-{rater}.csv"
        with path.open("w", encoding="utf-8", newline="") as stream:
            rows = csv.writer(stream)
            rows.writerow(["sheet", "item", "rater", *key.criteria])
            for item, secret in key.items.items():
                seen = truth[secret.pair] if chance.random() < copied else chance.integers(-1, 2)
                other = {"left": "right", "right": "left"}[secret.tuned]
                said = "tie" if seen == 0 else secret.tuned if seen > 0 else other
                rows.writerow([key.sheet, item, "", *[said] * len(key.criteria)])
        found.append(path)
    return found


def rated(
    tmp_path: Path, truth: list[float], raters: int, copied: float, same: int = 0
) -> RatingReport:
    key = hand_out(pairs(len(truth)), tmp_path, tmp_path / "keep", 2, ["relevance"])
    seen = {f"{i:03}": value for i, value in enumerate(truth)}
    files = handed_in(tmp_path, key, seen, raters, copied)
    return rate(files, tmp_path / "keep" / KEY, tmp_path, RULE)


def test_raters_who_see_a_better_model_prove_it(tmp_path: Path) -> None:
    one = rated(tmp_path, [1.0] * 30 + [-1.0] * 4 + [0.0] * 6, 3, 0.9).criteria[0]
    assert one.decision.verdict == "better"
    assert one.alpha is not None and one.alpha.mean > 0.5 and one.alpha.low > 0
    assert (one.raters, one.questions, one.compared, one.unrated) == (3, 40, 40, 0)
    assert one.decision.groups == 20 and sum(one.ratings.values()) == 120
    assert one.left_chosen is not None and 0.3 < one.left_chosen < 0.7
    assert "people prefer the tuned model" in sentences(one)[0]
    assert RatingReport.model_validate_json((tmp_path / FILE).read_text()).criteria[0] == one


def test_unblinding_follows_the_key(tmp_path: Path) -> None:
    key = hand_out(pairs(12), tmp_path, tmp_path / "keep", 2, ["safety"])
    files = handed_in(tmp_path, key, dict.fromkeys((p.id for p in pairs(12)), -1.0), 1, 1.0)
    one = rate(files, tmp_path / "keep" / KEY, tmp_path, RULE).criteria[0]
    assert one.ratings == {"tuned": 0, "base": 12, "tie": 0, "unrated": 0}
    assert one.decision.effect is not None and one.decision.effect.mean == -1.0
    assert one.alpha is None  # one rater agrees with nobody
    assert "not known" in " ".join(sentences(one))
    turned = {
        item: secret.model_copy(update={"tuned": "left" if secret.tuned == "right" else "right"})
        for item, secret in read_key(tmp_path / "keep" / KEY).items.items()
    }
    (tmp_path / "keep" / KEY).write_text(key.model_copy(update={"items": turned}).model_dump_json())
    other = rate(files, tmp_path / "keep" / KEY, tmp_path, RULE).criteria[0]
    assert other.ratings["tuned"] == 12


def test_many_raters_of_few_questions_prove_nothing(tmp_path: Path) -> None:
    """Five groups, all raters of one mind: 50 ratings, and still five units."""
    one = rated(tmp_path, [1.0] * 10, 5, 1.0).criteria[0]
    assert one.decision.verdict == "not enough evidence" and one.decision.groups == 5
    assert one.decision.p == pytest.approx(2 / 2**5)


def test_raters_who_guess_disagree_and_it_is_said(tmp_path: Path) -> None:
    one = rated(tmp_path, [0.0] * 40, 3, 0.0).criteria[0]
    assert one.alpha is not None and one.alpha.low < 0
    assert one.decision.verdict == "not enough evidence"
    assert "do not agree beyond chance" in " ".join(sentences(one))


@pytest.mark.parametrize("language", LANGUAGES)
def test_unrated_and_equal_questions_are_counted_and_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, language: str
) -> None:
    monkeypatch.setenv("KAMERTON_LANG", language)
    key = hand_out(pairs(20, same=6), tmp_path, tmp_path / "keep", 2, ["relevance"])
    files = handed_in(tmp_path, key, dict.fromkeys((p.id for p in pairs(20)), 1.0), 1, 1.0)
    lines = files[0].read_text("utf-8").splitlines()
    blank = [line.rsplit(",", 1)[0] + "," for line in lines[1:6]]
    files[0].write_text("\n".join([lines[0], *blank, *lines[6:]]), "utf-8")
    one = rate(files, tmp_path / "keep" / KEY, tmp_path, RULE).criteria[0]
    assert (one.questions, one.identical, one.unrated) == (20, 6, 5)
    assert one.decision.rated == 15
    assert one.decision.least == pytest.approx((9 - 5) / 20)
    told = sentences(one)
    assert any("5" in line and "20" in line for line in told)
    assert not any("{" in line or "None" in line for line in told)


def test_the_consensus_of_raters_is_their_majority() -> None:
    said: list[tuple[str, Choice]] = [
        ("a", "tuned"), ("a", "tuned"), ("a", "base"),
        ("b", "tuned"), ("b", "base"),
        ("c", "unrated"), ("c", "base"),
        ("d", "unrated"),
    ]  # fmt: skip
    opinions = [
        Opinion(str(i), pair, "g", "safety", choice) for i, (pair, choice) in enumerate(said)
    ]
    assert consensus(opinions) == {
        ("a", "safety"): "tuned",
        ("b", "safety"): "tie",
        ("c", "safety"): "base",
        ("d", "safety"): "unrated",
    }
