"""The outcome of the checks as a table, and as data."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from kamerton.experiment.selfcheck.found import Found
from kamerton.formats.language import say


def rows(found: Sequence[Found]) -> list[tuple[str, ...]]:
    """Head and one row for each truth: what, found, expected, ok, source."""
    heads = ("what", "found", "expected", "status", "source")
    head = tuple(say(f"experiment.selfcheck_{name}") for name in heads)
    return [head, *(_row(one) for one in found)]


def notes(found: Sequence[Found]) -> list[str]:
    """Details of what was missed or skipped, and the count at the end."""
    told = [f"{_what(one)}: {one.detail}" for one in found if one.status != "ok" and one.detail]
    counts = Counter(one.status for one in found)
    last = say(
        "experiment.selfcheck_count",
        ok=counts["ok"],
        miss=counts["miss"],
        skipped=counts["skipped"],
    )
    return [*told, last]


def figures(found: Sequence[Found], seconds: float) -> dict[str, Any]:
    """The same for programs; `ok` is false where any truth was missed."""
    counts = Counter(one.status for one in found)
    return {
        "ok": not counts["miss"],
        "counts": {status: counts[status] for status in ("ok", "miss", "skipped")},
        "seconds": round(seconds, 1),
        "checks": [asdict(one) for one in found],
    }


def _row(one: Found) -> tuple[str, ...]:
    status = say(f"experiment.selfcheck_{one.status}")
    return (_what(one), one.found, one.expected, status, one.source)


def _what(one: Found) -> str:
    return say(f"experiment.selfcheck_{one.what}")
