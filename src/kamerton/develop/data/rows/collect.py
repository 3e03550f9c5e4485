"""Rows of all sources as chats, each with whether it is held out by its source."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import blake2b
from itertools import chain
from pathlib import Path

from kamerton.develop import hub
from kamerton.develop.data.ratings import TrainingRow
from kamerton.develop.data.sources import named
from kamerton.develop.data.sources.remote import fetch, is_remote, stand_in
from kamerton.develop.data.synth.run import synthesise
from kamerton.develop.settings.rows import RowSource, RowsSettings
from kamerton.documents import row_forms as forms
from kamerton.formats.brief import SYNTH
from kamerton.formats.chat import ChatRow
from kamerton.formats.errors import InputError
from kamerton.formats.jsonl import read_rows


@dataclass(frozen=True)
class Sourced:
    """One chat, and whether its source says that it is for testing."""

    row: ChatRow
    held_out: bool
    said: TrainingRow | None = None
    """What is written where the row is of another form: its chat is then what filters look at."""


def collect(settings: RowsSettings, home: Path, out: Path, seed: int) -> list[Sourced]:
    """Every row of every source; asks the teacher for what its ledger in `out`/synth lacks."""
    read = chain.from_iterable(
        from_source(source, number, settings, home, seed)
        for number, source in enumerate(settings.sources)
    )
    return [*read, *_synthetic(settings, home, out, seed)]


def from_source(
    source: RowSource, number: int, settings: RowsSettings, home: Path, seed: int
) -> Iterator[Sourced]:
    """The rows of one source, in its order; `count` of them are drawn by the seed."""
    placed = list(_placed(source, home))
    if source.count is not None:
        if len(placed) < source.count:
            values = {"has": len(placed), "wanted": source.count}
            raise InputError("develop.rows_too_few", where=source.name, **values)
        drawn = sorted(range(len(placed)), key=lambda i: _rank(placed[i][1], seed))
        placed = [placed[i] for i in sorted(drawn[: source.count])]
    for origin, row in placed:
        chat = _chat(source, number, origin, row, settings)
        yield Sourced(chat, source.part != "train")


def _placed(source: RowSource, home: Path) -> Iterator[named.Placed]:
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


def _rank(row: named.Row, seed: int) -> bytes:
    text = json.dumps(row, sort_keys=True, ensure_ascii=False, default=str)
    return blake2b(f"{seed}:{text}".encode()).digest()


def _chat(
    source: RowSource, number: int, origin: str, row: named.Row, settings: RowsSettings
) -> ChatRow:
    place = Path(origin).name
    group = row.get(source.group or "group")
    if source.group and group is None:
        raise InputError("develop.rows_no_group", where=origin, column=source.group)
    row_id, told = f"{number}.{place}", f"{source.name}: {place}"
    own = row_id if group is None else str(group)
    system, known = settings.system, named.NAMED.get(source.name)
    if known and known.pair:
        return forms.pair(row, known.pair, row_id, told, system=system, group=own)
    form = forms.form_of(row, origin)
    return forms.to_chat(
        row, form, row_id, told, system=system, input_as=settings.input_as, group=own
    )


def _synthetic(settings: RowsSettings, home: Path, out: Path, seed: int) -> Iterator[Sourced]:
    if settings.synth is None:
        return
    folder = out / SYNTH
    synthesise(settings.synth, home, folder, seed)
    for split in ("train", "test"):
        path = folder / f"{split}.jsonl"
        for row in read_rows(path, ChatRow) if path.stat().st_size else []:
            yield Sourced(row, split == "test")
