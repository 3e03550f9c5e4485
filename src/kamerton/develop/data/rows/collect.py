"""Rows of all sources as chats, and which of them go, each with its reason.

Held-out rows come first: a copy of one in training goes.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import TypeVar, cast

from kamerton.develop import hub
from kamerton.develop.data.clean.filters import foreign_share
from kamerton.develop.data.dedup import near, runs, templates
from kamerton.develop.data.dedup.near import normal, word_hashes
from kamerton.develop.data.feedback import TrainingRow
from kamerton.develop.data.sources import named
from kamerton.develop.data.sources.remote import fetch, is_remote, stand_in
from kamerton.develop.data.synth.run import synthesise
from kamerton.develop.settings.data import RowSource, RowsSettings
from kamerton.documents import row_forms as forms
from kamerton.documents.tables import Placed, Row, whole_text
from kamerton.formats.brief import SYNTH
from kamerton.formats.chat import ChatRow, Message
from kamerton.formats.errors import InputError
from kamerton.formats.jsonl import read_rows
from kamerton.formats.preference import KtoRow, PreferenceRow
from kamerton.privacy.personal import find, masked

MOST_FOREIGN = 0.5
"""Letters of another alphabet in an answer above which it is in another language."""
Trained = TypeVar("Trained", bound=ChatRow | PreferenceRow | KtoRow)
_TEXTS = {"messages", "prompt", "chosen", "rejected", "completion"}
Reasons = dict[str, str]
"""Row id to why it goes: a code, or `code: id of the row that stays`."""


@dataclass(frozen=True)
class Sourced:
    """One chat, and whether its source says that it is for testing."""

    row: ChatRow
    held_out: bool
    written: TrainingRow | None = None
    """What is written where the row is of another form: its chat is then what filters look at."""


def collect(settings: RowsSettings, home: Path, out: Path, seed: int) -> list[Sourced]:
    """Every row of every source; asks the teacher for what its ledger in `out`/synth lacks."""
    rows = [
        row
        for number, source in enumerate(settings.sources)
        for _, row in from_source(source, number, settings, home, seed)
    ]
    if settings.synth is not None:
        synthesise(settings.synth, home, out / SYNTH, seed)
        for split in ("train", "test"):
            path = out / SYNTH / f"{split}.jsonl"
            written = read_rows(path, ChatRow) if path.stat().st_size else []
            rows += [Sourced(row, split == "test") for row in written]
    return rows


def from_source(
    source: RowSource, number: int, settings: RowsSettings, home: Path, seed: int
) -> Iterator[tuple[Row, Sourced]]:
    """The rows of one source as read and as chats, in order; `count` are drawn by the seed."""
    placed = list(_placed(source, home))
    if source.count is not None:
        if len(placed) < source.count:
            values = {"has": len(placed), "wanted": source.count}
            raise InputError("develop.rows_too_few", where=source.name, **values)

        def rank(number: int) -> bytes:
            text = json.dumps(placed[number][1], sort_keys=True, ensure_ascii=False, default=str)
            return blake2b(f"{seed}:{text}".encode()).digest()

        drawn = sorted(range(len(placed)), key=rank)
        placed = [placed[i] for i in sorted(drawn[: source.count])]
    for origin, row in placed:
        chat = _chat(source, number, origin, row, settings)
        yield row, Sourced(chat, source.part != "train")


def _placed(source: RowSource, home: Path) -> Iterator[Placed]:
    cache = hub.cache() / "sources"
    name = stand_in(source.stand_in) or source.name
    copy = home / source.copy_at if source.copy_at else None
    if is_remote(name):
        name = str(fetch(name, cache))
    elif name not in named.NAMED:
        name = str(home / name)
    sizes: dict[str, int] | None = {source.part: source.count} if source.count else None
    return named.load(
        name, source.part, cache, copy=copy, sample_sizes=sizes, revision=source.revision
    )


def _chat(source: RowSource, number: int, origin: str, row: Row, settings: RowsSettings) -> ChatRow:
    place = Path(origin).name
    column = source.group or "group"
    group = whole_text(row.get(column), column, origin).strip()
    if source.group and not group:
        raise InputError("develop.rows_no_group", where=origin, column=source.group)
    row_id, origin_name = f"{number}.{place}", f"{source.name}: {place}"
    group = group or row_id
    system, set_of_rows = settings.system, named.NAMED.get(source.name)
    if set_of_rows and set_of_rows.pair and not source.form:
        return forms.pair(row, set_of_rows.pair, row_id, origin_name, system=system, group=group)
    form = forms.form_of(row, origin, source.form)
    return forms.to_chat(
        row, form, row_id, origin_name, system=system, input_as=settings.input_as, group=group
    )


def reasons(rows: Sequence[Sourced], settings: RowsSettings, seed: int) -> Reasons:
    """All rows that go. What one level takes, the next does not see."""
    ordered = sorted(rows, key=lambda r: (not r.held_out, r.row.id))
    gone = {r.row.id: why for r in ordered if (why := unfit(r.row, settings))}
    for level in (_exact_duplicates, _near_duplicates, _semantic_duplicates):
        left = [r.row for r in ordered if r.row.id not in gone]
        gone |= level(left, settings, seed)
    return gone


def private(row: Trained, settings: RowsSettings) -> tuple[Trained, int]:
    """The row with personal data masked where the recipe says so, and how much was found.

    Every text counts, the worse answer of a pair too.
    """
    count = 0

    def hide(text: str) -> str:
        nonlocal count
        personal = find(text, settings.privacy.find)
        count += len(personal)
        return masked(text, personal)

    def hidden(value: str | list[Message]) -> str | list[Message]:
        if isinstance(value, str):
            return hide(value)
        return [turn.model_copy(update={"content": hide(turn.content)}) for turn in value]

    names = type(row).model_fields.keys() & _TEXTS
    texts = {name: hidden(getattr(row, name)) for name in names}
    masks = count and settings.privacy.action == "mask"
    return (cast(Trained, row.model_copy(update=texts)) if masks else row), count


def unfit(row: ChatRow, settings: RowsSettings) -> str:
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


def _exact_duplicates(rows: Sequence[ChatRow], settings: RowsSettings, seed: int) -> Reasons:
    repeats = near.repeats((row.id, normal(_text(row))) for row in rows)
    return {name: f"exact: {kept}" for name, kept in repeats.items()}


def _near_duplicates(rows: Sequence[ChatRow], settings: RowsSettings, seed: int) -> Reasons:
    words = [word_hashes(_text(row)) for row in rows]
    return _later(rows, templates.pairs(words, settings.near), "near")


def _semantic_duplicates(rows: Sequence[ChatRow], settings: RowsSettings, seed: int) -> Reasons:
    if settings.semantic == "off" or len(rows) < 2:
        return {}
    from kamerton.develop.data.dedup.semantic import pairs, threshold
    from kamerton.retrieval.embedding import encode

    # Without the instructions that rows share: they would make all of them alike.
    prompts = [row.prompt for row in rows]
    shared = runs.template(runs.words_of(enumerate(prompts)), prompts)
    vectors = encode(runs.own(prompts, shared))
    given = settings.semantic
    least = threshold(vectors, seed) if given == "auto" else float(given)
    return _later(rows, pairs(vectors, least), "semantic")


def _later(rows: Sequence[ChatRow], pairs: Sequence[tuple[int, int, float]], level: str) -> Reasons:
    """Of each pair the later row goes, unless the earlier one has gone itself."""
    gone: Reasons = {}
    for one, other, _ in pairs:
        if rows[one].id not in gone and rows[other].id not in gone:
            gone[rows[other].id] = f"{level}: {rows[one].id}"
    return gone


def _text(row: ChatRow) -> str:
    """Everything but the system prompt, which all rows share."""
    return "\n".join(m.content for m in row.messages if m.role != "system")
