"""The data stage of rows: collect, mask, filter, split, check for leaks, write, tell."""

import json
from collections import Counter
from collections.abc import Sequence
from hashlib import blake2b
from pathlib import Path

from kamerton.client.hosts import check_host
from kamerton.develop.data import rights
from kamerton.develop.data.card import MARKDOWN, histogram
from kamerton.develop.data.feedback import Form
from kamerton.develop.data.leaks import files
from kamerton.develop.data.leaks.check import Report, check, merged
from kamerton.develop.data.rows import card, rated
from kamerton.develop.data.rows.collect import (
    Reasons,
    Sourced,
    collect,
    from_source,
    private,
    reasons,
)
from kamerton.develop.data.sources.named import NAMED
from kamerton.develop.data.sources.remote import STAND_IN, stand_in
from kamerton.develop.data.synth import plan
from kamerton.develop.settings.data import RowsSettings
from kamerton.documents.tables import read_table
from kamerton.formats.chat import ChatRow
from kamerton.formats.errors import InputError
from kamerton.formats.jsonl import write_rows, write_text
from kamerton.formats.manifest import sha256
from kamerton.privacy.columns import ColumnFindings, Columns

TRAIN, HELD_OUT, LEAKS = "train.jsonl", "held_out.jsonl", "leaks.json"

Rows = list[ChatRow]


def local_sources(settings: RowsSettings, home: Path) -> list[Path]:
    """Files and folders of this machine that are read: a changed one counts."""
    named = [Path(stand_in(s.stand_in) or s.copy_at or s.name) for s in settings.sources]
    synth = plan.sources(settings.synth, home) if settings.synth else []
    named += [*settings.few_shot, *([settings.benchmarks] if settings.benchmarks else [])]
    return [home / path for path in named if (home / path).exists()] + synth


def survey(
    settings: RowsSettings, home: Path, seed: int, objective: Form = "sft"
) -> tuple[dict[str, int], list[ColumnFindings]]:
    """Counts before anything is sent anywhere, and the personal data that lies in each column.

    Reads every row of every source, checks rights and the teacher's host, asks no teacher.
    InputError for what cannot be used.
    """
    _licensed(settings)
    columns = Columns(settings.privacy.find)
    if rated.is_rated(settings, home, objective):
        rows = len(rated.collect(settings, home, objective, seed)[0])
        for source in settings.sources:
            for _, row in read_table(home / source.name):
                columns.add(row)
        return {"rows": rows, "briefs": 0}, columns.findings()
    counts: Counter[str] = Counter()
    for number, source in enumerate(settings.sources):
        for row, chat in from_source(source, number, settings, home, seed):
            counts["rows"] += 1
            columns.add(row, "\n".join(turn.content for turn in chat.row.messages))
    if settings.synth:
        of = settings.synth
        check_host(of.base_url, of.trusted_hosts, of.leaves_machine)
        counts["briefs"] = len(plan.plan(of, home, seed))
    return {"rows": counts["rows"], "briefs": counts["briefs"]}, columns.findings()


def prepare(
    settings: RowsSettings, home: Path, out: Path, seed: int, objective: Form = "sft"
) -> None:
    """Write train.jsonl, held_out.jsonl, leaks.json, dropped.json, dataset.json and the card.

    InputError where nothing is left to train on, and where a leak blocks; all files are there
    then, to see what was found.
    """
    _licensed(settings)
    rows, personal, share = read(settings, home, out, seed, objective)
    gone = reasons(rows, settings, seed)
    train, held_out = split([r for r in rows if r.row.id not in gone], share, seed)
    train, leaking, leaks = decontaminate(settings, home, train, held_out)
    gone |= leaking
    written = {r.row.id: r.written or r.row for r in rows}
    write_rows(out / TRAIN, [written[row.id] for row in train])
    write_rows(out / HELD_OUT, [written[row.id] for row in held_out])
    write_text(out / LEAKS, leaks.model_dump_json(indent=2) + "\n")
    figures = _card(settings, rows, personal, gone, train, held_out, leaks, out)
    write_text(out / "dropped.json", json.dumps(gone, ensure_ascii=False, indent=1) + "\n")
    summary = {"system": settings.system, **figures.model_dump(exclude={"dropped"})}
    write_text(out / "dataset.json", json.dumps(summary, indent=2) + "\n")
    card.write(figures, out)
    if not train:
        values = {"read": figures.read, "why": card.why(figures)}
        raise InputError("develop.rows_none_left", where=str(out / MARKDOWN), **values)
    if leaks.blocking:
        first = leaks.blocking[0]
        values = {"count": len(leaks.blocking), "shown": f"{first.held_out} = {first.seen_in}"}
        raise InputError("develop.rows_leak", where=str(out / LEAKS), **values)


def read(
    settings: RowsSettings, home: Path, out: Path, seed: int, objective: Form = "sft"
) -> tuple[list[Sourced], int, float]:
    """All rows, how much personal data they held, and the share that is still to be held out."""
    if rated.is_rated(settings, home, objective):
        rows, settled = rated.collect(settings, home, objective, seed)
        return rows, 0, 0.0 if settled else settings.held_out
    collected = collect(settings, home, out, seed)
    masked = [private(of.row, settings) for of in collected]
    rows = [Sourced(row, of.held_out) for of, (row, _) in zip(collected, masked, strict=True)]
    return rows, sum(count for _, count in masked), settings.held_out


def split(rows: Sequence[Sourced], share: float, seed: int) -> tuple[Rows, Rows]:
    """Training rows and held-out rows, each in the order of their ids.

    Held out is what the sources say, else whole groups drawn by the seed, never rows alone. A
    training row of a group that a source holds out goes to neither.
    """
    ordered = sorted(rows, key=lambda r: r.row.id)
    if any(r.held_out for r in ordered):
        held = {r.row.group for r in ordered if r.held_out}
        train = [r.row for r in ordered if not r.held_out and r.row.group not in held]
        return train, [r.row for r in ordered if r.held_out]
    sizes = Counter(str(r.row.group) for r in ordered)
    chosen, count = set[str](), 0
    # In an order that only the names and the seed decide, until the share is full.
    for group in sorted(sizes, key=lambda g: blake2b(f"{seed}:{g}".encode()).digest()):
        if count >= share * len(ordered):
            break
        chosen.add(group)
        count += sizes[group]
    train = [r.row for r in ordered if r.row.group not in chosen]
    return train, [r.row for r in ordered if r.row.group in chosen]


def decontaminate(
    settings: RowsSettings, home: Path, train: Rows, held_out: Rows
) -> tuple[Rows, Reasons, Report]:
    """The training rows that stay, those that go with their reasons, and what still leaks.

    With `on_leak: drop` a training row that a test was seen in goes, until none is left. What
    leaks into few-shot examples is not the training rows' to mend: it stays in the report.
    """
    gone: Reasons = {}
    report = _leaks(settings, home, train, held_out)
    while settings.on_leak == "drop":
        names = {row.id for row in train}
        leaking = {of.seen_in: of.held_out for of in report.blocking if of.seen_in in names}
        if not leaking:
            break
        gone |= {row: f"leak: {test}" for row, test in leaking.items()}
        train = [row for row in train if row.id not in leaking]
        report = _leaks(settings, home, train, held_out)
    return train, gone, report


def _leaks(settings: RowsSettings, home: Path, train: Rows, held_out: Rows) -> Report:
    """Held-out rows against all that was seen, and public benchmarks against the training rows."""
    examples = [row for path in settings.few_shot for row in files.read(home / path)]
    shots = [turn.content for row in examples for turn in row.messages if turn.role != "system"]
    reports = [check(train, held_out, settings.tests, others={"few_shot": shots})]
    checked = dict(reports[0].checked)
    sets = files.benchmarks(home / settings.benchmarks) if settings.benchmarks else {}
    for name, tasks in sets.items():
        reports.append(check(train, tasks, "group"))
        checked[name] = len(tasks)
    return merged(reports, checked)


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
    leaks: Report,
    out: Path,
) -> card.RowsCard:
    answers = {r.row.id: r.row.answer for r in rows}
    # A stand-in is named by its own name too, not by where it lies here.
    sources = [
        f"{s.name} ({STAND_IN}/{s.stand_in})" if stand_in(s.stand_in) else s.name
        for s in settings.sources
    ]
    left = len(rows) - len(gone)
    return card.RowsCard(
        sources=sources + (["synth"] if settings.synth else []),
        datasets=[s.name for s in settings.sources if s.name in NAMED],
        licence=settings.rights.licence,
        accepted=settings.rights.accept,
        read=len(rows),
        train=len(train),
        held_out=len(held_out),
        neither=left - len(train) - len(held_out),
        groups=len({row.group for row in train}),
        held_out_groups=len({row.group for row in held_out}),
        dropped=card.reasons(gone, answers),
        personal=personal,
        leaks=dict(Counter(leak.level for leak in leaks.blocking)),
        printed=dict(Counter(leak.level for leak in leaks.printed)),
        lengths=histogram([len(row.answer) for row in train]),
        languages=card.languages([row.answer for row in train]),
        benchmarks=[name for name in files.BENCHMARKS if name in leaks.checked],
        dataset_sha256=sha256(out / TRAIN),
    )
