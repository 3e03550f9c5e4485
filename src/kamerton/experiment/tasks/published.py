"""Figures that others have published for a task, to be shown beside ours (`published.yaml`).

They stand there to give the order of magnitude. Prompts, extractors and samples differ, so no
difference from them is a finding.
"""

from functools import cache
from importlib.resources import files
from typing import Literal

import yaml
from pydantic import Field

from kamerton.formats.jsonl import Record
from kamerton.formats.language import Language, current, say


class Published(Record):
    """One published figure."""

    task: str
    model: str
    measure: Literal["accuracy", "vote", "pass@1", "pass@10", "pass@100"]
    score: float = Field(ge=0, le=100)
    """In per cent."""
    prompt: dict[Language, str]
    """How the model was asked, in both languages."""
    source: str
    """Paper and number, where the figure stands."""


@cache
def published(task: str) -> tuple[Published, ...]:
    """The published figures of a task; none for a task of a user's own."""
    text = (files("kamerton.experiment.tasks") / "published.yaml").read_text("utf-8")
    rows = map(Published.model_validate, yaml.safe_load(text))
    return tuple(one for one in rows if one.task == task)


def lines(task: str) -> list[str]:
    """The same as text, with a head line; nothing where there are none."""
    figures = published(task)
    head = [say("experiment.grade_published")] if figures else []
    return [*head, *(f"  {_line(one)}" for one in figures)]


def _line(one: Published) -> str:
    prompt = one.prompt[current()]
    measure = say(f"experiment.grade_{one.measure}") if "@" not in one.measure else one.measure
    return f"{one.model}: {measure} {one.score:.1f} % ({prompt}; {one.source})"
