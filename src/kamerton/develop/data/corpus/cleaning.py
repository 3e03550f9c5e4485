"""One text through repair, filters and signatures: what a worker process does with a document.

The repaired text and its logs go to files at once; what comes back is small, so that memory grows
with the number of paragraphs and not with the texts.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING

from kamerton.develop.data.clean.edits import Edit, Tracked, apply
from kamerton.develop.data.clean.filters import Drop, Limits, drops, naive_drops
from kamerton.develop.data.clean.repair import Change, repair
from kamerton.develop.data.corpus.log import Log, Masked, blackened, write
from kamerton.develop.data.dedup import near
from kamerton.develop.data.dedup.near import shingles, word_hashes
from kamerton.develop.settings import CorpusSettings
from kamerton.documents.files import Document

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from kamerton.develop.data.dedup.near import Hashes

SAMPLED = 8
"""One in so many runs of eight words stands for a whole text (FracMinHash, Irber 2022)."""
SAMPLES = 3
PERSONAL = "personal"
"""Reason of a paragraph that goes because of the personal data in it."""
_SHOWN = 160


@dataclass(frozen=True)
class Count:
    """What one rule did: how often, to how many characters, with a few samples."""

    times: int
    characters: int
    samples: tuple[str, ...] = ()


@dataclass(frozen=True)
class Cleaned:
    """A document after its own cleaning; the texts themselves lie in files."""

    id: str
    read: int
    """Characters that were read."""
    dropped: int
    """Of these, characters that filters dropped."""
    repaired: int
    """Of the rest, characters that were replaced or cut."""
    naive: int
    """Characters that the naive rule would have dropped."""
    words: str
    """Hash of all its words in order: equal for equal texts; empty without words."""
    pieces: "NDArray[np.int64]"
    """What is left, one row each: start and end in the repaired text, characters of the source,
    characters of the source that were touched. [pieces, 4]"""
    paragraphs: "NDArray[np.int64]"
    """Rows of `pieces` that are long enough to be compared. [paragraphs]"""
    signatures: "NDArray[np.uint32]"
    """MinHash signature of each of these. [paragraphs, near.PERMUTATIONS]"""
    runs: "Hashes"
    """A sample of the text's runs of eight words."""
    repairs: dict[str, Count] = field(default_factory=dict)
    drops: dict[str, Count] = field(default_factory=dict)
    personal: dict[str, Count] = field(default_factory=dict)


def clean(document: Document, settings: CorpusSettings, folder: Path) -> Cleaned:
    """Clean one document; writes its text and its change log into `folder`."""
    tracked, changes = repair(document.text, settings.repair)
    masked, hidden, private, personal = _private(tracked, settings)
    limits = Limits(language=settings.language, **settings.drop.model_dump())
    gone = sorted([*drops(masked.text, limits), *private], key=lambda d: (d.start, -d.end))
    gone = _without_overlaps(gone)
    logged = blackened(document.text, changes, hidden, tracked.origin) if hidden else tuple(changes)
    log = Log(document.id, logged, tuple(gone), tuple(hidden))
    write(folder, log, masked.text)
    return _measured(document, masked, log, personal, settings)


def _private(
    tracked: Tracked, settings: CorpusSettings
) -> tuple[Tracked, list[Masked], list[Drop], dict[str, Count]]:
    """Personal data masked, or the paragraphs that hold it dropped, or only counts of it."""
    if not settings.privacy.find:
        return tracked, [], [], {}
    from kamerton.privacy.personal import find

    found = find(tracked.text, settings.privacy.find)
    of_kind = {str(kind): [f for f in found if f.kind == kind] for kind in settings.privacy.find}
    personal = {k: Count(len(of), sum(f.end - f.start for f in of)) for k, of in of_kind.items()}
    if settings.privacy.action == "mask":
        edits = [Edit(f.start, f.end, f"<{f.kind.upper()}>") for f in found]
        masked = [Masked(f.start, f.end - f.start, f.kind) for f in found]
        return apply(tracked, edits), masked, [], personal
    text, lines = tracked.text, set[tuple[int, int]]()
    for one in found:  # from the beginning of its first line to the end of its last
        end = text.find("\n", one.end)
        lines.add((text.rfind("\n", 0, one.start) + 1, end if end >= 0 else len(text)))
    gone = [Drop(start, end, PERSONAL) for start, end in sorted(lines)]
    return tracked, [], gone if settings.privacy.action == "drop" else [], personal


def _without_overlaps(dropped: Sequence[Drop]) -> list[Drop]:
    """Without what lies inside another: a dropped paragraph has no sentences left to drop."""
    kept: list[Drop] = []
    for drop in dropped:
        start = max(drop.start, kept[-1].end) if kept else drop.start
        if start < drop.end:
            kept.append(Drop(start, drop.end, drop.rule))
    return kept


def _measured(
    document: Document,
    tracked: Tracked,
    log: Log,
    personal: dict[str, Count],
    settings: CorpusSettings,
) -> Cleaned:
    import numpy as np

    gone = np.zeros(len(document.text), bool)
    for drop in log.drops:
        gone[tracked.origin[drop.start] : tracked.origin[drop.end]] = True
    rows = pieces(tracked, log.drops)
    words = [word_hashes(tracked.text[start:end]) for start, end, *_ in rows.tolist()]
    long = [i for i, of in enumerate(words) if len(of) >= settings.duplicates.words]
    every = np.concatenate([np.zeros(0, np.uint64), *words])
    return Cleaned(
        id=document.id,
        read=len(document.text),
        dropped=int(gone.sum()),
        repaired=int((tracked.touched & ~gone).sum()),
        naive=naive_loss(document.text, settings.language),
        words=blake2b(every.tobytes(), digest_size=16).hexdigest() if len(every) else "",
        pieces=rows,
        paragraphs=np.array(long, np.int64),
        signatures=near.signatures([shingles(words[i], near.NEAR_WORDS) for i in long]),
        runs=sampled(shingles(every, near.CONTAINED_WORDS)),
        repairs=_repair_counts(log.changes),
        drops=_drop_counts(tracked, log.drops),
        personal=personal,
    )


def sampled(runs: "Hashes") -> "Hashes":
    """One in `SAMPLED` of the distinct runs, the same ones in every text."""
    import numpy as np

    return np.unique(runs[runs % np.uint64(SAMPLED) == 0])


def naive_loss(text: str, language: str) -> int:
    """Characters that the rule "drop every sentence with a foreign letter" would drop."""
    lines, _ = repair(text, ["line_ends", "unwrap"])
    return sum(drop.end - drop.start for drop in naive_drops(lines.text, language))


def pieces(tracked: Tracked, dropped: Sequence[Drop]) -> "NDArray[np.int64]":
    """The runs of text between line ends and drops, with what they were in the source."""
    import numpy as np

    sums = np.concatenate([[0], np.cumsum(tracked.touched)])
    rows = []
    for start, end in _spans(tracked.text, dropped):
        first, last = int(tracked.origin[start]), int(tracked.origin[end])
        rows.append((start, end, last - first, int(sums[last] - sums[first])))
    return np.array(rows, np.int64).reshape(-1, 4)


def _spans(text: str, dropped: Sequence[Drop]) -> list[tuple[int, int]]:
    """Starts and ends of what is left, without blanks around it."""
    spans, at = [], 0
    for drop in [*dropped, Drop(len(text), len(text), "")]:
        place = at
        for line in text[at : drop.start].split("\n"):
            if stripped := line.strip():
                start = place + len(line) - len(line.lstrip())
                spans.append((start, start + len(stripped)))
            place += len(line) + 1
        at = drop.end
    return spans


def _repair_counts(changes: Sequence[Change]) -> dict[str, Count]:
    counts = {}
    for change in changes:
        step = max(1, len(change.edits) // SAMPLES)
        picked = list(zip(change.edits, change.old, strict=True))[::step][:SAMPLES]
        samples = tuple(f"{_seen(old)} → {_seen(edit.new)}" for edit, old in picked)
        counts[change.rule] = Count(len(change.edits), change.characters, samples)
    return counts


def _seen(text: str) -> str:
    """A piece of text in which spaces and line ends can be seen."""
    shown = text if text.strip() else text.replace(" ", "␣")
    return repr(shown[:_SHOWN])


def _drop_counts(tracked: Tracked, dropped: Sequence[Drop]) -> dict[str, Count]:
    """Characters are those of the source: with them kept, repaired and dropped add up.

    Samples go into the card, so there are none of personal data.
    """
    counts = {}
    for rule in dict.fromkeys(drop.rule for drop in dropped):
        of = [drop for drop in dropped if drop.rule == rule]
        longest = sorted(of, key=lambda d: (d.start - d.end, d.start))[:SAMPLES]
        samples = tuple(tracked.text[d.start : d.end][:_SHOWN] for d in longest if rule != PERSONAL)
        lost = sum(int(tracked.origin[d.end] - tracked.origin[d.start]) for d in of)
        counts[rule] = Count(len(of), lost, samples)
    return counts
