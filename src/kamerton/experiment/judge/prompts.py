"""What the judge is told: text files in `templates/`, in English and Russian."""

from functools import cache
from importlib.resources import files
from typing import Literal

from kamerton.experiment.criteria import Judgeable
from kamerton.experiment.judge.pairs import Pair
from kamerton.formats.chat import Message, chat
from kamerton.formats.manifest import digest

Order = Literal["base_first", "tuned_first"]
ORDERS: tuple[Order, Order] = ("base_first", "tuned_first")
SCHEMA = {
    "type": "object",
    "properties": {
        "reason": {"type": "string", "maxLength": 300},
        "winner": {"type": "string", "enum": ["1", "2", "tie"]},
    },
    "required": ["reason", "winner"],
    "additionalProperties": False,
}
"""The judge's reply; the reason stands first, so that it is thought of first."""


def asked(pair: Pair, criterion: Judgeable, order: Order, language: str) -> list[Message]:
    """The chat that asks which answer is better; which arm wrote which is not said."""
    first, second = (pair.base, pair.tuned) if order == "base_first" else (pair.tuned, pair.base)
    rule = template(f"criterion_{criterion}", language)
    reference = template("reference", language) if pair.reference.strip() else ""
    # Marks that no text of a pair contains: an answer cannot end its own frame.
    values = {
        "question": pair.question,
        "first": first,
        "second": second,
        "mark": _mark(pair),
        "reference": reference.format(reference=pair.reference, mark=_mark(pair)),
    }
    system = template("system", language).format(criterion=rule)
    return chat(system, template("user", language).format(**values))


@cache
def template(name: str, language: str) -> str:
    """The text of a template."""
    folder = files("kamerton.experiment.judge") / "templates"
    return (folder / f"{name}.{language}.txt").read_text("utf-8").strip()


def _mark(pair: Pair) -> str:
    """Six hex digits that frame the texts, and stand in none of them."""
    texts = "\n".join((pair.question, pair.base, pair.tuned, pair.reference))
    tried = 0
    while (mark := digest(texts, str(tried))[:6]) in texts:
        tried += 1
    return mark
