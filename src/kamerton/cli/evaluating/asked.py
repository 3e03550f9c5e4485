"""What `kamerton eval` was asked, and what a task makes of it."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from kamerton.formats.errors import InputError
from kamerton.formats.language import LANGUAGES

if TYPE_CHECKING:
    from kamerton.client.connection import Model
    from kamerton.experiment.ask.asking import How
    from kamerton.formats.language import Language


@dataclass(frozen=True)
class Names:
    """Names of the columns of a user's own table; empty: the usual names are looked for."""

    id: str
    question: str
    answer: str
    text: str
    group: str


@dataclass(frozen=True)
class Asked:
    """The options of one call."""

    task: str
    title: str
    """The model as a reader calls it."""
    samples: int
    temperature: float | None
    limit: int | None
    early: bool
    prompts: str
    shots: int | None
    max_tokens: int
    max_unparsed: float
    data: Path | None
    out: Path
    seed: int
    columns: Names
    letters: bool
    count_from: int | None
    window: int | None
    overlap: int
    as_json: bool

    @property
    def language(self) -> "Language":
        """Of the prompts; InputError for one that there is not."""
        if self.prompts not in LANGUAGES:
            known = ", ".join(LANGUAGES)
            raise InputError("experiment.maths_no_prompt", language=self.prompts, known=known)
        return self.prompts

    @property
    def how(self) -> "How":
        """How answers are asked for; InputError for several greedy ones."""
        from kamerton.experiment.ask.asking import How

        many = self.samples > 1
        heat = self.temperature if self.temperature is not None else 0.7 if many else 0.0
        if many and heat == 0:
            raise InputError("cli.eval_greedy_samples", where="--samples", samples=self.samples)
        return How(self.samples, heat, self.max_tokens, seed=self.seed, early=self.early)

    @property
    def file(self) -> Path:
        """The user's own data; InputError where none is given."""
        if self.data is None:
            raise InputError("cli.eval_no_data", where="--data", task=self.task)
        return self.data


Run = Callable[["Model"], int]
"""Asks a running model, writes the folder, tells the figures; the exit code."""


@dataclass(frozen=True)
class Task:
    """One task."""

    prepare: Callable[[Asked], Run]
    """Reads and checks all that can be checked before a model is started; InputError."""
    options: frozenset[str]
    """Parameters of the command that concern this task, beside those that concern all."""
