"""What speaks against a judge: flips, length, people; and verdicts under simulated truth."""

import numpy as np
import pytest
from recorded_judge import settings

from kamerton.experiment.judge.decide import Rule, Scored, decide
from kamerton.experiment.judge.pairs import Choice, Pair, pairs_of
from kamerton.experiment.judge.report import Outcome, calibrate, judged, length_effect
from kamerton.experiment.report.feedback import judge_sentences as sentences
from kamerton.formats.errors import InputError
from kamerton.formats.language import LANGUAGES
from kamerton.formats.scores import Sample

CHOICES: tuple[Choice, ...] = ("base", "tie", "tuned")


def pair(number: int, base: str = "ab", tuned: str = "abcd") -> Pair:
    return Pair(id=f"q{number}", question="?", base=base, tuned=tuned, group=f"g{number // 2}")


def said(choices: list[Choice], note: str = "") -> list[Outcome]:
    return [
        Outcome(pair(i), "relevance", choice, note, decided=2, firsts=1)  # type: ignore[arg-type]
        for i, choice in enumerate(choices)
    ]


def test_length_is_told_apart_from_quality() -> None:
    longer = [(pair(i), "tuned") for i in range(18)] + [(pair(i), "base") for i in range(18, 20)]
    shorter = [(pair(i, "abcd", "ab"), "base") for i in range(20, 30)]
    found = length_effect([*longer, *shorter, (pair(40), "tie"), (pair(41), "unrated")])
    assert (found.pairs, found.tuned_longer) == (30, 20)
    assert found.longer_won is not None and found.longer_won.mean == pytest.approx(28 / 30)
    assert (found.won_longer, found.won_shorter) == (0.9, 0.0)
    assert found.balanced == pytest.approx(0.45) and found.explains
    assert length_effect([(pair(1), "tie")]).longer_won is None
    assert not length_effect(longer).explains  # nothing to compare with, so nothing is claimed


def test_calibration_against_people() -> None:
    chance = np.random.default_rng(1)
    truth: list[Choice] = [CHOICES[i] for i in chance.integers(0, 3, 80)]
    people = {(f"q{i}", "relevance"): choice for i, choice in enumerate(truth)}
    good = calibrate(said(truth), people, "relevance")
    assert good.holds and good.kappa is not None and good.kappa.mean == 1.0 and good.kappa.low < 1
    guesses: list[Choice] = [CHOICES[i] for i in chance.integers(0, 3, 80)]
    poor = calibrate(said(guesses), people, "relevance")
    assert not poor.holds and poor.kappa is not None and poor.kappa.low < 0.2
    few = calibrate(said(truth[:4]), people, "relevance")
    assert few.pairs == 4 and not few.holds
    none = calibrate(said(["unrated"] * 4), people, "relevance")
    assert (none.pairs, none.kappa, none.holds) == (0, None, False)


def test_a_judge_that_disagrees_with_people_gives_no_verdict() -> None:
    outcomes = said(["tuned"] * 50 + ["base"] * 10)
    limits = settings("http://127.0.0.1:1/v1")
    alone = judged(outcomes, limits)[0]
    assert alone.decision.verdict == "better" and alone.withheld == []
    against = {(f"q{i}", "relevance"): CHOICES[i % 3] for i in range(60)}
    found = judged(outcomes, limits, against)[0]
    assert found.withheld == ["uncalibrated"]
    assert found.decision.verdict == "not enough evidence"
    assert "does not agree with people" in sentences(found)[0]


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_doubt_has_words(language: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KAMERTON_LANG", language)
    outcomes = said(["tuned"] * 6 + ["base"] * 5 + ["unrated"] * 9)
    outcomes = [
        Outcome(o.pair, "relevance", "unrated", why="timeout") if o.choice == "unrated" else o
        for o in outcomes
    ]
    people = {(f"q{i}", "relevance"): CHOICES[i % 3] for i in range(11)}
    limits = settings("http://127.0.0.1:1/v1")
    found = judged(outcomes, limits, people)[0]
    assert found.withheld == ["unrated", "uncalibrated"]
    lines = sentences(found)
    assert len(lines) >= 4 and not any("{" in line or "None" in line for line in lines)
    flipped = judged(said(["tie"] * 12, "flipped"), limits)[0]
    assert flipped.withheld == ["flips"] and sentences(flipped)
    clear = judged(said(["tuned"] * 40), limits)[0]
    assert clear.withheld == [] and len(sentences(clear)) > 2


def test_a_flip_is_no_evidence_of_sameness() -> None:
    groups = [str(i) for i in range(400)]
    ties = [Scored(group, 0.0) for group in groups]
    assert decide([ties], Rule(resamples=500))[0].verdict == "equivalent"
    doubtful = [Scored(group, 0.0, doubtful=i < 40) for i, group in enumerate(groups)]
    found = decide([doubtful], Rule(resamples=500))[0]
    assert found.verdict == "not enough evidence"


def test_the_unrated_could_turn_a_small_win() -> None:
    scored = [Scored(str(i), 1.0) for i in range(12)] + [
        Scored(str(i), None) for i in range(12, 30)
    ]
    found = decide([scored], Rule(resamples=500))[0]
    assert found.effect is not None and found.effect.mean == 1.0
    assert found.least < 0 and found.verdict == "not enough evidence"
    nothing = decide([[Scored("a", None)]], Rule())[0]
    assert (nothing.effect, nothing.p, nothing.rated) == (None, 1.0, 0)


def test_false_verdicts_are_as_rare_as_said_over_five_criteria() -> None:
    chance, false, trials = np.random.default_rng(6), 0, 80
    for trial in range(trials):
        family = []
        for _ in range(5):
            shared = np.repeat(chance.choice((-1.0, 0.0, 1.0), 25), 2)
            own = chance.choice((-1.0, 0.0, 1.0), 50)
            values = np.where(chance.random(50) < 0.5, shared, own)
            family.append([Scored(str(i // 2), float(v)) for i, v in enumerate(values)])
        found = decide(family, Rule(resamples=300, seed=trial))
        false += any(one.verdict in {"better", "worse"} for one in found)
    assert false / trials <= 0.05 + 3 * (0.05 * 0.95 / trials) ** 0.5


def test_a_plan_comes_with_missing_evidence_only() -> None:
    rule = Rule(resamples=500)
    weak = [Scored(str(i), (1.0, 0.0, -1.0, 1.0)[i % 4]) for i in range(20)]
    found = decide([weak], rule)[0]
    assert found.verdict == "not enough evidence" and (found.more_questions or 0) > 10
    assert decide([[Scored(str(i), 1.0) for i in range(20)]], rule)[0].more_questions is None


def test_pairs_come_from_samples_that_both_arms_have() -> None:
    def sample(arm: str, question: str) -> Sample:
        return Sample(
            arm=arm, question_id=question, held_out="known", group="g", question="?",
            reference="r", answer=f"{arm} {question}", finish_reason="stop",
            prompt_tokens=1, completion_tokens=1, seconds=0.1,
        )  # fmt: skip

    samples = [sample("base", "a"), sample("tuned", "a"), sample("tuned", "b")]
    found = pairs_of(samples, "tuned")
    assert [(p.id, p.base, p.tuned, p.unit) for p in found] == [("a", "base a", "tuned a", "g")]
    with pytest.raises(InputError, match="no question that both other and base"):
        pairs_of(samples, "other")
