"""The report stage: `report.html`, `model_card.md` and the table that ends a run."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from kamerton.experiment.metrics import CRITERIA
from kamerton.experiment.report import answers, plot, view
from kamerton.experiment.report.card import card
from kamerton.experiment.report.html import render
from kamerton.experiment.report.material import Material, ReportInputs, load
from kamerton.experiment.report.pretraining.report import written as pretraining
from kamerton.experiment.report.rows.material import SETS as ROWS
from kamerton.experiment.report.rows.report import written as rows
from kamerton.experiment.report.table import closing_words
from kamerton.formats.jsonl import read_text, write_text
from kamerton.formats.language import say
from kamerton.formats.scores import SUMMARY, Summary

REPORT, CARD, TABLE = "report.html", "model_card.md", "table.txt"
Written = tuple[str, str, str]
"""The page, the card and the closing words."""

__all__ = ["CARD", "REPORT", "TABLE", "ReportInputs", "page", "report"]


def report(inputs: ReportInputs, out: Path) -> None:
    """Write the page, the model card and the table, in the language in force.

    What they tell of follows from what the stages left: a pretraining, a comparison of rows, or a
    guide's comparison.
    """
    for name, text in zip((REPORT, CARD, TABLE), _kind(inputs)(inputs), strict=True):
        write_text(out / name, text)


def _kind(inputs: ReportInputs) -> Callable[[ReportInputs], Written]:
    if "pretrain" in inputs.stages:
        return pretraining
    summary = Summary.model_validate_json(read_text(inputs.folders["compare"] / SUMMARY))
    found = {cell.held_out for cell in summary.cells}
    return rows if found & set(ROWS) else _guide


def _guide(inputs: ReportInputs) -> Written:
    material = load(inputs)
    return page(material), card(material), closing_words(material.summary)


def page(material: Material) -> str:
    """A guide's report as one HTML text that needs no other file."""
    return render("report.html.jinja", material, **_context(material))


def _context(material: Material) -> dict[str, Any]:
    primary, primary_scale = view.claims(material, "primary")
    secondary, secondary_scale = view.claims(material, "secondary")
    return {
        "summary": material.summary,
        "criterion": say(f"experiment.criterion_{material.settings.primary}"),
        "criteria": list(CRITERIA),
        "held_out_sets": [held_out for held_out, _, _ in view.sets(material)],
        "primary": primary,
        "primary_scale": primary_scale,
        "secondary": secondary,
        "secondary_scale": secondary_scale,
        "shares": plot.SHARES,
        "asked": answers.asked(material),
    }
