"""The corpus as it is written: documents with their gaps, and which works are held out."""

from collections.abc import Iterator, Mapping, Sequence
from hashlib import blake2b
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict

from kamerton.develop.data.corpus.cleaning import Cleaned
from kamerton.develop.data.corpus.duplicates import Duplicate
from kamerton.develop.data.corpus.log import read_text
from kamerton.develop.data.dedup.near import Containment

FILE = "documents.jsonl"
_LARGEST = 2.0
"""A work of more than so many times the wanted share is never held out: it would be missed."""


class CorpusText(BaseModel):
    """One cleaned text."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    id: str
    work: str
    """Texts of one work are never parted between training and held-out."""
    split: Literal["train", "held_out"]
    text: str
    """Paragraphs, one a line."""
    gaps: list[int]
    """Offsets before which something was dropped: what stands there does not follow on."""
    lines: list[tuple[int, int]]
    """For each line of `text` its start and end in the repaired text (`changes/`)."""


def texts(
    documents: Sequence[Cleaned],
    duplicates: Sequence[Duplicate],
    works: Mapping[str, str],
    held_out: frozenset[str],
    folder: Path,
) -> Iterator[CorpusText]:
    """The documents that are left, in the order of their ids; empty ones are left out."""
    whole = {t.dropped for t in duplicates if t.piece < 0}
    gone = {(t.dropped, t.piece) for t in duplicates}
    for document in documents:
        if document.id in whole:
            continue
        work = works.get(document.id, document.id)
        written = _text(document, gone, folder)
        if written[0]:
            split: Literal["train", "held_out"] = "held_out" if work in held_out else "train"
            text, gaps, lines = written
            yield CorpusText(
                id=document.id, work=work, split=split, text=text, gaps=gaps, lines=lines
            )


def _text(
    document: Cleaned, gone: set[tuple[str, int]], folder: Path
) -> tuple[str, list[int], list[tuple[int, int]]]:
    repaired = read_text(folder, document.id)
    parts: list[str] = []
    lines: list[tuple[int, int]] = []
    gaps: list[int] = []
    length, last = 0, 0
    for piece, (start, end, *_) in enumerate(document.pieces.tolist()):
        if (document.id, piece) in gone:
            continue
        if repaired[last:start].strip():
            gaps.append(length)
        parts.append(repaired[start:end])
        lines.append((start, end))
        length += end - start + 1
        last = end
    return "\n".join(parts), gaps, lines


def related(
    works: Mapping[str, str], partly: Sequence[Containment], least: float
) -> dict[str, str]:
    """Works, texts that contain each other in part being one: a draft and its novel never part."""
    joined = dict(works)
    for containment in partly:
        for other, share in sorted(containment.within.items()):
            if share >= least:
                one, two = sorted((joined[containment.id], joined[other]))
                joined = {name: one if work == two else work for name, work in joined.items()}
    return joined


def held_out_works(
    sizes: Mapping[str, int], works: Mapping[str, str], share: float, seed: int
) -> frozenset[str]:
    """Whole works, drawn by the seed, of about `share` of all characters."""
    by_work: dict[str, int] = {}
    for name, size in sizes.items():
        work = works.get(name, name)
        by_work[work] = by_work.get(work, 0) + size
    wanted = share * sum(by_work.values())
    chosen: set[str] = set()
    drawn = 0
    for work in sorted(by_work, key=lambda w: blake2b(f"{seed}:{w}".encode()).digest()):
        if drawn < wanted and by_work[work] <= _LARGEST * wanted:
            chosen.add(work)
            drawn += by_work[work]
    return frozenset(chosen)
