"""One evaluation by perplexity: texts scored window by window, and nats for each unit.

The folder has `scores.jsonl` (the ledger), `scored.jsonl` (every text) and `results.json`.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from kamerton.client.connection import Model
from kamerton.client.ledger import Ledger
from kamerton.experiment.ask import scoring
from kamerton.experiment.ask.evaluate import RESULTS
from kamerton.experiment.ask.perplexity.documents import Document
from kamerton.experiment.ask.perplexity.rows import (
    SCORED,
    Rate,
    ScoredText,
    TextFigures,
    TextResults,
)
from kamerton.experiment.ask.perplexity.windows import windows
from kamerton.experiment.ask.scoring import SCORES, Likelihood, Part, Text, Tokens
from kamerton.experiment.scorers.likelihood_rows import score_perplexity
from kamerton.formats.errors import InputError
from kamerton.formats.jsonl import write_rows, write_text
from kamerton.formats.manifest import digest
from kamerton.formats.scores import Interval

_RESAMPLES = 10_000
_UNITS: dict[str, Callable[[ScoredText], int]] = {
    "token": lambda row: row.tokens,
    "character": lambda row: row.characters,
    "byte": lambda row: row.bytes,
}


@dataclass(frozen=True)
class Foreseeing:
    """What is evaluated, and how."""

    title: str
    """The model as a reader calls it."""
    window: int | None = None
    """Tokens of a window; None: as many as the model reads."""
    overlap: int = 1
    """Tokens at the beginning of a further window that were scored before."""
    limit: int | None = None
    seed: int = 0
    """Of the bootstrap."""


def evaluate(
    what: Foreseeing, documents: Sequence[Document], model: Model, out: Path
) -> TextResults:
    """Score, count and write; a second start scores only what the first one left open.

    InputError for windows that the model cannot have, a text without a token to score, and when
    the server is gone; what it scored is kept.
    """
    asked = documents[: what.limit]
    # Without the tokenizer's own marks: the prefix token stands in their place.
    texts = [Text(one.where, one.text, special=False) for one in asked]
    split = scoring.tokenized(model, texts)
    room = _room(what, split)
    parts = [_parts(one, tokens, room, what) for one, tokens in zip(asked, split, strict=True)]
    ledger = Ledger(out / SCORES, Likelihood, "key")
    found = scoring.score_all(model, [part for one in parts for part in one], ledger)
    rows = _rows(asked, parts, found.parts)
    results = TextResults(
        task="perplexity",
        model=what.title,
        fingerprint=model.fingerprint,
        texts=digest(*(one.text for one in asked)),
        window=room,
        overlap=what.overlap,
        prefix=split[0].prefix,
        cached=found.cached,
        figures=_figures(rows, what.seed),
    )
    write_rows(out / SCORED, rows)
    write_text(out / RESULTS, results.model_dump_json(indent=2) + "\n")
    return results


def _room(what: Foreseeing, split: Sequence[Tokens]) -> int:
    most = split[0].room
    room = what.window or most
    if not what.overlap < room <= most:
        raise InputError(
            "experiment.texts_window", where="--window", window=room, most=most, least=what.overlap
        )
    return room


def _parts(document: Document, tokens: Tokens, room: int, what: Foreseeing) -> list[Part]:
    if len(tokens.ids) + (tokens.prefix is not None) < 2:
        raise InputError("experiment.texts_short", where=document.where)
    cut = windows(tokens.ids, tokens.prefix, room, what.overlap)
    return [Part(document.where, ids, first) for ids, first in cut]


def _rows(
    asked: Sequence[Document], parts: Sequence[Sequence[Part]], found: Sequence[Likelihood]
) -> list[ScoredText]:
    left = iter(found)
    rows: list[ScoredText] = []
    for one, those in zip(asked, parts, strict=True):
        scored = [next(left) for _ in those]
        rows.append(
            ScoredText(
                id=one.id,
                group=one.group,
                nats=max(0.0, -math.fsum(row.log_likelihood for row in scored)),
                tokens=sum(row.tokens for row in scored),
                bytes=len(one.text.encode()),
                characters=len(one.text),
                windows=len(those),
            )
        )
    return rows


def _figures(rows: Sequence[ScoredText], seed: int) -> TextFigures:
    whole = score_perplexity(rows)
    bits = whole.totals["bits_per_byte"]
    assert whole.corpus is not None and bits is not None
    return TextFigures(
        documents=len(rows),
        groups=len({row.group for row in rows}),
        windows=sum(row.windows for row in rows),
        rates=[_rate(rows, unit, seed) for unit in _UNITS],
        perplexity=whole.corpus,
        bits_per_byte=bits,
    )


def _rate(rows: Sequence[ScoredText], unit: str, seed: int) -> Rate:
    counts = [_UNITS[unit](row) for row in rows]
    nats = [row.nats for row in rows]
    groups = [row.group or row.id for row in rows]
    found = interval(nats, counts, groups, seed)
    return Rate(unit=unit, count=sum(counts), value=math.fsum(nats) / sum(counts), interval=found)


def interval(
    nats: Sequence[float], counts: Sequence[int], groups: Sequence[str], seed: int
) -> Interval | None:
    """Summed nats by summed units with a 95 % interval; None for one group alone.

    Whole groups drawn with replacement, their sums divided; the tails are widened for few groups
    as in `stats.bootstrap` (Hesterberg 2015).
    """
    import numpy as np

    from kamerton.stats.groups import resampled, tail

    _, index = np.unique(np.asarray(groups), return_inverse=True)
    sums = np.bincount(index, weights=np.asarray(nats, dtype=float)).astype(np.float64)
    units = np.bincount(index, weights=np.asarray(counts, dtype=float)).astype(np.int64)
    if len(sums) < 2:
        return None
    cut = tail(len(sums))
    low, high = np.quantile(resampled(sums, units, _RESAMPLES, seed), [cut, 1 - cut])
    mean = float(sums.sum() / units.sum())
    return Interval(mean=mean, low=float(low), high=float(high))
