"""Whether training and held-out rows are apart; where the recipe says so, they are made to be."""

from pathlib import Path

from kamerton.develop.data.leaks import files
from kamerton.develop.data.leaks.check import Report, check, merged
from kamerton.develop.data.rows.collect import Reasons
from kamerton.develop.settings.rows import RowsSettings
from kamerton.formats.chat import ChatRow, Message

Rows = list[ChatRow]


def apart(
    settings: RowsSettings, home: Path, train: Rows, held_out: Rows
) -> tuple[Rows, Reasons, Report]:
    """The training rows that stay, those that go with their reasons, and what still leaks.

    With `on_leak: drop` a training row that a test was seen in goes, until none is left. What
    leaks into few-shot examples is not the training rows' to mend: it stays in the report.
    """
    gone: Reasons = {}
    found = _leaks(settings, home, train, held_out)
    while settings.on_leak == "drop":
        names = {row.id for row in train}
        leaking = {of.seen_in: of.held_out for of in found.blocking if of.seen_in in names}
        if not leaking:
            break
        gone |= {row: f"leak: {test}" for row, test in leaking.items()}
        train = [row for row in train if row.id not in leaking]
        found = _leaks(settings, home, train, held_out)
    return train, gone, found


def _leaks(settings: RowsSettings, home: Path, train: Rows, held_out: Rows) -> Report:
    """Held-out rows against all that was seen, and public benchmarks against the training rows."""
    shots = [turn.content for path in settings.few_shot for turn in _turns(home / path)]
    reports = [check(train, held_out, settings.tests, others={"few_shot": shots})]
    checked = dict(reports[0].checked)
    sets = files.benchmarks(home / settings.benchmarks) if settings.benchmarks else {}
    for name, tasks in sets.items():
        reports.append(check(train, tasks, "group"))
        checked[name] = len(tasks)
    return merged(reports, checked)


def _turns(path: Path) -> list[Message]:
    return [turn for row in files.read(path) for turn in row.messages if turn.role != "system"]
