"""What the public functions give: values that explain themselves, on a console and in notebooks."""

import html
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

from kamerton.app.recipe import Recipe
from kamerton.app.runs import place_of, recipe_of
from kamerton.formats.errors import InputError
from kamerton.formats.jsonl import read_model, read_rows, read_text
from kamerton.formats.language import label, say
from kamerton.formats.pretraining import PRETRAINING
from kamerton.formats.scores import SAMPLES, SUMMARY, Comparison, Sample, Summary, verdict_code
from kamerton.pipeline.folder import read_run

if TYPE_CHECKING:
    from kamerton.experiment.board import Board
    from kamerton.experiment.report.board import Form
    from kamerton.experiment.slices import Slices
    from kamerton.retrieval.search import Hit

REPORT, CARD = "report.html", "model_card.md"


@dataclass(frozen=True)
class Plan:
    """What `run` would do: nothing has been computed or written."""

    recipe: Recipe
    """All values, defaults included."""
    stages: dict[str, str]
    """Stage name to how far it has come: done, to do, partial, corrupt."""
    figures: dict[str, Any]
    """Counts of rows and questions, cost of training, smallest detectable difference."""
    lines: tuple[str, ...]
    """The same in words."""

    def __str__(self) -> str:
        """Stages, then the figures in words."""
        return "\n".join(
            [*(f"{name}: {state}" for name, state in self.stages.items()), *self.lines]
        )

    def _repr_html_(self) -> str:
        lines = "".join(f"<p>{html.escape(line)}</p>" for line in self.lines)
        return html_table(("", ""), self.stages.items()) + lines


@dataclass(frozen=True)
class Run:
    """A finished run: its verdicts, figures, answers and pages."""

    folder: Path
    ran: tuple[str, ...] = ()
    """Stages that were not done before; of an opened run none."""
    adapter: str = ""
    """Which of several adapters; empty where there is one."""

    @property
    def name(self) -> str:
        """`museum/3`; `museum/3#code` for one of several adapters."""
        name = f"{self.folder.parent.name}/{self.folder.name}"
        return f"{name}#{self.adapter}" if self.adapter else name

    @property
    def address(self) -> str:
        """What every command takes as RUN, wherever the working folder is."""
        return f"{self.folder}#{self.adapter}" if self.adapter else str(self.folder)

    @cached_property
    def recipe(self) -> Recipe:
        """The recipe that made it, with all values."""
        return recipe_of(self.folder)

    @cached_property
    def adapters(self) -> dict[str, "Run"]:
        """The run as each of several adapters sees it; empty where there is one."""
        return {} if self.adapter else {n: replace(self, adapter=n) for n in self.recipe.adapters}

    @property
    def comparisons(self) -> list[Comparison]:
        """All hypotheses that were tested, of all adapters; none where nothing was compared."""
        parts = self.adapters.values() or (self,)
        return [one for run in parts if run._file(SUMMARY) for one in run.summary.comparisons]

    @property
    def verdicts(self) -> dict[str, str]:
        """Primary hypotheses with their verdicts: better, worse or not enough evidence."""
        return {c.name: c.verdict for c in self.comparisons if c.family == "primary"}

    @cached_property
    def summary(self) -> Summary:
        """All scores and comparisons; InputError where the run compared nothing."""
        return read_model(self._demand(SUMMARY), Summary)

    @cached_property
    def samples(self) -> list[Sample]:
        """Every answer of every arm with its scores; InputError where nothing was asked."""
        return read_rows(self._demand(SAMPLES), Sample)

    @property
    def report(self) -> Path | None:
        """The page; None where the run ends with a dataset."""
        return self._file(REPORT) or self._file("card.html")

    @property
    def model_card(self) -> Path | None:
        """The model card; None where no model was made."""
        return self._file(CARD)

    @property
    def figures(self) -> dict[str, Any]:
        """As `kamerton run --json`: the summary, a pretraining's figures or a dataset's."""
        if self.adapters:
            return {name: run.figures for name, run in self.adapters.items()}
        files = (self._file(name) for name in (SUMMARY, PRETRAINING, "card.json"))
        return dict(json.loads(read_text(next(path for path in files if path))))

    @property
    def table(self) -> str:
        """The words that end a run: scores, intervals, the verdict; of a dataset its card."""
        stages = read_run(self.folder).folders(self.folder)
        for name, folder in stages.items():
            path = folder / self.adapter / "table.txt"
            if name.does == "report" and path.is_file():
                return read_text(path)
        _, _, text = read_text(self._demand("card.md")).partition("\n---\n\n")
        return "\n".join(text.splitlines()[2:5])

    def __str__(self) -> str:
        """Its name and the words that end a run."""
        return f"{self.name}\n\n{self.table}"

    def _repr_html_(self) -> str:
        rows = [_told(one) for one in self.comparisons if one.family == "primary"]
        head = say("app.result_head").split("|")
        body = html_table(head, rows) if rows else f"<pre>{html.escape(self.table)}</pre>"
        link = self.report
        page = f'<p><a href="{html.escape(str(link))}">{link.name}</a></p>' if link else ""
        return f"<h4>{html.escape(self.name)}</h4>{body}{page}"

    def _file(self, name: str) -> Path | None:
        path = self.folder / (f"{self.adapter}.{name}" if self.adapter else name)
        return path if path.is_file() else None

    def _demand(self, name: str) -> Path:
        if self.adapters:
            place_of(self.name)  # says which adapters there are
        path = self._file(name)
        if path is None:
            raise InputError("app.result_missing", where=self.name, file=name)
        return path


@dataclass(frozen=True)
class BoardOfRuns:
    """Several runs on the same held-out questions, each against the first."""

    board: "Board"
    parts: "Slices"

    @property
    def verdicts(self) -> dict[str, str]:
        """Each run but the first with its verdict on the primary criterion."""
        return {c.arm: c.verdict for c in self.board.comparisons if c.family == "primary"}

    @property
    def rows(self) -> list[dict[str, str | float | int]]:
        """One row for each run, held-out set and criterion: score, interval, effect, p, verdict."""
        from kamerton.experiment.report.board import rows_of

        return rows_of(self.board)

    def exported(self, form: "Form" = "text") -> str:
        """The table as text, csv, json, latex or markdown."""
        from kamerton.experiment.report.board import exported

        return exported(self.board, self.parts, form)

    @property
    def sentences(self) -> list[str]:
        """Primary verdicts, every proved loss, and the parts in which a run got worse."""
        from kamerton.experiment.report.board import sentences

        return sentences(self.board, self.parts)

    def __str__(self) -> str:
        """The table in plain text, and the verdicts in words."""
        return "\n".join([self.exported(), "", *self.sentences])

    def _repr_html_(self) -> str:
        from kamerton.experiment.report.board import HEAD

        words = "".join(f"<p>{html.escape(sentence)}</p>" for sentence in self.sentences)
        return html_table(HEAD, [[row[name] for name in HEAD] for row in self.rows]) + words


@dataclass(frozen=True)
class Hits:
    """Passages that retrieval found, the best first."""

    query: str
    hits: "tuple[Hit, ...]"

    def __len__(self) -> int:
        """How many were found."""
        return len(self.hits)

    def __iter__(self) -> "Iterator[Hit]":
        """Passages with their scores."""
        return iter(self.hits)

    def __getitem__(self, place: int) -> "Hit":
        """The passage of that rank, from 0."""
        return self.hits[place]

    @property
    def rows(self) -> list[dict[str, Any]]:
        """Rank, score and passage of each, as plain values."""
        fields = {"id", "title", "text", "source", "start", "end"}
        return [
            {"rank": rank, "score": hit.score, **hit.chunk.model_dump(include=fields)}
            for rank, hit in enumerate(self.hits, start=1)
        ]

    def __str__(self) -> str:
        """Rank, score, id and text, one passage a line."""
        return "\n".join("  ".join(cells) for cells in self.cells)

    def _repr_html_(self) -> str:
        return html_table(("", "", "", self.query), self.cells)

    @property
    def cells(self) -> list[tuple[str, ...]]:
        """Rank, score, id and text of each, as text."""
        return [
            (str(rank), f"{hit.score:.4f}", hit.chunk.id, " ".join(hit.chunk.text.split()))
            for rank, hit in enumerate(self.hits, start=1)
        ]


@dataclass(frozen=True)
class Graded:
    """Figures of a task: of answers that were made elsewhere, or of a model that was asked."""

    task: str
    figures: dict[str, Any]
    """As `--json` prints them."""
    lines: tuple[str, ...]
    """The same in words."""
    items: Sequence[BaseModel] = ()
    """Every answer, as it was read and judged."""
    complaint: str = ""
    """Why the figures are not to be trusted; empty where they are."""
    page: Path | None = None

    def __str__(self) -> str:
        """The figures in words, and what is to be minded."""
        return "\n".join([*self.lines, *filter(None, [self.complaint])])

    def _repr_html_(self) -> str:
        link = self.page
        page = f'<p><a href="{html.escape(str(link))}">{link.name}</a></p>' if link else ""
        return f"<pre>{html.escape(str(self))}</pre>{page}"


def html_table(head: Iterable[str], rows: Iterable[Iterable[object]]) -> str:
    """A plain HTML table; a head of empty names is left out."""
    top = f"<thead>{_line(head, 'th')}</thead>" if any(head) else ""
    body = "".join(_line(row, "td") for row in rows)
    return f"<table>{top}<tbody>{body}</tbody></table>"


def _line(cells: Iterable[object], tag: str) -> str:
    inner = "".join(f"<{tag}>{html.escape(str(cell))}</{tag}>" for cell in cells)
    return f"<tr>{inner}</tr>"


def _told(one: Comparison) -> tuple[str, ...]:
    low, mean, high = (f"{v:+.3f}" for v in (one.effect.low, one.effect.mean, one.effect.high))
    name = label("experiment", "hypothesis", one.name)
    verdict = say(f"experiment.verdict_{verdict_code(one.verdict)}")
    return name, verdict, f"{mean} [{low}; {high}]", f"{one.p_holm:.3g}", str(one.questions)
