"""What a person sees on stderr while a long step runs: rate and time left, in plain lines."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from tqdm import tqdm

from kamerton.formats.language import current

_TIME_LEFT = {"en": "left", "ru": "осталось"}


def coloured() -> bool:
    """Whether stderr may carry colour: a terminal, and `NO_COLOR` not set."""
    return sys.stderr.isatty() and not os.environ.get("NO_COLOR")


@contextmanager
def progress(label: str, total: int, unit: str = "") -> Iterator["tqdm[None]"]:
    """A live line on stderr for `total` units: share, count, rate, time left.

    On a terminal it redraws itself; elsewhere (a log, CI) it prints about every ten seconds.
    Call `.update(n)` on what it yields, `.set_postfix_str(text)` to add a figure.
    """
    live = sys.stderr.isatty()
    left = _TIME_LEFT[current()]
    form = "{desc}: {percentage:3.0f}%  {n_fmt}/{total_fmt}  {rate_noinv_fmt}  {remaining} " + left
    with tqdm(
        total=total,
        desc=label,
        unit=unit,
        unit_scale=total >= 100_000,
        bar_format=form + "{postfix}",
        mininterval=0.2 if live else 10.0,
        ascii=not live,
        file=sys.stderr,
    ) as bar:
        yield bar


def note(text: str) -> None:
    """One line for a person, on stderr."""
    print(text, file=sys.stderr, flush=True)  # noqa: T201
