"""Prompts continued by a model: texts to be read, how many ended, and how many run in a loop."""

from collections.abc import Sequence
from pathlib import Path

from kamerton import stats
from kamerton.client.connection import Model
from kamerton.experiment.ask.asking import Asked, Prompt
from kamerton.experiment.ask.evaluate import Generation, Report, Results
from kamerton.experiment.report import evaluation
from kamerton.experiment.report.blocks import (
    Answer,
    Answers,
    Block,
    Page,
    Question,
    Section,
    Term,
    Text,
)
from kamerton.experiment.report.evaluation import share_with_interval
from kamerton.experiment.report.figures import text
from kamerton.experiment.tasks.maths.grading import AnswerRow
from kamerton.experiment.tasks.maths.text import looped
from kamerton.experiment.tasks.perplexity import TXT
from kamerton.experiment.tasks.tables import IDS, QUESTIONS, Columns, read_table
from kamerton.experiment.tasks.task import Options, Task
from kamerton.formats.jsonl import read_text
from kamerton.formats.language import say
from kamerton.formats.manifest import digest
from kamerton.formats.scores import Interval

ANSWERS = "answers.jsonl"
_NAMES = (*QUESTIONS, "text", "beginning")


class ContinuationResults(Results):
    """`results.json` of continuations."""

    prompts: str
    """Digest of all prompts."""
    settings: dict[str, object]
    beginnings: int
    """Prompts."""
    answers: int
    prompt_tokens: int
    """Of all prompts, each counted once."""
    completion_tokens: int
    ended: Interval
    """Share of continuations that the model ended by itself, and no limit cut."""
    looped: Interval
    """Share of those that end in a loop: the same words four times running."""
    method: str
    """How the intervals were made: `wilson`, or `bootstrap` over prompts."""


class Continued(AnswerRow):
    """One prompt with all its continuations: a line of `answers.jsonl`."""

    loops: list[bool]


def read_prompts(path: Path, columns: Columns) -> list[Prompt]:
    """The prompts of a table, or the lines of a text file, without those that are blank.

    Without ids the place in the file, from 0. InputError names line and column.
    """
    if path.suffix.lower() == TXT:
        lines = [line.removesuffix("\r") for line in read_text(path).split("\n")]
        kept = [line for line in lines if line.strip()]
        return [Prompt(str(place), line) for place, line in enumerate(kept)]
    table = read_table(path, "experiment.texts_no_rows")
    column = table.required("text", columns.text, _NAMES, "prompt")
    id_column = table.column("id", columns.id, IDS)
    return [Prompt(id, content) for id, content, _ in table.keyed_texts(column, id_column)]


def ask_continuation(task: Task, options: Options) -> Generation:
    """The prompts of a user's own file."""
    return continuation(options, read_prompts(task.own_data(options), options.columns))


def continuation(options: Options, prompts: Sequence[Prompt]) -> Generation:
    """What a model is asked to continue, and how it is counted."""
    prompts = prompts[: options.limit]
    return Generation(
        prompts,
        options.sampling,
        lambda model, asked: _report(options, prompts, model, asked),
    )


def _report(options: Options, prompts: Sequence[Prompt], model: Model, asked: Asked) -> Report:
    rows = [
        Continued(
            id=prompt.id,
            question=prompt.text,
            answers=[reply.text for reply in replies],
            finish_reasons=[reply.finish_reason for reply in replies],
            loops=[looped(reply.text) for reply in replies],
        )
        for prompt in prompts
        for replies in [asked.replies[prompt.id]]
    ]
    seed = options.sampling.seed
    ended = _share(rows, [r == "stop" for row in rows for r in row.finish_reasons], seed)
    results = ContinuationResults(
        task="continuation",
        model=options.title,
        fingerprint=model.fingerprint,
        cached=asked.cached,
        prompts=digest(*(one.text for one in prompts)),
        settings=options.sampling.settings(),
        beginnings=len(prompts),
        answers=len(asked.all),
        prompt_tokens=asked.prompt_tokens,
        completion_tokens=asked.completion_tokens,
        ended=ended,
        looped=_share(rows, [loop for row in rows for loop in row.loops], seed),
        method=ended.kind,
    )
    return Report(results, _lines(results), continuation_page(results, rows), {ANSWERS: rows})


def _share(rows: Sequence[Continued], counts: Sequence[bool], seed: int) -> Interval:
    """A share of all continuations; those of one prompt are clustered."""
    units = [str(row.id) for row in rows for _ in row.answers]
    values = [float(one) for one in counts]
    return stats.interval(values, units, seed=seed)


def _lines(results: ContinuationResults) -> list[str]:
    """What a person reads, in the language in force, one statement a line."""
    method = say(f"experiment.interval_{results.method}")
    return [
        say(
            "experiment.continue_asked",
            beginnings=results.beginnings,
            answers=results.answers,
            temperature=f"{results.settings['temperature']:g}",
        ),
        say("experiment.continue_ended", share=share_with_interval(results.ended), method=method),
        say("experiment.continue_looped", share=share_with_interval(results.looped)),
    ]


def continuation_page(results: ContinuationResults, rows: Sequence[Continued]) -> Page:
    """Prompts and their continuations, side by side."""
    title = text("ask_title", task=text("continue_title"), model=results.model)
    terms = [
        Term(text("ask_prompts"), codes=[results.prompts]),
        *evaluation.settings(results.settings, results.prompt_tokens, results.completion_tokens),
    ]
    lines: list[Block] = [Text(line) for line in _lines(results)]
    return Page(
        title=title,
        kicker=title,
        headline=text("continue_headline"),
        sections=[
            Section("", [*lines, Answers([_continued(row) for row in rows])]),
            evaluation.figures(results.fingerprint, terms),
        ],
    )


def _continued(row: Continued) -> Question:
    answers = []
    for answer, reason, loop in zip(row.answers, row.finish_reasons, row.loops, strict=True):
        stopped = text("continue_stopped" if reason == "stop" else "continue_cut")
        notes = [stopped, text("continue_loop")] if loop else [stopped]
        answers.append(Answer("", answer, None, [" · ".join(notes)]))
    return Question(row.question or "", answers, title=str(row.id))
