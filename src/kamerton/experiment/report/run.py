"""The report stage: `report.html`, `model_card.md` and the table that ends a run."""

from importlib.resources import files
from pathlib import Path
from typing import Any

import jinja2
import yaml
from markupsafe import Markup

from kamerton.experiment.metrics import CRITERIA
from kamerton.experiment.report import answers, plot, view, words
from kamerton.experiment.report.card import card
from kamerton.experiment.report.material import Material, ReportInputs, load
from kamerton.experiment.report.table import closing_words
from kamerton.formats.jsonl import write_text
from kamerton.formats.language import current, say

REPORT, CARD, TABLE = "report.html", "model_card.md", "table.txt"

__all__ = ["CARD", "REPORT", "TABLE", "ReportInputs", "page", "report"]


def report(inputs: ReportInputs, out: Path) -> None:
    """Write the page, the model card and the table, in the language in force."""
    material = load(inputs)
    write_text(out / REPORT, page(material))
    write_text(out / CARD, card(material))
    write_text(out / TABLE, closing_words(material.summary))


def page(material: Material) -> str:
    """The report as one HTML text that needs no other file; all that models said is escaped."""
    environment = jinja2.Environment(
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        loader=jinja2.FunctionLoader(_own),
    )
    return environment.get_template("report.html.jinja").render(**_context(material))


def _context(material: Material) -> dict[str, Any]:
    primary, primary_scale = view.claims(material, "primary")
    secondary, secondary_scale = view.claims(material, "secondary")
    return {
        "t": _text,
        "language": current(),
        "view": view,
        "words": words,
        "material": material,
        "summary": material.summary,
        "criterion": say(f"experiment.criterion_{material.settings.primary}"),
        "criteria": list(CRITERIA),
        "primary": primary,
        "primary_scale": primary_scale,
        "secondary": secondary,
        "secondary_scale": secondary_scale,
        "shares": plot.SHARES,
        "asked": answers.asked(material),
        "recipe_yaml": yaml.safe_dump(material.recipe, allow_unicode=True, sort_keys=False),
        # Both files are ours: no text of a user or a model is in them.
        "style": Markup(_own("style.css")),
        "script": Markup(_own("report.js")),
    }


def _text(key: str, /, **values: object) -> str:
    return say(f"experiment.{key}", **values)


def _own(name: str) -> str:
    return (files("kamerton.experiment.report") / name).read_text("utf-8")
