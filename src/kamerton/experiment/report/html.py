"""Templates to pages: one HTML text each, without other files; what came from outside escaped."""

from importlib.resources import files
from typing import Any

import jinja2
import yaml
from markupsafe import Markup

from kamerton.experiment.report import view, words
from kamerton.experiment.report.material import Trip
from kamerton.formats.language import current, say


def render(
    template: str, trip: Trip, styles: tuple[str, ...] = ("style.css",), **context: Any
) -> str:
    """A template below this folder, with `styles` and what all pages share under `context`."""
    environment = jinja2.Environment(
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        loader=jinja2.FunctionLoader(_own),
    )
    return environment.get_template(template).render(**(_shared(trip, styles) | context))


def _shared(trip: Trip, styles: tuple[str, ...]) -> dict[str, Any]:
    return {
        "t": _text,
        "language": current(),
        "view": view,
        "words": words,
        "material": trip,
        "recipe_yaml": yaml.safe_dump(trip.recipe, allow_unicode=True, sort_keys=False),
        # These files are ours: no text of a user or a model is in them.
        "style": Markup("".join(_own(name) for name in styles)),
        "script": Markup(_own("report.js")),
    }


def _text(key: str, /, **values: object) -> str:
    return say(f"experiment.{key}", **values)


def _own(name: str) -> str:
    return (files("kamerton.experiment.report") / name).read_text("utf-8")
