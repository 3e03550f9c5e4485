"""The table of criteria: every name has its texts, and can be what a verdict rests on."""

import random
from collections.abc import Sequence
from importlib.resources import files
from importlib.util import find_spec

import pytest

from kamerton.experiment.board import compared
from kamerton.experiment.compare import cells, claims, comparisons, scored
from kamerton.experiment.criteria import ADVERT, GUIDE, JUDGED, SCORERS, TABLE, load
from kamerton.experiment.design import design
from kamerton.experiment.finished import Finished
from kamerton.experiment.gate import gate
from kamerton.experiment.generate import Reply
from kamerton.experiment.judge.settings import JudgeSettings
from kamerton.experiment.metrics import Context, criterion
from kamerton.experiment.scorers.bertscore import PACKAGED
from kamerton.experiment.settings import ExperimentSettings, GateSettings, Hypothesis
from kamerton.formats.language import Language, catalogue
from kamerton.formats.questions import HeldOut, Question
from kamerton.formats.scores import Sample, Summary
from kamerton.sandbox import available

WORDS = [
    "идол", "дама", "музей", "бронза", "камень", "крест", "Кипр", "Помос", "век", "холм", "глина",
    "рука",
]  # fmt: skip
ENGLISH = [
    "idol", "lady", "museum", "bronze", "stone", "cross", "Cyprus", "village", "age", "hill",
    "clay", "hand",
]  # fmt: skip
PROGRAM = "def add_{n}(x):\n    y = x + {n}\n    return y"


@pytest.mark.parametrize("language", ["en", "ru"])
def test_every_criterion_has_its_texts(language: Language) -> None:
    texts = catalogue("experiment", language)
    for name in TABLE:
        assert {f"criterion_{name}", f"rule_{name}"} <= set(texts), name
    templates = files("kamerton.experiment.judge") / "templates"
    for name in JUDGED:
        assert f"rating_criterion_{name}" in texts
        assert (templates / f"criterion_{name}.{language}.txt").is_file()


def test_every_criterion_lies_where_the_table_says() -> None:
    assert all(callable(load(name)) for name in TABLE if name not in SCORERS)
    assert [load(name).name for name in SCORERS] == list(SCORERS)


def test_an_unknown_name_is_refused_with_what_was_meant() -> None:
    with pytest.raises(ValueError, match="Did you mean rougeL"):
        ExperimentSettings(primary="rouge-L")
    with pytest.raises(ValueError, match="no criterion is called bleu"):
        JudgeSettings(base_url="x", model="y", criteria=["bleu"])
    assert ExperimentSettings(primary="bleu").rows_primary == "bleu"
    assert ExperimentSettings().rows_primary == ""
    assert ExperimentSettings(criteria=["format"]).guide_criteria == ["format", "factual_accuracy"]


def question(name: str, number: int) -> Question:
    """A question whose reference suits what the criterion compares."""
    words = ENGLISH if name == "bertscore" else WORDS  # its encoder is an English one
    asked, reference = "Что это?", " ".join(random.Random(number).choices(words, k=9)) + "."
    if "codebleu" in name or name == "pass@1":
        reference = PROGRAM.format(n=number)
        asked = f"Write it. Your code should pass:\nassert add_{number}(1) == {number + 1}"
    held_out: HeldOut = "safety" if name == "safety" else "known"
    refusal = "Я не могу помочь с этим."
    return Question(
        id=str(number),
        question=asked,
        answer=refusal if name == "safety" else reference,
        group=f"g{number}",
        group_name="вещь",
        held_out=held_out,
    )


def spoiled(name: str, reference: str) -> str:
    """An answer that every criterion finds worse, as a form and beside its reference."""
    kept = "" if name == "relevance" else reference[: len(reference) // 3]
    return f"## {kept}\n### Response:\nuser: 答案是的 nonsense, google it"


def compared_by(name: str) -> tuple[list[Sample], Summary, ExperimentSettings]:
    settings = ExperimentSettings(primary=name, criteria=[name], resamples=300)
    asked = [question(name, n) for n in range(12)]
    replies = [
        Reply(
            key=f"{arm}{q.id}",
            arm=arm,
            question_id=q.id,
            answer=q.answer if good else spoiled(name, q.answer),
            finish_reason="stop" if good else "length",
            prompt_tokens=9,
            completion_tokens=7,
            seconds=0.1,
        )
        for arm, good in (("base", False), ("tuned", True))
        for q in asked
    ]
    samples = scored(asked, replies, criteria=[name])
    held_out = asked[0].held_out
    declared = [Hypothesis(name="tuning", arm="tuned", against="base", held_out=held_out)]
    plan = design(settings.model_copy(update={"hypotheses": declared}), asked, "tuned")
    told = comparisons(samples, claims(settings, declared, "tuned"), settings, plan, 3, True)
    summary = Summary(
        claims_verdict=True,
        comparisons=told,
        cells=cells(samples, settings, 3, [held_out], [name]),
        arms=["base", "tuned"],
        seed=3,
    )
    return samples, summary, settings


def needs(name: str) -> str:
    """What a criterion cannot do without, where it is not here."""
    if name == "bertscore" and find_spec(PACKAGED.replace("-", "_")) is None:
        return PACKAGED
    if "codebleu" in name and find_spec("tree_sitter_python") is None:
        return "tree_sitter_python"
    return "bubblewrap" if name == "pass@1" and not available() else ""


@pytest.mark.parametrize("name", [name for name in TABLE if name not in ADVERT])
def test_every_criterion_reaches_a_verdict(name: str) -> None:
    """Those of advertising texts, which need briefs: `test_compare_adverts`."""
    if lacking := needs(name):
        pytest.skip(f"{lacking} is not installed")
    samples, summary, settings = compared_by(name)
    (told,) = summary.comparisons
    assert (told.verdict, told.criterion, told.family) == ("better", name, "primary")
    assert told.effect.kind == "constant" or told.effect.low > 0
    before, after = (cell.score for cell in summary.cells)
    assert told.effect.mean == pytest.approx(after.mean - before.mean)
    assert 0 <= before.mean < after.mean <= 1 + 1e-9
    runs = [Finished(arm, arm, samples, summary, settings, 3) for arm in ("base", "tuned")]
    board = compared(runs)
    assert board.comparisons[0].effect == told.effect and board.comparisons[0].verdict == "better"
    held = gate(runs[1], runs[0], GateSettings(safety=False, margin=0.5))
    assert held.checks[0].claim.effect == told.effect


@pytest.mark.parametrize("name", ["bleu", "chrf"])
def test_a_corpus_metric_is_no_mean_of_its_answers(name: str) -> None:
    samples, summary, _ = compared_by(name)
    (told,) = summary.comparisons
    of_arm: Sequence[Sample] = [s for s in samples if s.arm == "base"]
    whole = load(name).score([s.answer for s in of_arm], [[s.reference] for s in of_arm]).corpus
    cell = next(c for c in summary.cells if c.arm == "base")
    assert cell.score.mean == pytest.approx(whole / 100)
    assert cell.score.mean != pytest.approx(sum(s.scores[name] for s in of_arm) / len(of_arm))
    assert told.effect.kind == "corpus_bootstrap"


def test_a_scorer_needs_a_reference_and_a_guide_scores_its_five() -> None:
    asked = question("rougeL", 1).model_copy(update={"answer": ""})
    assert criterion("rougeL").scores([(asked, "идол", "stop")], Context({})) == [None]
    assert ExperimentSettings().guide_criteria[1:] == list(GUIDE[1:])
