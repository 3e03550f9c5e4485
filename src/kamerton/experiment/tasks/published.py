"""Figures that others have published for a task, to be shown beside ours (`published.yaml`).

They stand there to give the order of magnitude. Prompts, extractors and samples differ, so no
difference from them is a finding.
"""

from functools import cache
from importlib.resources import files
from typing import Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field

from kamerton.formats.language import current, say


class Prompt(BaseModel):
    """How the model was asked, in both languages."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    en: str
    ru: str


class Published(BaseModel):
    """One published figure."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    task: str
    model: str
    measure: Literal["accuracy", "vote", "pass@1", "pass@10", "pass@100"]
    score: float = Field(ge=0, le=100)
    """In per cent."""
    prompt: Prompt
    source: str
    """Paper and number, where the figure stands."""


def published(task: str) -> list[Published]:
    """The published figures of a task; none for a task of a user's own."""
    return [one for one in _all() if one.task == task]


def lines(task: str) -> list[str]:
    """The same as text, with a head line; nothing where there are none."""
    figures = published(task)
    head = [say("experiment.grade_published")] if figures else []
    return [*head, *(f"  {_line(one)}" for one in figures)]


def _line(one: Published) -> str:
    prompt = one.prompt.ru if current() == "ru" else one.prompt.en
    measure = say(f"experiment.grade_{one.measure}") if "@" not in one.measure else one.measure
    return f"{one.model}: {measure} {one.score:.1f} % ({prompt}; {one.source})"


@cache
def _all() -> tuple[Published, ...]:
    text = (files("kamerton.experiment.tasks") / "published.yaml").read_text("utf-8")
    return tuple(Published.model_validate(one) for one in yaml.safe_load(text))
