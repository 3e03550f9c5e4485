"""What the pages of all tasks share: one HTML file each, without others; texts are escaped."""

from collections.abc import Sequence
from importlib.resources import files

from kamerton.experiment.report.plot import Scale, Strip, number, round_values
from kamerton.formats.language import current, say
from kamerton.formats.scores import Interval

Plot = tuple[str, str, Strip]
"""Name, figure and drawing of a value with its interval."""


def render(template: str, **values: object) -> str:
    """A page by a template of this folder, in the language in force."""
    import jinja2
    from markupsafe import Markup

    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    own = files("kamerton.experiment.ask") / f"{template}.html.jinja"
    style = files("kamerton.experiment.report") / "style.css"
    return environment.from_string(own.read_text("utf-8")).render(
        t=text,
        language=current(),
        style=Markup(style.read_text("utf-8")),  # ours: no text of a model is in it
        percent=percent,
        **values,
    )


def text(key: str, /, **values: object) -> str:
    """A text of this platform in the language in force."""
    return say(f"experiment.{key}", **values)


def percent(share: float, digits: int = 1) -> str:
    """A share as a figure in per cent, with the decimal sign of the language in force."""
    return figure(f"{100 * share:.{digits}f}")


def figure(written: str) -> str:
    """A figure with the decimal sign of the language in force."""
    return written.replace(".", ",") if current() == "ru" else written


def share_with_interval(share: Interval) -> str:
    """A share with its interval, for the terminal."""
    mean, low, high = (f"{100 * one:.2f} %" for one in (share.mean, share.low, share.high))
    return say("experiment.score_interval", mean=mean, low=low, high=high)


def scale_of(intervals: Sequence[Interval]) -> Scale:
    """From 0 up to what holds all intervals."""
    high = max((one.high for one in intervals), default=1.0) * 1.05
    return Scale(0.0, high, tuple((value, number(value)) for value in round_values(0.0, high)))
