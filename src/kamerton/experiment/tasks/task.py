"""One task, for all that is asked or graded: its data, its grading, what is asked of a model."""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from kamerton.experiment.ask.asking import SamplingParams
from kamerton.experiment.ask.evaluate import Evaluation
from kamerton.experiment.tasks.tables import Columns
from kamerton.formats.errors import InputError
from kamerton.formats.language import Language

DATA = "KAMERTON_TEST_DATA"
"""The variable that names the folder where published sets lie."""


@dataclass(frozen=True)
class Options:
    """How to grade or to ask. A task takes what concerns it."""

    data: Path | None = None
    """The problems, texts or references; None: the answers bring them, or the published set."""
    columns: Columns = field(default_factory=Columns)
    seed: int = 0
    max_unparsed: float = 0.2
    """Share of answers without a readable number above which maths is not trusted."""

    ks: tuple[int, ...] = ()
    """Grading. The k of pass@k; empty: 1, 10 and 100 where there are so many samples."""
    scorers: tuple[str, ...] = ()
    """Names of scorers of texts; empty: those of the task."""
    encoder: str = ""
    """Encoder of BERTScore; empty: the packaged one."""
    workers: int = 0
    """Boxes at a time; 0: one for each core."""
    out: Path | None = None
    """Where a long grading writes each answer as soon as it is judged."""

    title: str = ""
    """Asking. The model as a reader calls it."""
    language: Language = "en"
    """Of the worked examples in the prompt."""
    shots: int | None = None
    """Worked examples; None: as many as the task usually has."""
    sampling: SamplingParams = field(default_factory=SamplingParams)
    limit: int | None = None
    """Ask only the first so many; None: all."""
    letters: bool = False
    """List the choices and score their letters, not their texts."""
    count_from: int | None = None
    """The number of the first choice, where answers are numbers; None: it is found out."""
    window: int | None = None
    """Tokens of a window of a long text; None: as many as the model reads."""
    overlap: int = 1
    """Tokens at the beginning of a further window that were scored before."""


@dataclass(frozen=True)
class Outcome:
    """One grading of answers that were there already."""

    lines: tuple[str, ...]
    """What a person reads, in the language in force."""
    figures: dict[str, Any]
    """The same for programs; goes into JSON as it is."""
    items: Sequence[BaseModel]
    """Every answer, as it was read and judged."""
    complaint: str = ""
    """Why the figures are not to be trusted; empty where they are."""
    groups: Sequence[str] = ()
    """What each answer is about, in the order of `items`; empty: its question alone."""
    sums: Mapping[str, Callable[[], Sequence[Sequence[float]]]] = field(default_factory=dict)
    """Of measures of the whole corpus, by name, what gives the figures that each answer adds."""


@dataclass(frozen=True)
class Task:
    """One task. Figures of others stand in `published.yaml`, under its name."""

    name: str
    dataset: str = ""
    """Path of the published set below the folder that DATA names; empty: only a user's own."""
    grader: "Callable[[Task, Path, Options], Outcome] | None" = None
    """Grades a file of answers; None: this task has nothing to grade."""
    asker: "Callable[[Task, Options], Evaluation] | None" = None
    """Reads the data and says what is asked of a model; None: this task is graded only."""
    asking_options: frozenset[str] = frozenset()
    """Options of `kamerton eval` that concern it, beside those that concern all."""

    def grade(self, answers: Path, options: Options) -> Outcome:
        """Grade a file of answers. InputError for what cannot be used."""
        assert self.grader is not None, f"{self.name} grades no answers"
        return self.grader(self, answers, options)

    def evaluation(self, options: Options) -> Evaluation:
        """What is to be asked; all that can be checked before a model is started is checked.

        InputError names file, line and column of what cannot be used.
        """
        assert self.asker is not None, f"{self.name} asks nothing"
        return self.asker(self, options)

    def data(self, options: Options) -> Path:
        """The file of the problems: as given, else the published set where it lies here.

        Raises InputError where neither is.
        """
        if options.data is not None:
            return options.data
        folder = os.environ.get(DATA)
        if folder and self.dataset and (Path(folder) / self.dataset).is_file():
            return Path(folder) / self.dataset
        raise InputError("experiment.grade_no_data", task=self.name, variable=DATA)

    def own_data(self, options: Options) -> Path:
        """The user's own data; InputError where none is given."""
        if options.data is None:
            raise InputError("experiment.task_no_data", where="--data", task=self.name)
        return options.data
