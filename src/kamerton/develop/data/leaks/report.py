"""What a leak check found, as data."""

from collections.abc import Iterable, Mapping, Sequence

from pydantic import BaseModel, ConfigDict

from kamerton.develop.data.leaks.texts import SIDES, Side, natural


class Leak(BaseModel):
    """One side of a held-out row, and where it was seen."""

    model_config = ConfigDict(frozen=True)
    held_out: str
    """Id of the held-out row."""
    side: Side
    """Of the held-out row; `prompt` where the whole row is meant (`group`)."""
    level: str
    """`exact`, `8-gram`, `group`, `semantic`; of further texts with the kind: `few_shot:exact`."""
    seen_in: str
    """Id of the training row, or kind and number (from 1) of the text."""
    likeness: float
    """1 for equal ones; the share of its runs (`8-gram`), the cosine (`semantic`)."""


class Report(BaseModel):
    """What blocks a verdict, and what is only told."""

    model_config = ConfigDict(frozen=True)
    blocking: list[Leak]
    printed: list[Leak]
    checked: dict[str, int]
    """Rows of both files, prompts and answers compared, runs left out, texts of each kind."""


def report(found: Iterable[tuple[bool, Leak]], checked: dict[str, int]) -> Report:
    """Leaks, each after whether it blocks, in the order of the held-out ids."""
    ordered = sorted(set(found), key=lambda pair: _order(pair[1]))
    return Report(
        blocking=[leak for blocks, leak in ordered if blocks],
        printed=[leak for blocks, leak in ordered if not blocks],
        checked=checked,
    )


def _order(leak: Leak) -> tuple[object, ...]:
    row = natural(leak.held_out), leak.held_out, SIDES.index(leak.side)
    return *row, leak.level, natural(leak.seen_in), leak.seen_in, leak.likeness


def merged(reports: Sequence[Report], checked: Mapping[str, int]) -> Report:
    """Several reports as one, in the order given."""
    return Report(
        blocking=[leak for report in reports for leak in report.blocking],
        printed=[leak for report in reports for leak in report.printed],
        checked=dict(checked),
    )
