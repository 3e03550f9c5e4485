"""What a judge model and people said of a run's answers, in words: verdicts with every doubt."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from kamerton.experiment.judge import report as judge
from kamerton.experiment.judge.decide import Decision
from kamerton.experiment.judge.report import Judged, JudgeReport
from kamerton.experiment.rating import verdict as rating
from kamerton.experiment.rating.verdict import Rated, RatingReport
from kamerton.experiment.report.figures import interval_legend, interval_marks, text
from kamerton.formats.errors import InputError
from kamerton.formats.jsonl import read_text
from kamerton.formats.scores import Interval, verdict_code

Model = TypeVar("Model", bound=BaseModel)


@dataclass(frozen=True)
class Feedback:
    """The verdicts of one judge, or of all raters."""

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
    feedback = []
    if (judged := _read(folder / judge.FILE, JudgeReport)) is not None:
        feedback.append(of_judge(judged if claims else judge.silenced(judged)))
    if (rated := _read(folder / rating.FILE, RatingReport)) is not None:
        feedback.append(of_people(rated if claims else rating.silenced(rated)))
    return feedback


def _read(path: Path, model: type[Model]) -> Model | None:
    if not path.is_file():
        return None
    try:
        return model.model_validate_json(read_text(path))
    except ValidationError as error:
        raise InputError("experiment.feedback_unreadable", where=str(path)) from error


def of_judge(report: JudgeReport) -> Feedback:
    """The judge's feedback."""
    values = {"model": report.model, "host": report.host, "requests": report.requests}
    return Feedback(
        title=text("feedback_judge", model=report.model),
        about=text("feedback_judge_about", **values),
        verdicts=[judge_sentences(one) for one in report.criteria],
    )


def of_people(report: RatingReport) -> Feedback:
    """The feedback of people's ratings."""
    return Feedback(
        title=text("feedback_people", raters=len(report.raters)),
        about=text("feedback_people_about", sheet=report.sheet),
        verdicts=[people_sentences(one) for one in report.criteria],
    )


def plain_text(feedback: Feedback) -> str:
    """Feedback for the terminal: verdicts, each with its doubts beneath."""
    parts = [
        f"{verdict}.\n" + "".join(f"  {doubt}\n" for doubt in doubts)
        for verdict, *doubts in feedback.verdicts
    ]
    return "\n".join([feedback.title + "\n", *parts]).rstrip("\n")


def judge_sentences(one: Judged) -> list[str]:
    """The verdict in words, then every doubt about it, in the language in force."""
    people, more = one.calibration, one.decision.more_questions
    kappa = people.kappa if people else None
    why = ", ".join(f"{text(f'judge_why_{code}')} ({n})" for code, n in one.unrated_why.items())
    values: dict[str, object] = dict(one) | {
        "criterion": text(f"criterion_{one.criterion}"),
        "reasons": why or "-",
        "changed": one.flipped + one.changed,
        "flips": round(100 * one.flip_share),
        "first": round(100 * (one.first_won or 0.0)),
        "balanced": round(100 * (one.length.balanced or 0.0)),
        "people": people.pairs if people else 0,
        "more": more or 0,
        "groups": one.decision.groups,
        "p": f"{one.decision.p_holm:.3g}",
        **_ends("longer", one.length.longer_won, lambda share: round(100 * share)),
        **_ends("kappa", kappa, "{:.2f}".format),
    }
    if one.withheld:
        reasons = "; ".join(text(f"judge_withheld_{code}", **values) for code in one.withheld)
        verdict = text("judge_no_verdict", why=reasons, **values)
    else:
        verdict = _verdict("judge", one.decision, values)
    notes = {
        "unrated": one.unrated > 0,
        "flips": one.flipped + one.changed > 0,
        "identical": one.identical > 0,
        "position": one.first_won is not None,
        "length": one.length.longer_won is not None,
        "length_explains": one.length.explains,
        "no_people": people is None,
        "kappa": kappa is not None,
        "more": not one.withheld and more is not None,
    }
    return [
        verdict,
        *(text(f"judge_note_{n}", **values) for n, applies in notes.items() if applies),
        *_interval(one.decision),
    ]


def people_sentences(one: Rated) -> list[str]:
    """The verdict in words, then every doubt about it, in the language in force."""
    alpha, more, rated = one.alpha, one.decision.more_questions, one.raters > 0
    values: dict[str, object] = dict(one) | {
        "criterion": text(f"criterion_{one.criterion}"),
        "units": one.compared,
        "more": more,
        "p": f"{one.decision.p_holm:.3g}",
        **_ends("alpha", alpha, "{:.2f}".format),
    }
    if rated and one.decision.effect:
        verdict = _verdict("rating", one.decision, values)
    else:
        verdict = text("rating_says_nothing", **values)
    notes = {
        "rating_note_agreement": alpha is not None,
        "rating_note_no_agreement": alpha is None,
        "rating_note_disagree": alpha is not None and alpha.low <= 0,
        "rating_note_unrated": one.unrated > 0,
        "rating_note_identical": one.identical > 0,
        "judge_note_more": rated and more is not None,
        "rating_note_scope": rated,
    }
    doubts = (text(note, **values) for note, applies in notes.items() if applies)
    return [verdict, *doubts, *_interval(one.decision)]


def _verdict(prefix: str, decision: Decision, values: dict[str, object]) -> str:
    assert decision.effect is not None, "a verdict without ratings is withheld"
    points = _ends("", decision.effect, lambda effect: f"{100 * effect:+.1f}")
    return text(f"{prefix}_says_{verdict_code(decision.verdict)}", **values, **points)


def _interval(decision: Decision) -> list[str]:
    """How the interval of a verdict was made; nothing where there is none."""
    effect = decision.effect
    return [interval_legend(interval_marks([effect]))] if effect and effect.kind else []


def _ends(
    name: str, interval: Interval | None, shown: Callable[[float], object]
) -> dict[str, object]:
    """Mean and ends of an interval under the names of the texts; dashes where there is none."""
    keys = (name or "mean", f"{name}_low".lstrip("_"), f"{name}_high".lstrip("_"))
    if interval is None:
        return dict.fromkeys(keys, "-")
    ends = (interval.mean, interval.low, interval.high)
    return {key: shown(end) for key, end in zip(keys, ends, strict=True)}
