"""What a task is asked, and what it gives: one signature for all of them."""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from kamerton.formats.errors import InputError

DATA = "KAMERTON_TEST_DATA"
"""The variable that names the folder where published sets lie."""


@dataclass(frozen=True)
class Columns:
    """Names of the columns of a user's own table; empty: the usual names are looked for."""

    id: str = ""
    answer: str = ""
    reference: str = ""
    group: str = ""


@dataclass(frozen=True)
class Options:
    """How to grade. A task takes what concerns it."""

    data: Path | None = None
    """The problems or references; None: the answers bring them, or the published set is here."""
    seed: int = 0
    max_unparsed: float = 0.2
    """Share of answers without a readable number above which maths is not trusted."""
    ks: tuple[int, ...] = ()
    """The k of pass@k; empty: 1, 10 and 100 where there are so many samples."""
    scorers: tuple[str, ...] = ()
    """Names of scorers of texts; empty: those of the task."""
    encoder: str = ""
    """Encoder of BERTScore; empty: the packaged one."""
    columns: Columns = field(default_factory=Columns)
    workers: int = 0
    """Boxes at a time; 0: one for each core."""


@dataclass(frozen=True)
class Outcome:
    """One grading."""

    lines: tuple[str, ...]
    """What a person reads, in the language in force."""
    figures: dict[str, Any]
    """The same for programs; goes into JSON as it is."""
    items: Sequence[BaseModel]
    """Every answer, as it was read and judged."""
    complaint: str = ""
    """Why the figures are not to be trusted; empty where they are."""


Grader = Callable[[str, Path, Options], Outcome]
"""Name of the task, file of answers, options. Raises InputError for files that it cannot use."""


def place(task: str, published: str, options: Options) -> Path:
    """The file of a task's problems: as given, else the published set where it lies here.

    `published` is its path below the folder that DATA names. Raises InputError where neither is.
    """
    if options.data is not None:
        return options.data
    folder = os.environ.get(DATA)
    if folder and published and (Path(folder) / published).is_file():
        return Path(folder) / published
    raise InputError("experiment.grade_no_data", task=task, variable=DATA)
