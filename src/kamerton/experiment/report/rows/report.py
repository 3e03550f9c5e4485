"""The three texts of a rows recipe's report."""

from typing import Any

from kamerton.experiment.report.figures import told
from kamerton.experiment.report.html import render
from kamerton.experiment.report.material import ReportInputs
from kamerton.experiment.report.rows import claims as own_claims
from kamerton.experiment.report.rows import kept, view, words
from kamerton.experiment.report.rows.card import card
from kamerton.experiment.report.rows.material import RowsMaterial, load
from kamerton.experiment.report.rows.table import closing_words
from kamerton.experiment.report.view import claims, score_sets

STYLES = ("style.css", "told.css", "rows/rows.css")


def written(inputs: ReportInputs) -> tuple[str, str, str]:
    """The page, the card and the closing words of a rows comparison."""
    material = load(inputs)
    return page(material), card(material), closing_words(material)


def page(material: RowsMaterial) -> str:
    """The report as one HTML text that needs no other file."""
    return render("rows/rows.html.jinja", material, STYLES, **_context(material))


def _context(material: RowsMaterial) -> dict[str, Any]:
    form, scale = claims(material.formal, "secondary")
    return {
        "own": words,
        "kept": kept.sentences(material),
        "rows": view,
        "summary": material.summary,
        "loss": own_claims.loss_claim(material),
        "choices": own_claims.choice_claims(material),
        "dots": view.dots(material.losses) if material.losses else None,
        "by_tokens": view.by_tokens(material.losses) if material.losses else None,
        "score_sets": score_sets(material.formal),
        "preferences": view.preferences(material.training),
        "checks": told(material.checks, "check"),
        "form": form,
        "form_scale": scale,
        "sets": view.sets(material),
        "asked": view.asked(material),
        "criteria": material.criteria,
        "of": "brief" if material.briefed else "form",
    }
