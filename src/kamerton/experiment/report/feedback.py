"""What a judge model and people said of a run's answers, in words: verdicts with every doubt."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from kamerton.experiment.judge import report as judge
from kamerton.experiment.judge.report import Judged, JudgeReport
from kamerton.experiment.rating import verdict as rating
from kamerton.experiment.rating.verdict import Rated, RatingReport
from kamerton.formats.errors import InputError
from kamerton.formats.jsonl import read_text
from kamerton.formats.language import say

Model = TypeVar("Model", bound=BaseModel)


@dataclass(frozen=True)
class Feedback:
    """The word of one judge, or of all raters."""

    title: str
    about: str
    verdicts: list[list[str]]
    """Each criterion's sentences: the verdict, then the doubts about it."""


def read_feedback(folder: Path | None, claims: bool = True) -> list[Feedback]:
    """What lies in a run's folder beside its report: judge.json, then ratings.json.

    `claims` is false for a run that may claim no verdict: then there is none here either, even
    where the file has one from before.
    """
    if folder is None:
        return []
    given = []
    if (judged := _read(folder / judge.FILE, JudgeReport)) is not None:
        given.append(of_judge(judged if claims else judge.silenced(judged)))
    if (rated := _read(folder / rating.FILE, RatingReport)) is not None:
        given.append(of_people(rated if claims else rating.silenced(rated)))
    return given


def of_judge(report: JudgeReport) -> Feedback:
    """The judge's feedback."""
    values = {"model": report.model, "host": report.host, "requests": report.requests}
    return Feedback(
        title=say("experiment.feedback_judge", model=report.model),
        about=say("experiment.feedback_judge_about", **values),
        verdicts=[judge_sentences(one) for one in report.criteria],
    )


def of_people(report: RatingReport) -> Feedback:
    """The feedback of people's ratings."""
    return Feedback(
        title=say("experiment.feedback_people", raters=len(report.raters)),
        about=say("experiment.feedback_people_about", sheet=report.sheet),
        verdicts=[people_sentences(one) for one in report.criteria],
    )


def lines(feedback: Sequence[Feedback]) -> list[str]:
    """One line for each, for the model card: the verdicts without their doubts."""
    return [
        f"**{one.title}.** " + " ".join(f"{verdict}." for verdict, *_ in one.verdicts)
        for one in feedback
    ]


def text(feedback: Feedback) -> str:
    """Feedback for the terminal: verdicts, each with its doubts beneath."""
    parts = [
        f"{verdict}.\n" + "".join(f"  {doubt}\n" for doubt in doubts)
        for verdict, *doubts in feedback.verdicts
    ]
    return "\n".join([feedback.title + "\n", *parts]).rstrip("\n")


def _read(path: Path, model: type[Model]) -> Model | None:
    if not path.is_file():
        return None
    try:
        return model.model_validate_json(read_text(path))
    except ValidationError as error:
        raise InputError("experiment.feedback_unreadable", where=str(path)) from error


def judge_sentences(one: Judged) -> list[str]:
    """The verdict in words, then every doubt about it, in the language in force."""
    name = say(f"experiment.criterion_{one.criterion}")
    if one.withheld:
        reasons = [
            say(f"experiment.judge_withheld_{code}", **_judge_values(one)) for code in one.withheld
        ]
        lines = [say("experiment.judge_no_verdict", criterion=name, why="; ".join(reasons))]
    else:
        effect = one.decision.effect
        assert effect is not None, "a verdict without ratings is withheld"
        points = {k: f"{100 * getattr(effect, k):+.1f}" for k in ("mean", "low", "high")}
        key = f"experiment.judge_says_{one.decision.verdict.replace(' ', '_')}"
        lines = [say(key, criterion=name, **points, **_judge_values(one))]
    return lines + [
        say(f"experiment.judge_note_{code}", **_judge_values(one)) for code in _judge_notes(one)
    ]


def _judge_notes(one: Judged) -> list[str]:
    """Doubts and facts that are said beside any verdict."""
    more = one.decision.more_questions
    tests = {
        "unrated": one.unrated > 0,
        "flips": one.flipped + one.changed > 0,
        "identical": one.identical > 0,
        "position": one.first_won is not None,
        "length": one.length.longer_won is not None,
        "length_explains": one.length.explains,
        "no_people": one.calibration is None,
        "kappa": one.calibration is not None and one.calibration.kappa is not None,
        "more": not one.withheld and more is not None,
    }
    return [code for code, applies in tests.items() if applies]


def _judge_values(one: Judged) -> dict[str, object]:
    """What the sentences may name."""
    why = ", ".join(
        f"{say(f'experiment.judge_why_{code}')} ({count})"
        for code, count in one.unrated_why.items()
    )
    longer, people = one.length.longer_won, one.calibration
    kappa = people.kappa if people else None
    return {
        "pairs": one.pairs,
        "tuned": one.tuned,
        "base": one.base,
        "ties": one.ties,
        "identical": one.identical,
        "unrated": one.unrated,
        "reasons": why or "-",
        "changed": one.flipped + one.changed,
        "flips": round(100 * one.flip_share),
        "first": round(100 * (one.first_won or 0.0)),
        "longer": round(100 * longer.mean) if longer else "-",
        "longer_low": round(100 * longer.low) if longer else "-",
        "longer_high": round(100 * longer.high) if longer else "-",
        "balanced": round(100 * (one.length.balanced or 0.0)),
        "people": people.pairs if people else 0,
        "kappa": f"{kappa.mean:.2f}" if kappa else "-",
        "kappa_low": f"{kappa.low:.2f}" if kappa else "-",
        "kappa_high": f"{kappa.high:.2f}" if kappa else "-",
        "more": one.decision.more_questions or 0,
        "groups": one.decision.groups,
        "p": f"{one.decision.p_holm:.3g}",
    }


def people_sentences(one: Rated) -> list[str]:
    """The verdict in words, then every doubt about it, in the language in force."""
    effect = one.decision.effect
    values: dict[str, object] = {
        "criterion": say(f"experiment.criterion_{one.criterion}"),
        "raters": one.raters,
        "questions": one.questions,
        "unrated": one.unrated,
        "identical": one.identical,
        "units": one.compared,
        "more": one.decision.more_questions,
        "p": f"{one.decision.p_holm:.3g}",
    }
    if one.alpha:
        ends = {"alpha": one.alpha.mean, "alpha_low": one.alpha.low, "alpha_high": one.alpha.high}
        values |= {name: f"{value:.2f}" for name, value in ends.items()}
    if not one.raters or effect is None:
        lines = [say("experiment.rating_says_nothing", **values)]
    else:
        points = {k: f"{100 * getattr(effect, k):+.1f}" for k in ("mean", "low", "high")}
        key = f"experiment.rating_says_{one.decision.verdict.replace(' ', '_')}"
        lines = [say(key, **values, **points)]
    return lines + [say(f"experiment.{note}", **values) for note in _people_notes(one)]


def _people_notes(one: Rated) -> list[str]:
    tests = {
        "rating_note_agreement": one.alpha is not None,
        "rating_note_no_agreement": one.alpha is None,
        "rating_note_disagree": one.alpha is not None and one.alpha.low <= 0,
        "rating_note_unrated": one.unrated > 0,
        "rating_note_identical": one.identical > 0,
        "judge_note_more": one.raters > 0 and one.decision.more_questions is not None,
        "rating_note_scope": one.raters > 0,
    }
    return [note for note, applies in tests.items() if applies]
