"""How texts and figures are written."""

from collections import Counter
from collections.abc import Iterable, Mapping

from kamerton.formats.language import current, say
from kamerton.formats.scores import Interval


def text(key: str, /, **values: object) -> str:
    """A text of the experiment in the language in force."""
    return say(f"experiment.{key}", **values)


def percent(share: float) -> str:
    """A share as whole per cent: `69 %`, with a space that does not break."""
    return f"{100 * share:.0f}\u00a0%"


def points(difference: float) -> str:
    """A signed difference in whole percentage points, with a true minus sign."""
    rounded = round(100 * difference)
    return "0" if rounded == 0 else f"{rounded:+d}".replace("-", "\u2212")


def in_points(effect: Interval) -> dict[str, str]:
    """A difference with its interval in points, under the names of the texts."""
    return {
        "effect": points(effect.mean),
        "low": points(effect.low),
        "high": points(effect.high),
    }


def interval_marks(intervals: Iterable[Interval]) -> dict[str, str]:
    """Every kind of interval here with the mark of its figures; the commonest bears none."""
    kinds = Counter(interval.kind for interval in intervals if interval.kind)
    return {"": ""} | {kind: "*" * place for place, (kind, _) in enumerate(kinds.most_common())}


def interval_legend(marks: Mapping[str, str]) -> str:
    """What the marks stand for, as a sentence; empty where no kind is known."""
    kinds = [f"{mark} {text(f'interval_{kind}')}".strip() for kind, mark in marks.items() if kind]
    return text("intervals", list="; ".join(kinds)) if kinds else ""


def p_value(p: float) -> str:
    """A p value with its sign of relation: `= 0.012`, `< 0.001`."""
    return "<\u00a00.001" if p < 0.001 else f"=\u00a0{p:.3f}"


def duration(seconds: float) -> str:
    """Minutes and seconds: `4:05`; with hours `1:02:03`."""
    minutes, left = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{left:02d}" if hours else f"{minutes}:{left:02d}"


def count(value: float) -> str:
    """A whole number with narrow spaces between thousands, as both languages write it."""
    return f"{value:,.0f}".replace(",", "\u202f")


def short(value: float) -> str:
    """Three digits of a figure that may be large: 0.0213, 12.3, 1 230."""
    return f"{value:#.3g}".rstrip(".") if value < 1000 else count(value)


def signed(value: float, digits: int = 3) -> str:
    """A signed figure, with a true minus sign."""
    return f"{value:+.{digits}f}".replace("-", "\u2212")


def decimal(text: str) -> str:
    """A figure with the decimal sign of the language in force."""
    return text.replace(".", ",") if current() == "ru" else text


def capital(text: str) -> str:
    """The text with its first letter large."""
    return text[:1].upper() + text[1:]


def figure(value: object) -> str:
    """A figure, or a word, as it is shown; an em dash for none."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return "—" if value is None else str(value)
    return count(value) if isinstance(value, int) else f"{value:.4g}"
