"""One evaluation of a model on a task: asked or scored, counted, and written to a folder.

The folder has the ledger (`replies.jsonl` or `scores.jsonl`), the rows that the task gives,
`results.json` (the figures, and all that they depend on) and `report.html`. A second start asks
only what the first one left open.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel

from kamerton.client.connection import Model
from kamerton.client.ledger import Ledger
from kamerton.experiment.ask.asking import (
    REPLIES,
    Asked,
    Prompt,
    Reply,
    SamplesLeft,
    SamplingParams,
    ask_all,
)
from kamerton.experiment.ask.scoring import (
    SCORES,
    Likelihood,
    Part,
    Scored,
    Text,
    Tokens,
    score_all,
    tokenized,
)
from kamerton.experiment.report.blocks import Page, html
from kamerton.formats.jsonl import Record, write_rows, write_text

RESULTS, PAGE = "results.json", "report.html"


class Results(Record):
    """`results.json`: what every task's figures depend on."""

    task: str
    model: str
    """As a reader calls it."""
    fingerprint: str
    """Of weights and tokenizer."""
    cached: int
    """Replies or scores that an earlier start had left."""


@dataclass(frozen=True)
class Report:
    """What came of an evaluation."""

    results: Results
    lines: Sequence[str]
    """What a person reads, in the language in force."""
    page: Page
    files: Mapping[str, Sequence[BaseModel] | str]
    """Further files by name: rows, or a text."""
    notes: tuple[str, ...] = ()
    complaint: str = ""
    """Why the figures are not to be trusted; empty where they are."""


@dataclass(frozen=True)
class Generation:
    """Prompts that a model goes on from."""

    prompts: Sequence[Prompt]
    sampling: SamplingParams
    report: Callable[[Model, Asked], Report]
    is_right: Callable[[Reply], bool] | None = None
    """Where answers can be right: the share so far is shown with the progress."""
    samples_left: SamplesLeft | None = None
    """Ends a question's samples before all are asked; None: all are."""


@dataclass(frozen=True)
class Scoring:
    """Texts of which a model says how likely they are."""

    texts: Sequence[Text]
    parts: Callable[[Sequence[Tokens]], Sequence[Part]]
    """The token ids that are scored; InputError for texts that the model cannot read."""
    report: Callable[[Model, Sequence[Tokens], Scored], Report]


Evaluation = Generation | Scoring


def evaluate(evaluation: Evaluation, model: Model, out: Path) -> Report:
    """Ask or score what is not there yet, count, and write the folder `out`.

    Raises InputError when the server is gone or refuses something; what it answered is kept.
    """
    if isinstance(evaluation, Generation):
        replies = Ledger(out / REPLIES, Reply, "key")
        asked = ask_all(
            model,
            evaluation.prompts,
            evaluation.sampling,
            replies,
            evaluation.is_right,
            evaluation.samples_left,
        )
        report = evaluation.report(model, asked)
    else:
        tokens = tokenized(model, evaluation.texts)
        scores = Ledger(out / SCORES, Likelihood, "key")
        scored = score_all(model, evaluation.parts(tokens), scores)
        report = evaluation.report(model, tokens, scored)
    for name, content in report.files.items():
        if isinstance(content, str):
            write_text(out / name, content)
        else:
            write_rows(out / name, content)
    write_text(out / RESULTS, report.results.model_dump_json(indent=2) + "\n")
    write_text(out / PAGE, html(report.page))
    return report
