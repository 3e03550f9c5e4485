"""The model card: the same figures as the report, in the form that model hubs read."""

from collections.abc import Iterable
from typing import Any

import yaml

from kamerton.experiment.report import view, words
from kamerton.experiment.report.material import Compared, Material, Trip
from kamerton.experiment.report.table import plain_table
from kamerton.experiment.report.weights import weights
from kamerton.experiment.voices import lines
from kamerton.formats.language import say


def card(material: Material) -> str:
    """Markdown with the front matter of a Hugging Face model card."""
    front = yaml.safe_dump(_front(material), allow_unicode=True, sort_keys=False)
    sections = [
        f"---\n{front}---",
        "# " + say("experiment.card_title", name=material.name),
        say("experiment.card_intro", base=material.base),
        f"**{say('experiment.verdict_label')}:** {words.verdict_sentence(material.summary)}",
        *(f"**{say('experiment.harm_title')}.** {text}" for text in words.harm(material.summary)),
        *lines(material.voices),
        section("card_use", say("experiment.card_use")),
        section(
            "card_data", bullets([f"{what} {count}." for _, what, count in view.sets(material)])
        ),
        section("card_training", training(material)),
        section("card_weights", weights(material)),
        section("card_results", f"```text\n{plain_table(material.summary)}\n```"),
        section("card_limits", bullets(view.notes(material))),
        section("card_lineage", lineage(material)),
    ]
    return joined(sections)


def _front(material: Material) -> dict[str, Any]:
    """Front matter; the results in the form of `model-index`."""
    results = [
        {
            "task": {"type": "text-generation"},
            "dataset": {"name": f"{material.name}, {cell.held_out}", "type": "held-out questions"},
            "metrics": [
                {"type": cell.criterion, "name": cell.criterion, "value": round(cell.score.mean, 4)}
            ],
        }
        for cell in material.summary.cells
        if cell.arm == material.name
    ]
    return {
        "language": [language_of(question.question for question in material.questions)],
        "base_model": material.base,
        "library_name": "peft",
        "pipeline_tag": "text-generation",
        "tags": ["lora", "kamerton"],
        "model-index": [{"name": material.name, "results": results}],
    }


def language_of(texts: Iterable[str]) -> str:
    """The language that a model was asked in, which need not be the card's."""
    text = "".join(texts).casefold()
    cyrillic = sum("а" <= letter <= "я" for letter in text)
    return "ru" if 2 * cyrillic > sum(letter.isalpha() for letter in text) else "en"


def training(material: Compared) -> str:
    """Settings and figures of the training, as a list."""
    settings = material.recipe.get("tune") or {}
    rows = {**settings, **scalars(material.training)}
    return bullets([f"`{key}`: {value}" for key, value in rows.items()])


def lineage(material: Trip) -> str:
    """Hashes of the stages, and the command that makes them again."""
    stages = [f"{view.stage_name(s)}: `{m.hash}`" for s, m in material.manifests.items()]
    return bullets(stages) + f"\n\n```sh\n{material.command}\n```"


def joined(sections: Iterable[str]) -> str:
    """The card of its sections, empty ones left out."""
    return "\n\n".join(section for section in sections if section) + "\n"


def section(key: str, body: str) -> str:
    """A section under its title; empty where its body is."""
    return f"## {say(f'experiment.{key}_title')}\n\n{body}" if body else ""


def bullets(lines: Iterable[str]) -> str:
    """A Markdown list."""
    return "\n".join(f"- {line}" for line in lines)


def scalars(figures: dict[str, Any]) -> dict[str, Any]:
    """The entries that are one figure or word, for a list of figures."""
    return {k: v for k, v in figures.items() if isinstance(v, str | int | float)}
