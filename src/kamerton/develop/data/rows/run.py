"""The data stage of rows: collect, mask, filter, split, check for leaks, write, tell."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

from kamerton.client.hosts import check_host
from kamerton.develop.data import rights
from kamerton.develop.data.card import MARKDOWN
from kamerton.develop.data.feedback import Form
from kamerton.develop.data.leaks import files
from kamerton.develop.data.leaks.check import Report
from kamerton.develop.data.rows import card, rated
from kamerton.develop.data.rows.apart import apart
from kamerton.develop.data.rows.collect import Sourced, collect, from_source, private, reasons
from kamerton.develop.data.rows.split import split
from kamerton.develop.data.sources.named import NAMED
from kamerton.develop.data.sources.remote import STAND_IN, stand_in
from kamerton.develop.data.synth import plan
from kamerton.develop.settings.rows import RowsSettings
from kamerton.formats.chat import ChatRow
from kamerton.formats.errors import InputError
from kamerton.formats.jsonl import write_rows, write_text
from kamerton.formats.manifest import sha256

TRAIN, HELD_OUT, LEAKS = "train.jsonl", "held_out.jsonl", "leaks.json"


def local_sources(settings: RowsSettings, home: Path) -> list[Path]:
    """Files and folders of this machine that are read: a changed one counts."""
    named = [Path(stand_in(s.stand_in) or s.copy_at or s.name) for s in settings.sources]
    synth = plan.sources(settings.synth, home) if settings.synth else []
    named += [*settings.few_shot, *([settings.benchmarks] if settings.benchmarks else [])]
    return [home / path for path in named if (home / path).exists()] + synth


def survey(
    settings: RowsSettings, home: Path, seed: int, objective: Form = "sft"
) -> dict[str, int]:
    """Counts before anything is sent anywhere; InputError for what cannot be used.

    Reads every row of every source, checks rights and the teacher's host, asks no teacher.
    """
    _licensed(settings)
    if rated.is_rated(settings, home, objective):
        return {"rows": len(rated.collect(settings, home, objective, seed)[0]), "briefs": 0}
    counts: Counter[str] = Counter()
    for number, source in enumerate(settings.sources):
        counts["rows"] += sum(1 for _ in from_source(source, number, settings, home, seed))
    if settings.synth:
        of = settings.synth
        check_host(of.base_url, of.trusted_hosts, of.leaves_machine)
        counts["briefs"] = len(plan.plan(of, home, seed))
    return {"rows": counts["rows"], "briefs": counts["briefs"]}


def prepare(
    settings: RowsSettings, home: Path, out: Path, seed: int, objective: Form = "sft"
) -> None:
    """Write train.jsonl, held_out.jsonl, leaks.json, dropped.json, dataset.json and the card.

    InputError where nothing is left to train on, and where a leak blocks; all files are there
    then, to see what was found.
    """
    _licensed(settings)
    rows, personal, share = _read(settings, home, out, seed, objective)
    gone = reasons(rows, settings, seed)
    train, held_out = split([r for r in rows if r.row.id not in gone], share, seed)
    train, leaking, found = apart(settings, home, train, held_out)
    gone |= leaking
    said = {r.row.id: r.said or r.row for r in rows}
    write_rows(out / TRAIN, [said[row.id] for row in train])
    write_rows(out / HELD_OUT, [said[row.id] for row in held_out])
    write_text(out / LEAKS, found.model_dump_json(indent=2) + "\n")
    told = _card(settings, rows, personal, gone, train, held_out, found, out)
    write_text(out / "dropped.json", json.dumps(gone, ensure_ascii=False, indent=1) + "\n")
    write_text(out / "dataset.json", json.dumps(_summary(told, settings), indent=2) + "\n")
    card.write(told, out)
    _usable(train, found, out)


def _read(
    settings: RowsSettings, home: Path, out: Path, seed: int, objective: Form
) -> tuple[list[Sourced], int, float]:
    """All rows, how much personal data they held, and the share that is still to be held out."""
    if rated.is_rated(settings, home, objective):
        rows, settled = rated.collect(settings, home, objective, seed)
        return rows, 0, 0.0 if settled else settings.held_out
    collected = collect(settings, home, out, seed)
    masked = [private(of.row, settings) for of in collected]
    rows = [Sourced(row, of.held_out) for of, (row, _) in zip(collected, masked, strict=True)]
    return rows, sum(count for _, count in masked), settings.held_out


def _licensed(settings: RowsSettings) -> None:
    """The sources' rights, by the recipe's licence or its reason to go on without one."""
    names = [source.name for source in settings.sources]
    rights.allowed(rights.decide(names, settings.rights, rights.RightsTable()), settings.rights)


def _card(
    settings: RowsSettings,
    rows: list[Sourced],
    personal: int,
    gone: dict[str, str],
    train: list[ChatRow],
    held_out: list[ChatRow],
    found: Report,
    out: Path,
) -> card.RowsCard:
    texts = {r.row.id: r.row.answer for r in rows}
    left = len(rows) - len(gone)
    return card.RowsCard(
        sources=_told_sources(settings),
        datasets=[s.name for s in settings.sources if s.name in NAMED],
        licence=settings.rights.licence,
        accepted=settings.rights.accept,
        read=len(rows),
        train=len(train),
        held_out=len(held_out),
        neither=left - len(train) - len(held_out),
        groups=len({row.group for row in train}),
        held_out_groups=len({row.group for row in held_out}),
        dropped=card.reasons(gone, texts),
        personal=personal,
        leaks=dict(Counter(leak.level for leak in found.blocking)),
        printed=dict(Counter(leak.level for leak in found.printed)),
        lengths=card.lengths([row.answer for row in train]),
        languages=card.languages([row.answer for row in train]),
        benchmarks=[name for name in files.BENCHMARKS if name in found.checked],
        dataset_sha256=sha256(out / TRAIN),
    )


def _told_sources(settings: RowsSettings) -> list[str]:
    """The sources by name; of a stand-in its own name too, not where it lies here."""
    named = [
        f"{s.name} ({STAND_IN}/{s.stand_in})" if stand_in(s.stand_in) else s.name
        for s in settings.sources
    ]
    return named + (["synth"] if settings.synth else [])


def _summary(told: card.RowsCard, settings: RowsSettings) -> dict[str, Any]:
    return {"system": settings.system, **told.model_dump(exclude={"dropped"})}


def _usable(train: list[ChatRow], found: Report, out: Path) -> None:
    if not train:
        raise InputError("develop.no_train_rows", where=str(out / MARKDOWN))
    if found.blocking:
        first = found.blocking[0]
        values = {"count": len(found.blocking), "shown": f"{first.held_out} = {first.seen_in}"}
        raise InputError("develop.rows_leak", where=str(out / LEAKS), **values)
