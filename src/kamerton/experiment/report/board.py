"""A board for the terminal and in other people's forms: CSV, JSON, LaTeX, Markdown."""

import json
from typing import Literal, get_args

from kamerton.experiment.board import Board
from kamerton.experiment.report.figures import in_points, text
from kamerton.experiment.report.table import FORMS as TABLES
from kamerton.experiment.report.table import comma_separated
from kamerton.experiment.report.words import criterion, no_claims
from kamerton.experiment.slices import Slices, name_of
from kamerton.formats.scores import Cell, Comparison, verdict_code

Form = Literal["text", "csv", "json", "latex", "markdown"]
FORMS: tuple[Form, ...] = get_args(Form)
HEAD = (
    *("run", "held_out", "criterion", "family", "score", "low", "high", "questions", "groups"),
    *("against", "effect", "effect_low", "effect_high", "p", "p_holm", "verdict"),
)
_SHORT = ("run", "held_out", "criterion", "score", "effect", "p_holm", "verdict")
"""What fits on a page: each figure with its interval in one cell."""
Row = dict[str, str | float | int]


def exported(board: Board, parts: Slices | None, form: Form) -> str:
    """The whole board in one form, without a line's end; `parts` are in the JSON alone."""
    if form == "json":
        return _json(board, parts)
    rows = rows_of(board)
    if form == "csv":
        values = [[_plain(row[name]) for name in HEAD] for row in rows]
        return comma_separated([HEAD, *values])
    head = [text(f"board_{name}") for name in _SHORT]
    return TABLES[form]([head, *map(_cells, rows)])


def sentences(board: Board, parts: Slices) -> list[str]:
    """Primary verdicts and every proved loss in words, then the parts in which a run got worse."""
    lines = [no_claims(board.why)] if board.why else []
    for one in board.comparisons:
        if one.family == "primary" or one.verdict == "worse":
            lines.append(
                text(
                    f"board_{verdict_code(one.verdict)}",
                    arm=one.arm,
                    against=one.against,
                    held_out=text(f"set_{one.held_out}"),
                    criterion=criterion(one.criterion),
                )
            )
    worse = [
        text(
            "slice_worse",
            run=one.label,
            part=name_of(one),
            p=f"{one.p_holm:.3g}",
            questions=one.questions,
            **in_points(one.effect),
        )
        for one in parts.tested
        if one.verdict == "worse"
    ]
    counts = {"tested": len(parts.tested), "left_out": parts.left_out, "worse": len(worse)}
    return [*lines, *worse, text("slices_tested", **counts)]


def rows_of(board: Board) -> list[Row]:
    """One row for each run, set and criterion, in the order of the board."""
    compared = {(c.arm, c.held_out, c.criterion): c for c in board.comparisons}

    def order(cell: Cell) -> tuple[bool, str, str, int]:
        """The primary criterion first, then by set and criterion, runs as on the board."""
        other = cell.criterion != board.primary
        return other, cell.held_out, cell.criterion, board.labels.index(cell.arm)

    ordered = sorted(board.cells, key=order)
    return [_row(c, compared.get((c.arm, c.held_out, c.criterion))) for c in ordered]


def _row(cell: Cell, comparison: Comparison | None) -> Row:
    row: Row = dict.fromkeys(HEAD, "")
    row |= {"run": cell.arm, "held_out": cell.held_out, "criterion": cell.criterion}
    row |= {"score": cell.score.mean, "low": cell.score.low, "high": cell.score.high}
    row |= {"questions": cell.questions, "groups": cell.groups}
    if comparison is None:
        return row
    effect = comparison.effect
    row |= {"effect": effect.mean, "effect_low": effect.low, "effect_high": effect.high}
    copied = ("family", "against", "p", "p_holm", "verdict")
    return row | {name: getattr(comparison, name) for name in copied}


def _json(board: Board, parts: Slices | None) -> str:
    tree: dict[str, object] = {
        "runs": board.labels,
        "why_no_verdict": board.why,
        "primary": board.primary,
        "rows": [{name: _plain(value) for name, value in r.items()} for r in rows_of(board)],
    }
    if parts is not None:
        slices = [vars(one) | {"effect": one.effect.model_dump()} for one in parts.tested]
        tree |= {"slices": slices, "slices_left_out": parts.left_out}
    return json.dumps(tree, ensure_ascii=False, indent=2)


def _plain(value: str | float | int) -> str | float | int:
    """Six digits of a figure: the same on every machine."""
    return float(f"{value:.6g}") if isinstance(value, float) else value


def _cells(row: Row) -> list[str]:
    """The row as it is read: 12.3 [10.1, 14.5] in points, or nats as they are."""
    nats = isinstance(row["score"], float) and row["score"] < 0
    shown = {
        "held_out": text(f"set_{row['held_out']}"),
        "criterion": criterion(str(row["criterion"])),
        "score": _interval(row, ("score", "low", "high"), nats, ""),
        "effect": _interval(row, ("effect", "effect_low", "effect_high"), nats, "+"),
        "p_holm": f"{row['p_holm']:.3g}" if row["p_holm"] != "" else "",
        "verdict": text(f"verdict_{verdict_code(str(row['verdict']))}") if row["verdict"] else "",
    }
    return [str(shown.get(name, row[name])) for name in _SHORT]


def _interval(row: Row, names: tuple[str, str, str], nats: bool, sign: str) -> str:
    if row[names[0]] == "":
        return ""
    scale, digits = (1, 3) if nats else (100, 1)
    mean, low, high = (f"{scale * float(row[name]):{sign}.{digits}f}" for name in names)
    return f"{mean} [{low}, {high}]"
