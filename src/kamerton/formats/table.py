"""Tables in plain text."""

from collections.abc import Sequence
from itertools import zip_longest
from shutil import get_terminal_size
from textwrap import wrap

_NARROWEST = 8
"""Characters that a column keeps, however narrow the terminal is."""


def aligned(rows: Sequence[Sequence[str]], head: bool = False) -> str:
    """Rows of one length as columns of text, to the left.

    On a terminal, or where COLUMNS is set, the widest columns are wrapped until all fit. `head`:
    for a report, the same everywhere; the first row is one, a line is drawn below it, and all
    columns but the first stand to the right, as figures do.
    """
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    room = 0 if head else get_terminal_size((0, 0)).columns - 2 * (len(widths) - 1)
    while 0 < room < sum(widths) and max(widths) > _NARROWEST:
        widths[widths.index(max(widths))] -= 1
    lines = []
    for row in rows:
        cells = [
            wrap(cell, max(width, 1)) if room > 0 else [cell]
            for cell, width in zip(row, widths, strict=True)
        ]
        for parts in zip_longest(*cells, fillvalue=""):
            shown = (
                part.rjust(width) if head and place else part.ljust(width)
                for place, (part, width) in enumerate(zip(parts, widths, strict=True))
            )
            lines.append("  ".join(shown).rstrip())
    return "\n".join([lines[0], "-" * len(lines[0]), *lines[1:]] if head else lines)
