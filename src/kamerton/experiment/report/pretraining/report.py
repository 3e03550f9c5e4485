"""The three texts of a pretraining's report."""

from typing import Any

from kamerton.experiment.report.figures import told
from kamerton.experiment.report.html import render
from kamerton.experiment.report.material import ReportInputs
from kamerton.experiment.report.pretraining import view, words
from kamerton.experiment.report.pretraining.card import card
from kamerton.experiment.report.pretraining.material import PretrainingMaterial, load
from kamerton.experiment.report.pretraining.table import closing_words

STYLES = ("style.css", "told.css", "pretraining/pretraining.css")


def written(inputs: ReportInputs) -> tuple[str, str, str]:
    """The page, the card and the closing words of a pretraining."""
    material = load(inputs)
    return page(material), card(material), closing_words(material.figures)


def page(material: PretrainingMaterial) -> str:
    """The report as one HTML text that needs no other file and no script."""
    return render("pretraining/pretraining.html.jinja", material, STYLES, **_context(material))


def _context(material: PretrainingMaterial) -> dict[str, Any]:
    figures = material.figures
    return {
        "own": words,
        "done": figures,
        "against": words.against_ngram(figures),
        "facts": view.facts(figures),
        "loss": view.loss_curve(figures),
        "perplexity": view.perplexity_curve(figures),
        "learning": view.learning(material),
        "tokenizer": told(material.tokenizer, "token"),
        "checks": told(material.checks, "check"),
        "notes": view.notes(material),
    }
