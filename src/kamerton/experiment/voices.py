"""What a judge model and people said of a run: for its report, its card, and its verdicts."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from kamerton.experiment.judge import report as judge
from kamerton.experiment.rating import verdict as rating
from kamerton.formats.errors import InputError
from kamerton.formats.jsonl import read_text
from kamerton.formats.language import say


@dataclass(frozen=True)
class Said:
    """One criterion in words."""

    verdict: str
    notes: list[str]


@dataclass(frozen=True)
class Voice:
    """One section of the report."""

    title: str
    about: str
    said: list[Said]


def voices(folder: Path | None, claims: bool = True) -> list[Voice]:
    """What lies in a run's folder beside its report: judge.json, then ratings.json.

    `claims` is false for a run that may claim no verdict: then there is none here either, even
    where the file has one from before.
    """
    if folder is None:
        return []
    found = [of(folder, claims) for of in (_judge, _people)]
    return [voice for voice in found if voice is not None]


def of_judge(report: judge.JudgeReport) -> Voice:
    """The judge's section."""
    values = {"model": report.model, "host": report.host, "requests": report.requests}
    return Voice(
        title=say("experiment.voice_judge", model=report.model),
        about=say("experiment.voice_judge_about", **values),
        said=[_said(judge.sentences(one)) for one in report.criteria],
    )


def of_people(report: rating.RatingReport) -> Voice:
    """The section of people's ratings."""
    return Voice(
        title=say("experiment.voice_people", raters=len(report.raters)),
        about=say("experiment.voice_people_about", sheet=report.sheet),
        said=[_said(rating.sentences(one)) for one in report.criteria],
    )


def lines(found: Sequence[Voice]) -> list[str]:
    """One line for each voice, for the model card: the verdicts without their doubts."""
    return [f"**{v.title}.** " + " ".join(f"{one.verdict}." for one in v.said) for v in found]


def text(voice: Voice) -> str:
    """A voice for the terminal: verdicts, each with its doubts beneath."""
    told = [f"{one.verdict}.\n" + "".join(f"  {n}\n" for n in one.notes) for one in voice.said]
    return "\n".join([voice.title + "\n", *told]).rstrip("\n")


def _said(sentences: list[str]) -> Said:
    return Said(sentences[0], sentences[1:])


def _judge(folder: Path, claims: bool) -> Voice | None:
    found = _read(folder / judge.FILE, judge.JudgeReport)
    return of_judge(found if claims else judge.silenced(found)) if found else None


def _people(folder: Path, claims: bool) -> Voice | None:
    found = _read(folder / rating.FILE, rating.RatingReport)
    return of_people(found if claims else rating.silenced(found)) if found else None


Model = TypeVar("Model", bound=BaseModel)


def _read(path: Path, model: type[Model]) -> Model | None:
    if not path.is_file():
        return None
    try:
        return model.model_validate_json(read_text(path))
    except ValidationError as error:
        raise InputError("experiment.voice_unreadable", where=str(path)) from error
