"""The model card of a pretrained model: the same figures as the report."""

import math
from typing import Any

import yaml

from kamerton.experiment.report.card import bullets, joined, lineage, scalars, section
from kamerton.experiment.report.pretraining import view, words
from kamerton.experiment.report.pretraining.material import PretrainingMaterial
from kamerton.experiment.report.pretraining.table import table
from kamerton.formats.language import say


def card(material: PretrainingMaterial) -> str:
    """Markdown with the front matter of a Hugging Face model card."""
    figures = material.figures
    front = yaml.safe_dump(_front(material), allow_unicode=True, sort_keys=False)
    settings = material.recipe.get("pretrain") or {}
    rows = scalars(figures.architecture) | scalars(settings)
    sections = [
        f"---\n{front}---",
        "# " + say("experiment.card_title", name=material.name),
        say("experiment.pretrained_card_intro", parameters=words.count(figures.parameters)),
        f"**{words.headline(figures)}.** {words.sentence(figures)}",
        section("card_use", say("experiment.pretrained_card_use")),
        section("card_training", bullets(f"`{key}`: {value}" for key, value in rows.items())),
        section("card_results", f"```text\n{table(figures)}\n```"),
        section("learning", _last_said(material)),
        section("card_limits", bullets(view.notes(material))),
        section("card_lineage", lineage(material)),
    ]
    return joined(sections)


def _last_said(material: PretrainingMaterial) -> str:
    """What the kept model goes on to say, as text: nothing in it is markup."""
    found = view.learning(material)
    if found is None:
        return ""
    said = [f"{prompt} → {texts[-1] or ''}" for prompt, texts in found.prompts]
    lines = "\n".join("    " + " ".join(line.split()) for line in said)
    return say("experiment.learnt_at", step=found.steps[-1].name) + "\n\n" + lines


def _front(material: PretrainingMaterial) -> dict[str, Any]:
    """Front matter; the result in the form of `model-index`."""
    end = words.last(material.figures)
    results = []
    if end:
        kind = "perplexity per character"
        value = round(math.exp(end.nats_per_character), 4)
        results = [
            {
                "task": {"type": "text-generation"},
                "dataset": {"name": f"{material.name}, held out", "type": "held-out texts"},
                "metrics": [{"type": kind, "name": kind, "value": value}],
            }
        ]
    return {
        "language": [material.language],
        "library_name": "transformers",
        "pipeline_tag": "text-generation",
        "tags": ["pretrained", "kamerton"],
        "model-index": [{"name": material.name, "results": results}],
    }
