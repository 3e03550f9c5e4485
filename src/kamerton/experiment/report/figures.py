"""A stage's report in JSON as figures, lists and tables, whatever it names."""

from dataclasses import dataclass, field
from typing import Any

from kamerton.formats.language import catalogue, current


@dataclass(frozen=True)
class Table:
    """Rows of one form."""

    title: str
    columns: list[str]
    rows: list[tuple[str, list[str]]]
    """Name of the row, empty where it has none, and its cells."""


@dataclass(frozen=True)
class Told:
    """A report in the forms in which a page shows it."""

    figures: dict[str, str] = field(default_factory=dict)
    lists: dict[str, list[str]] = field(default_factory=dict)
    tables: list[Table] = field(default_factory=list)

    def __bool__(self) -> bool:
        """Whether there is anything to show."""
        return bool(self.figures or self.lists or self.tables)


def told(report: dict[str, Any], kind: str) -> Told:
    """Scalars as figures, lists of scalars as lists, mappings or lists of one form as tables.

    A key is called by the text `<kind>_<key>` of the catalogue, else by itself. What has another
    form (deeper than two levels) is left out: it stands in the file.
    """
    found = Told()
    for key, value in report.items():
        name = label(key, kind)
        if isinstance(value, dict):
            _inner(name, value, kind, found)
        elif isinstance(value, list):
            _list(name, value, kind, found)
        elif plain(value):
            found.figures[name] = figure(value)
    return found


def label(key: str, kind: str) -> str:
    """How a reader calls a key."""
    return catalogue("experiment", current()).get(f"{kind}_{key}", key.replace("_", " "))


def plain(value: object) -> bool:
    """Whether a value is one figure or word."""
    return isinstance(value, str | int | float)


def figure(value: object) -> str:
    """A figure, or a word, as it is shown; an em dash for none."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return "—" if value is None else str(value)
    return f"{value:,}".replace(",", "\u202f") if isinstance(value, int) else f"{value:.4g}"


def _inner(name: str, value: dict[str, Any], kind: str, found: Told) -> None:
    """A mapping: a table where its values are mappings with the same keys, else figures."""
    inner = list(value.values())
    if inner and all(isinstance(one, dict) and one.keys() == inner[0].keys() for one in inner):
        rows = [(label(key, kind), one) for key, one in value.items()]
        _table(name, rows, kind, found)
        return
    for key, one in value.items():
        if plain(one):
            found.figures[f"{name}: {label(key, kind)}"] = figure(one)


def _list(name: str, value: list[Any], kind: str, found: Told) -> None:
    if value and all(plain(one) for one in value):
        found.lists[name] = [str(one) for one in value]
    elif value and all(isinstance(one, dict) and one.keys() == value[0].keys() for one in value):
        _table(name, [("", one) for one in value], kind, found)


def _table(name: str, rows: list[tuple[str, dict[str, Any]]], kind: str, found: Told) -> None:
    columns = [key for key, value in rows[0][1].items() if plain(value)]
    if columns:
        cells = [(row, [figure(one[key]) for key in columns]) for row, one in rows]
        found.tables.append(Table(name, [label(key, kind) for key in columns], cells))
