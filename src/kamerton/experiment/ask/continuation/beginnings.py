"""Beginnings to be continued: a column of a table, or a text file with one on each line."""

from dataclasses import dataclass
from pathlib import Path

from kamerton.experiment.ask.perplexity.documents import TXT
from kamerton.experiment.tasks.answers import IDS, QUESTIONS
from kamerton.experiment.tasks.tables import column, keyed_texts, no_column, read_table
from kamerton.formats.errors import InputError
from kamerton.formats.jsonl import read_text

_NAMES = (*QUESTIONS, "text", "beginning")


@dataclass(frozen=True)
class Beginning:
    """One text to be continued."""

    id: str
    text: str


def read_beginnings(path: Path, prompt: str = "", id: str = "") -> list[Beginning]:
    """The prompts of a file; of a text file its lines, without those that are blank.

    `prompt` and `id` are names of columns; empty: the usual ones are looked for. Without ids the
    place in the file, from 0. InputError names line and column.
    """
    if path.suffix.lower() == TXT:
        lines = [line.removesuffix("\r") for line in read_text(path).split("\n")]
        kept = [line for line in lines if line.strip()]
        return [Beginning(str(place), line) for place, line in enumerate(kept)]
    return _rows(path, prompt, id)


def _rows(path: Path, prompt: str, wanted_id: str) -> list[Beginning]:
    lines = read_table(path)
    if not lines:
        raise InputError("experiment.texts_no_rows", where=str(path))
    name = column(lines, prompt, _NAMES, "--text-column", path)
    if name is None:
        raise no_column(lines, "prompt", "--text-column", path)
    id = column(lines, wanted_id, IDS, "--id-column", path)
    return [Beginning(key, text) for key, text, _ in keyed_texts(lines, name, id)]
