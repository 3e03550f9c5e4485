"""A board as a table in other people's forms: CSV, JSON, LaTeX, Markdown, plain text."""

import csv
import io
import json
from collections.abc import Callable, Sequence
from typing import Literal

from kamerton.experiment.board import Board
from kamerton.experiment.report.table import aligned
from kamerton.experiment.slices import Slices
from kamerton.formats.language import say
from kamerton.formats.scores import Cell, Comparison

Form = Literal["text", "csv", "json", "latex", "markdown"]
HEAD = (
    *("run", "held_out", "criterion", "family", "score", "low", "high", "questions", "groups"),
    *("against", "effect", "effect_low", "effect_high", "p", "p_holm", "verdict"),
)
_SHORT = ("run", "held_out", "criterion", "score", "effect", "p_holm", "verdict")
"""What fits on a page: each figure with its interval in one cell."""
_ESCAPED = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    **{mark: "\\" + mark for mark in "&%$#_{}"},
}
Row = dict[str, str | float | int]


def exported(board: Board, parts: Slices | None, form: Form) -> str:
    """The whole board in one form, without a line's end; `parts` are in the JSON alone."""
    if form == "json":
        return _json(board, parts)
    return _FORMS[form](rows_of(board))


def rows_of(board: Board) -> list[Row]:
    """One row for each run, set and criterion, in the order of the board."""
    told = {(c.arm, c.held_out, c.criterion): c for c in board.comparisons}
    ordered = sorted(board.cells, key=lambda cell: _order(cell, board))
    return [_row(cell, told.get((cell.arm, cell.held_out, cell.criterion))) for cell in ordered]


def _order(cell: Cell, board: Board) -> tuple[bool, str, str, int]:
    """The primary criterion first, then by set and criterion, runs as on the board."""
    main = cell.criterion == board.primary
    return not main, cell.held_out, cell.criterion, board.labels.index(cell.arm)


def _row(cell: Cell, found: Comparison | None) -> Row:
    score = cell.score
    row: Row = dict(zip(HEAD, (cell.arm, cell.held_out, cell.criterion, ""), strict=False))
    row |= {"score": score.mean, "low": score.low, "high": score.high}
    row |= {"questions": cell.questions, "groups": cell.groups}
    if found is None:
        return row | dict.fromkeys(HEAD[9:], "")
    row |= {"family": found.family, "against": found.against, "effect": found.effect.mean}
    row |= {"effect_low": found.effect.low, "effect_high": found.effect.high}
    return row | {"p": found.p, "p_holm": found.p_holm, "verdict": found.verdict}


def _csv(rows: Sequence[Row]) -> str:
    stream = io.StringIO()
    writer = csv.DictWriter(stream, HEAD, lineterminator="\n")
    writer.writeheader()
    writer.writerows({name: _plain(value) for name, value in row.items()} for row in rows)
    return stream.getvalue().rstrip("\n")


def _plain(value: str | float | int) -> str | float | int:
    """Six digits of a figure: the same on every machine."""
    return float(f"{value:.6g}") if isinstance(value, float) else value


def _json(board: Board, parts: Slices | None) -> str:
    tree: dict[str, object] = {
        "runs": board.labels,
        "why_no_verdict": board.why,
        "primary": board.primary,
        "rows": [{name: _plain(value) for name, value in r.items()} for r in rows_of(board)],
    }
    if parts is not None:
        slices = [vars(one) | {"effect": one.effect.model_dump()} for one in parts.found]
        tree |= {"slices": slices, "slices_left_out": parts.left_out}
    return json.dumps(tree, ensure_ascii=False, indent=2)


def _cells(row: Row) -> list[str]:
    """The row as it is read: 12.3 [10.1, 14.5] in points, or nats as they are."""
    nats = isinstance(row["score"], float) and row["score"] < 0
    shown = {
        "held_out": say(f"experiment.set_{row['held_out']}"),
        "criterion": say(f"experiment.criterion_{row['criterion']}"),
        "score": _interval(row, ("score", "low", "high"), nats, ""),
        "effect": _interval(row, ("effect", "effect_low", "effect_high"), nats, "+"),
        "p_holm": f"{row['p_holm']:.3g}" if row["p_holm"] != "" else "",
        "verdict": _verdict(row),
    }
    return [str(shown.get(name, row[name])) for name in _SHORT]


def _verdict(row: Row) -> str:
    if not row["verdict"]:
        return ""
    codes = {"not enough evidence": "unclear"}
    verdict = str(row["verdict"])
    return say(f"experiment.verdict_{codes.get(verdict, verdict)}")


def _interval(row: Row, names: tuple[str, str, str], nats: bool, sign: str) -> str:
    if row[names[0]] == "":
        return ""
    scale, digits = (1, 3) if nats else (100, 1)
    mean, low, high = (f"{scale * float(row[name]):{sign}.{digits}f}" for name in names)
    return f"{mean} [{low}, {high}]"


def _head() -> list[str]:
    return [say(f"experiment.board_{name}") for name in _SHORT]


def _markdown(rows: Sequence[Row]) -> str:
    table = [_head(), ["---"] * len(_SHORT), *map(_cells, rows)]
    return "\n".join("| " + " | ".join(c.replace("|", "\\|") for c in row) + " |" for row in table)


def _latex(rows: Sequence[Row]) -> str:
    """A tabular that needs no package."""
    body = [" & ".join(_escaped(cell) for cell in row) for row in [_head(), *map(_cells, rows)]]
    lines = [body[0] + r" \\ \hline", *(line + r" \\" for line in body[1:])]
    start = rf"\begin{{tabular}}{{{'l' * len(_SHORT)}}}"
    return "\n".join([start, *lines, r"\end{tabular}"])


def _escaped(text: str) -> str:
    return "".join(_ESCAPED.get(letter, letter) for letter in text)


def _text(rows: Sequence[Row]) -> str:
    return aligned([_head(), *map(_cells, rows)])


_FORMS: dict[str, Callable[[Sequence[Row]], str]] = {
    "text": _text,
    "csv": _csv,
    "latex": _latex,
    "markdown": _markdown,
}
FORMS: tuple[Form, ...] = ("text", "csv", "json", "latex", "markdown")
