"""Losses in a part of the questions: found where planted, by corrected p, and not by chance."""

import random

import pytest

from finished_answers import SETTINGS, questions, samples, summary
from kamerton.experiment.finished import Finished
from kamerton.experiment.slices import LEAST_GROUPS, Slices, slices, topics_of
from kamerton.formats.language import LANGUAGES
from kamerton.formats.scores import Sample

ASKED = questions(known=30, safety=0)


def run(label: str, given: list[Sample]) -> Finished:
    told = summary(ASKED, given, "museum", "", ["base", "museum"])
    return Finished(label, "museum", given, told, SETTINGS, 3)


def spoilt(given: list[Sample], attribute: str, share: float) -> list[Sample]:
    """The same answers, wrong on a share of the questions about one attribute."""
    chance = random.Random(1)
    return [
        s.model_copy(update={"scores": {**s.scores, "factual_accuracy": 0.0}})
        if s.question_id.endswith(attribute) and chance.random() < share
        else s
        for s in given
    ]


def found(share: float) -> Slices:
    first = samples(ASKED, {"base": 0.1, "museum": 0.8}, 3)
    runs = [run("a", first), run("b", spoilt(first, "site", share))]
    return slices(runs, topics_of(ASKED))


def test_a_loss_is_found_in_the_part_where_it_was_planted() -> None:
    worse = [(s.dimension, s.value) for s in found(0.9).tested if s.verdict == "worse"]
    assert ("topic", "site") in worse
    assert not {("topic", "period"), ("topic", "material")} & set(worse)


def test_no_loss_is_claimed_where_there_is_none() -> None:
    told = found(0.0)
    assert {s.verdict for s in told.tested} <= {"equivalent", "not enough evidence"}
    assert len(told.tested) == 6 and told.left_out == 0, "three topics, three lengths"


def test_p_is_corrected_over_all_parts() -> None:
    told = found(0.9)
    (site,) = [s for s in told.tested if s.value == "site"]
    assert site.p_holm == pytest.approx(len(told.tested) / (SETTINGS.resamples + 1), rel=1e-6)


def test_parts_too_small_for_any_proof_are_left_out_and_counted() -> None:
    few = questions(known=LEAST_GROUPS - 1, safety=0)
    given = samples(few, {"base": 0.1, "museum": 0.8}, 3)
    told = summary(few, given, "museum", "", ["base", "museum"])
    runs = [Finished(name, "museum", given, told, SETTINGS, 3) for name in "ab"]
    parts = slices(runs, topics_of(few))
    assert parts.tested == [] and parts.left_out == 6


def test_a_silenced_run_claims_nothing() -> None:
    first = samples(ASKED, {"base": 0.1, "museum": 0.8}, 3)
    runs = [run("a", first), run("b", spoilt(first, "site", 0.9))]
    told = slices(runs, topics_of(ASKED), claims_verdict=False)
    assert {s.verdict for s in told.tested} == {"not enough evidence"}


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_part_has_a_name(language: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from kamerton.experiment.slices import name_of

    monkeypatch.setenv("KAMERTON_LANG", language)
    names = {name_of(one) for one in found(0.0).tested}
    assert len(names) == 6 and not any("slice" in name for name in names)
