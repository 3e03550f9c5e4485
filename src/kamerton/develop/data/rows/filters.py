"""Which rows go, each with its reason; held-out rows come first: a copy in training goes."""

from collections.abc import Iterator, Mapping, Sequence

from kamerton.develop.data.clean.filters import foreign_share
from kamerton.develop.data.dedup import exact, near
from kamerton.develop.data.dedup.shingles import normal, shingles, word_hashes
from kamerton.develop.data.rows.collect import Sourced
from kamerton.develop.settings.rows import RowsSettings
from kamerton.formats.chat import ChatRow
from kamerton.privacy.personal import find, masked

MOST_FOREIGN = 0.5
"""Letters of another alphabet in an answer above which it is in another language."""
Reasons = dict[str, str]
"""Row id to why it goes: a code, or `code: id of the row that stays`."""


def reasons(rows: Sequence[Sourced], settings: RowsSettings, seed: int) -> Reasons:
    """All rows that go. What one level takes, the next does not see."""
    ordered = sorted(rows, key=lambda r: (not r.held_out, r.row.id))
    found = {r.row.id: why for r in ordered if (why := alone(r.row, settings))}
    for level in (_exact, _near, _semantic):
        left = [r.row for r in ordered if r.row.id not in found]
        found |= level(left, settings, seed)
    return found


def private(row: ChatRow, settings: RowsSettings) -> tuple[ChatRow, int]:
    """The row with personal data masked where the recipe says so, and how much was found."""
    kinds = settings.privacy.find
    found = [find(m.content, kinds) for m in row.messages] if kinds else []
    count = sum(map(len, found))
    if not count or settings.privacy.action != "mask":
        return row, count
    messages = [
        m.model_copy(update={"content": masked(m.content, of)})
        for m, of in zip(row.messages, found, strict=True)
    ]
    return row.model_copy(update={"messages": messages}), count


def alone(row: ChatRow, settings: RowsSettings) -> str:
    """Why a row goes whatever the others are; empty where it may stay."""
    answer = row.answer.strip()
    if len(answer) < settings.shortest:
        return "too_short"
    if len(answer) > settings.longest:
        return "too_long"
    language = settings.language
    if language != "any" and foreign_share(answer, language) > MOST_FOREIGN:
        return "language"
    if settings.privacy.action == "drop" and private(row, settings)[1]:
        return "personal"
    return ""


def _exact(rows: Sequence[ChatRow], settings: RowsSettings, seed: int) -> Reasons:
    repeats = exact.repeats((row.id, normal(_text(row))) for row in rows)
    return {name: f"exact: {kept}" for name, kept in repeats.items()}


def _near(rows: Sequence[ChatRow], settings: RowsSettings, seed: int) -> Reasons:
    grams = [shingles(word_hashes(_text(row)), near.WORDS) for row in rows]
    sets = [frozenset(of.tolist()) for of in grams]
    signed = near.signatures(grams)
    return _later(rows, near.pairs(signed, sets.__getitem__, settings.near), "near")


def _semantic(rows: Sequence[ChatRow], settings: RowsSettings, seed: int) -> Reasons:
    if settings.semantic == "off" or len(rows) < 2:
        return {}
    from kamerton.develop.data.dedup.semantic import pairs, threshold
    from kamerton.retrieval.embedding import encode

    vectors = encode([row.prompt for row in rows])
    given = settings.semantic
    least = threshold(vectors, seed) if given == "auto" else float(given)
    return _later(rows, pairs(vectors, least), "semantic")


def _later(rows: Sequence[ChatRow], pairs: Sequence[tuple[int, int, float]], level: str) -> Reasons:
    """Of each pair the later row goes, unless the earlier one has gone itself."""
    found: Reasons = {}
    for one, other, _ in pairs:
        if rows[one].id not in found and rows[other].id not in found:
            found[rows[other].id] = f"{level}: {rows[one].id}"
    return found


def _text(row: ChatRow) -> str:
    """Everything but the system prompt, which all rows share."""
    return "\n".join(m.content for m in row.messages if m.role != "system")


def by_reason(found: Mapping[str, str]) -> Iterator[tuple[str, list[str]]]:
    """Reason codes with the ids of the rows that they took, the commonest first."""
    grouped: dict[str, list[str]] = {}
    for name, why in found.items():
        grouped.setdefault(why.split(":")[0], []).append(name)
    yield from sorted(grouped.items(), key=lambda item: (-len(item[1]), item[0]))
