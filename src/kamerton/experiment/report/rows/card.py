"""The model card of a rows recipe: the same figures as the report."""

import math
from typing import Any

import yaml

from kamerton.experiment.likelihood import CHOICE, LIKELIHOOD
from kamerton.experiment.report.card import (
    bullets,
    joined,
    language_of,
    lineage,
    section,
    training,
)
from kamerton.experiment.report.rows import view
from kamerton.experiment.report.rows.material import RowsMaterial
from kamerton.experiment.report.rows.table import tables
from kamerton.experiment.report.rows.words import harm, verdict_sentence
from kamerton.experiment.report.weights import weights
from kamerton.experiment.voices import lines
from kamerton.formats.language import say
from kamerton.formats.scores import Cell


def card(material: RowsMaterial) -> str:
    """Markdown with the front matter of a Hugging Face model card."""
    front = yaml.safe_dump(_front(material), allow_unicode=True, sort_keys=False)
    values = {"base": material.base, "method": material.method, "objective": material.objective}
    worse = (f"**{say('experiment.harm_title')}.** {text}" for text in harm(material.summary))
    sections = [
        f"---\n{front}---",
        "# " + say("experiment.card_title", name=material.name),
        say("experiment.rows_card_intro", **values),
        f"**{say('experiment.verdict_label')}:** {verdict_sentence(material)}",
        *worse,
        *lines(material.voices),
        section("card_use", say("experiment.rows_card_use")),
        section("card_data", bullets(f"{what} {count}." for _, what, count in view.sets(material))),
        section("card_training", training(material)),
        section("card_weights", weights(material)),
        section("card_results", f"```text\n{tables(material.summary)}\n```"),
        section("card_limits", bullets(view.notes(material))),
        section("card_lineage", lineage(material)),
    ]
    return joined(sections)


def _front(material: RowsMaterial) -> dict[str, Any]:
    """Front matter; the results in the form of `model-index`."""
    results = [
        _result(material.name, cell)
        for cell in material.summary.cells
        if (cell.arm, cell.held_out) == (material.name, "rows")
    ]
    return {
        "language": [language_of(s.question for s in material.samples)],
        "base_model": material.base,
        "library_name": "transformers" if material.method == "full" else "peft",
        "pipeline_tag": "text-generation",
        "tags": [material.method, material.objective, "kamerton"],
        "model-index": [{"name": material.name, "results": results}],
    }


def _result(name: str, cell: Cell) -> dict[str, Any]:
    """One figure; of the likelihood its perplexity, which hubs know, of choices their loss."""
    value = cell.score.mean
    kind = cell.criterion
    if kind == LIKELIHOOD:
        kind, value = "perplexity", math.exp(-value)
    elif kind == CHOICE:
        kind, value = "choice_loss", -value
    return {
        "task": {"type": "text-generation"},
        "dataset": {"name": f"{name}, {cell.held_out}", "type": "held-out rows"},
        "metrics": [{"type": kind, "name": kind, "value": round(value, 4)}],
    }
