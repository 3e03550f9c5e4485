"""Perplexity: how likely a model finds given texts, window by window, in nats for each unit."""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from kamerton import stats
from kamerton.client.connection import Model
from kamerton.experiment.ask.evaluate import Report, Results, Scoring
from kamerton.experiment.ask.scoring import Likelihood, Part, Scored, Text, Tokens
from kamerton.experiment.report import evaluation, plot
from kamerton.experiment.report.blocks import Page
from kamerton.experiment.report.figures import decimal, text
from kamerton.experiment.tasks.tables import IDS, Columns, read_table
from kamerton.experiment.tasks.task import Options, Task
from kamerton.formats.errors import InputError
from kamerton.formats.jsonl import Record, read_text
from kamerton.formats.language import say
from kamerton.formats.manifest import digest
from kamerton.formats.scores import Interval

SCORED = "scored.jsonl"
TXT = ".txt"
_TEXTS = ("text", "document", "content")
_RESAMPLES = 10_000
_MOST = 700.0
"""Nats for each token whose exponential is still a number."""


@dataclass(frozen=True)
class Document:
    """One text; the unit of the intervals, where no group is said."""

    id: str
    text: str
    group: str
    where: str
    """File and line, for complaints."""


class Rate(Record):
    """Nats for each unit, over all texts: sums divided, no mean of means."""

    unit: str
    """`token`, `character` or `byte` (UTF-8)."""
    count: int
    value: float
    interval: Interval | None
    """Over groups drawn again; None where there is one alone, which shows no spread."""


class TextFigures(Record):
    """What an evaluation found; natural logarithms (nats)."""

    documents: int
    groups: int
    windows: int
    rates: list[Rate]
    perplexity: float
    """exp(nats for each token); models with different tokenizers cannot be compared by it."""
    bits_per_byte: float


class TextResults(Results):
    """`results.json` of perplexity."""

    texts: str
    """Digest of all texts."""
    window: int
    """Tokens that the model had before it at most, with the one that is scored."""
    overlap: int
    prefix: int | None
    """The token that a text is scored behind."""
    figures: TextFigures


class ScoredText(Record):
    """One text as it was scored: a line of `scored.jsonl`."""

    id: str
    group: str
    nats: float
    """Negative log-likelihood, summed over the tokens."""
    tokens: int
    bytes: int
    """Length of the text in UTF-8: the unit that compares models whose tokenizers differ."""
    characters: int
    windows: int


_UNITS: dict[str, Callable[[ScoredText], int]] = {
    "token": lambda row: row.tokens,
    "character": lambda row: row.characters,
    "byte": lambda row: row.bytes,
}


def read_documents(path: Path, columns: Columns) -> list[Document]:
    """The texts of a table's column (a row each), of a .txt file, or of all .txt of a folder.

    InputError names file, line and column: nothing there, an empty text, an id that stands twice.
    """
    files = sorted(path.glob(f"*{TXT}")) if path.is_dir() else [path]
    if not files:
        raise InputError("experiment.texts_no_files", where=str(path))
    if path.is_dir() or path.suffix.lower() == TXT:
        return [Document(one.name, read_text(one), one.name, str(one)) for one in files]
    table = read_table(path, "experiment.texts_no_rows")
    column = table.required("text", columns.text, _TEXTS)
    group = table.column("group", columns.group, ("group",))
    id_column = table.column("id", columns.id, IDS)
    return [
        Document(id, content, line.optional(group) or id, line.where)
        for id, content, line in table.keyed_texts(column, id_column)
    ]


def windows(
    ids: Sequence[int], prefix: int | None, room: int, overlap: int = 1
) -> Iterator[tuple[tuple[int, ...], int]]:
    """Tokens of each window, at most `room`, and from which of them on they are scored.

    Each token is scored exactly once, by the rule of lm-evaluation-harness's
    `loglikelihood_rolling`: the first window scores all its tokens behind the prefix token; each
    further one scores the next tokens behind `overlap` tokens that were scored before (1 there);
    the last one reaches back as far as it has room. Without a prefix token the first token of the
    text has no score. ValueError unless 1 <= overlap < room.

    >>> list(windows([5, 6, 7, 8, 9], 0, 3))
    [((0, 5, 6), 1), ((6, 7, 8), 1), ((7, 8, 9), 2)]
    """
    if not 1 <= overlap < room:
        raise ValueError(f"windows of {room} tokens with {overlap} in common")
    whole = tuple(ids) if prefix is None else (prefix, *ids)
    done = min(room, len(whole))
    yield whole[:done], 1
    while done < len(whole):
        end = min(done + room - overlap, len(whole))
        start = max(0, end - room)
        yield whole[start:end], done - start
        done = end


def ask_perplexity(task: Task, options: Options) -> Scoring:
    """The texts of a user's own file or folder."""
    return perplexity(options, read_documents(task.own_data(options), options.columns))


def perplexity(options: Options, documents: Sequence[Document]) -> Scoring:
    """What is scored of `documents`, and how it is counted."""
    asked = documents[: options.limit]

    def parts(tokens: Sequence[Tokens]) -> list[Part]:
        room = _room(options, tokens)
        return [
            part
            for one, of_one in zip(asked, tokens, strict=True)
            for part in _parts(one, of_one, room, options.overlap)
        ]

    return Scoring(
        # Without the tokenizer's own BOS: the prefix token stands in its place.
        [Text(one.where, one.text, special=False) for one in asked],
        parts,
        lambda model, tokens, scored: _report(options, asked, model, tokens, scored),
    )


def _room(options: Options, tokens: Sequence[Tokens]) -> int:
    """Tokens of a window; InputError where the model cannot have it."""
    most = tokens[0].room
    room = options.window or most
    if not options.overlap < room <= most:
        bounds = {"window": room, "most": most, "least": options.overlap}
        raise InputError("experiment.texts_window", where="--window", **bounds)
    return room


def _parts(document: Document, tokens: Tokens, room: int, overlap: int) -> list[Part]:
    if len(tokens.ids) + (tokens.prefix is not None) < 2:
        raise InputError("experiment.texts_short", where=document.where)
    cut = windows(tokens.ids, tokens.prefix, room, overlap)
    return [Part(document.where, ids, first) for ids, first in cut]


def _report(
    options: Options,
    asked: Sequence[Document],
    model: Model,
    tokens: Sequence[Tokens],
    scored: Scored,
) -> Report:
    rows = _rows(asked, scored)
    rates = {unit: rate(rows, unit, options.seed) for unit in _UNITS}
    figures = TextFigures(
        documents=len(rows),
        groups=len({row.group for row in rows}),
        windows=len(scored.parts),
        rates=list(rates.values()),
        # A model that gives a token no chance at all is infinitely perplexed: no crash.
        perplexity=math.exp(rates["token"].value) if rates["token"].value < _MOST else math.inf,
        bits_per_byte=rates["byte"].value / math.log(2),
    )
    results = TextResults(
        task="perplexity",
        model=options.title,
        fingerprint=model.fingerprint,
        cached=scored.cached,
        texts=digest(*(one.text for one in asked)),
        window=_room(options, tokens),
        overlap=options.overlap,
        prefix=tokens[0].prefix,
        figures=figures,
    )
    return Report(results, text_lines(results), text_page(results), {SCORED: rows})


def _rows(asked: Sequence[Document], scored: Scored) -> list[ScoredText]:
    of_document: dict[str, list[Likelihood]] = {one.where: [] for one in asked}
    for like in scored.likelihoods:
        of_document[like.id].append(like)
    return [
        ScoredText(
            id=one.id,
            group=one.group,
            nats=max(0.0, -math.fsum(like.log_likelihood for like in of_document[one.where])),
            tokens=sum(like.tokens for like in of_document[one.where]),
            bytes=len(one.text.encode()),
            characters=len(one.text),
            windows=len(of_document[one.where]),
        )
        for one in asked
    ]


def rate(rows: Sequence[ScoredText], unit: str, seed: int) -> Rate:
    """Summed nats by summed units, whole groups drawn again for the interval."""
    counts = [_UNITS[unit](row) for row in rows]
    nats = [row.nats for row in rows]
    groups = [row.group for row in rows]
    spread = None
    if len(set(groups)) > 1:
        spread = stats.bootstrap(nats, groups, (0.0, math.inf), _RESAMPLES, seed, counts)
    return Rate(unit=unit, count=sum(counts), value=math.fsum(nats) / sum(counts), interval=spread)


def text_lines(results: TextResults) -> list[str]:
    """What a person reads, in the language in force, one statement a line."""
    figures = results.figures
    rule = {"window": results.window, "overlap": results.overlap, "windows": figures.windows}
    perplexity = {"perplexity": f"{figures.perplexity:.4g}", "bits": f"{figures.bits_per_byte:.4f}"}
    no_prefix = "" if results.prefix is not None else f" {say('experiment.texts_no_prefix')}"
    return [
        say("experiment.texts_asked", documents=figures.documents, groups=figures.groups),
        *(f"  {_unit(one)}: {_value(one)}" for one in figures.rates),
        say("experiment.texts_perplexity", **perplexity),
        say("experiment.texts_rule", **rule) + no_prefix,
    ]


def _unit(rate: Rate) -> str:
    return say(f"experiment.texts_per_{rate.unit}", count=rate.count)


def _value(rate: Rate) -> str:
    """Nats with their interval, or why there is none."""
    if rate.interval is None:
        return say("experiment.texts_alone", value=f"{rate.value:.4f}")
    low, high = f"{rate.interval.low:.4f}", f"{rate.interval.high:.4f}"
    return say("experiment.score_interval", mean=f"{rate.value:.4f}", low=low, high=high)


def text_page(results: TextResults) -> Page:
    """Nats for each token, character and byte."""
    rates, lines = results.figures.rates, text_lines(results)
    measured = [(_unit(one), _value(one), one.interval) for one in rates if one.interval]
    byte = next(rate for rate in rates if rate.unit == "byte")
    scale = plot.from_zero(max((spread.high for _, _, spread in measured), default=1.0))
    title = text("ask_title", task=text("texts_title"), model=results.model)
    terms = [evaluation.scored_texts(results.texts)]
    return Page(
        title=title,
        kicker=title,
        headline=text("texts_headline", value=decimal(f"{byte.value:.4f}")),
        leads=lines[:1],
        sections=[
            *evaluation.values(measured, scale),
            evaluation.figures(results.fingerprint, terms, lines),
        ],
    )
