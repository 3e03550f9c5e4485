"""Rows that say which answer is better, of ratings or ready ones, each as a chat.

Length, language, repeats and leaks are looked at in that chat: the prompt with the better answer.
"""

from collections.abc import Iterator
from pathlib import Path

from kamerton.develop.data import feedback
from kamerton.develop.data.feedback import Form, TrainingRow
from kamerton.develop.data.rows.collect import Sourced, private
from kamerton.develop.settings.data import RowSource, RowsSettings
from kamerton.documents import row_forms as forms
from kamerton.documents.tables import read_table, whole_text
from kamerton.formats.chat import ChatRow, Message
from kamerton.formats.errors import InputError
from kamerton.formats.feedback import FeedbackRow
from kamerton.formats.jsonl import check_row, read_objects
from kamerton.formats.preference import KtoRow, PreferenceRow

RATING = {"messages", "rating", "user", "consent"}
"""Columns of a recorded rating."""
_OWN = {"prompt", "completion", "label"}


def is_rated(settings: RowsSettings, home: Path, objective: Form) -> bool:
    """Whether rows are read here: for dpo and kto always, for sft where they are ratings."""
    if objective != "sft":
        return True
    rated = [_is_feedback(home / source.name) for source in settings.sources]
    if any(rated) and not all(rated):
        name = settings.sources[rated.index(False)].name
        raise InputError("develop.rated_mixed", where=name)
    return any(rated)


def collect(
    settings: RowsSettings, home: Path, objective: Form, seed: int
) -> tuple[list[Sourced], bool]:
    """All rows for an objective, personal data masked, and whether their split is settled.

    Ratings are split by who rated and what was asked, the same in every run; nothing else splits
    them. InputError: ratings beside other rows, a source that is no file, rows of another form.
    """
    files = [_file(source, home) for source in settings.sources]
    if not files or settings.synth:
        raise InputError("develop.rated_no_file", where="data.sources", objective=objective)
    if is_rated(settings, home, "sft"):
        rows = [r for file in files for r in _ratings(file, objective, settings, seed)]
        return [_sourced(private(row, settings)[0], held_out) for row, held_out in rows], True
    ready = (private(row, settings)[0] for file in files for row in _ready(file, objective))
    return [_sourced(row, False) for row in ready], False


def _file(source: RowSource, home: Path) -> Path:
    path = home / source.name
    if not path.is_file() or source.count is not None or source.part != "train":
        raise InputError("develop.rated_source", where=source.name)
    return path


def _is_feedback(path: Path) -> bool:
    if path.suffix != ".jsonl" or not path.is_file():
        return False
    _, first = next(iter(read_objects(path)), (0, {}))
    return first.keys() >= RATING


def _ratings(
    path: Path, objective: Form, settings: RowsSettings, seed: int
) -> Iterator[tuple[TrainingRow, bool]]:
    read = [check_row(row, FeedbackRow, f"{path}:{line}") for line, row in read_objects(path)]
    converted = feedback.convert(read, objective, settings.held_out, seed)
    if not converted.train:
        raise InputError("develop.rated_nothing", where=str(path), objective=objective)
    yield from ((row, False) for row in converted.train)
    yield from ((row, True) for row in converted.held_out)


def _ready(path: Path, objective: Form) -> Iterator[TrainingRow]:
    """Rows that are of the objective's form already, in the field's columns or in ours."""
    for number, (where, row) in enumerate(read_table(path), start=1):
        name = whole_text(row.get("id"), "id", where).strip() or f"{path.name}:{number}"
        if objective == "kto":
            if not row.keys() >= _OWN:
                raise InputError("develop.rated_other_form", where=where, objective=objective)
            fields = {k: v for k, v in row.items() if k in KtoRow.model_fields and v is not None}
            yield check_row({"id": name, **fields, "origin": where}, KtoRow, where)
        elif forms.detect(row) != "preference":
            raise InputError("develop.rated_other_form", where=where, objective=objective)
        else:
            group = whole_text(row.get("group"), "group", where).strip() or None
            yield forms.to_preference(row, name, where, group=group)


def _sourced(row: TrainingRow, held_out: bool) -> Sourced:
    """A row with the chat it stands for; what one person was asked stays on one side."""
    match row:
        case ChatRow():
            messages = row.messages
        case PreferenceRow():
            messages = [*row.prompt, Message(role="assistant", content=row.chosen)]
        case KtoRow():
            messages = [*row.prompt, Message(role="assistant", content=row.completion)]
    asked = next(m.content for m in reversed(messages) if m.role == "user")
    group = f"{row.group or row.id}: {asked}"
    view = ChatRow(id=row.id, messages=messages, group=group, origin=row.origin)
    return Sourced(view, held_out, written=row)
