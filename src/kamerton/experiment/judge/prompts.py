"""What the judge is told, in English and Russian, and what its reply means."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
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
    mark = _mark(pair)
    reference = template("reference", language) if pair.reference.strip() else ""
    rule = template(f"criterion_{criterion}", language)
    user = template("user", language).format(
        question=pair.question,
        first=first,
        second=second,
        mark=mark,
        reference=reference.format(reference=pair.reference, mark=mark),
    )
    return chat(template("system", language).format(criterion=rule), user)


@cache
def template(name: str, language: str) -> str:
    """The text of a template."""
    folder = files("kamerton.experiment.judge") / "templates"
    return (folder / f"{name}.{language}.txt").read_text("utf-8").strip()


def _mark(pair: Pair) -> str:
    """Six hex digits that frame the texts and stand in none: no answer can end its own frame."""
    texts = "\n".join((pair.question, pair.base, pair.tuned, pair.reference))
    tried = 0
    while (mark := digest(texts, str(tried))[:6]) in texts:
        tried += 1
    return mark


Winner = Literal["1", "2", "tie", ""]
_THOUGHT = re.compile(r"<(think|thinking)>.*?(</\1>|\Z)", re.DOTALL | re.IGNORECASE)
_WORDS: dict[str, Winner] = {
    **dict.fromkeys(("1", "first", "первый", "a"), "1"),
    **dict.fromkeys(("2", "second", "второй", "b"), "2"),
    **dict.fromkeys(("tie", "draw", "equal", "both", "neither", "ничья", "поровну", "0"), "tie"),
}
_NAMED = re.compile(r"^(?:(?:answer|ответ)[\s_№#]*)?(\w+)(?:[\s_]+(?:answer|ответ))?$")
_LOOSE = re.compile(
    r"""["'*]*\bwinner["'*]*\s*[:=]\s*["'*]*([\w ]+?)["'*]*\s*(?:[,}.\n]|$)""", re.I
)


@dataclass(frozen=True)
class Reading:
    """What a reply says."""

    winner: Winner
    """Empty where it says nothing usable."""
    why: Literal["", "empty", "nonsense", "contradictory"] = ""
    reason: str = ""
    """The judge's own words for its choice."""


def read(text: str) -> Reading:
    """The winner that a reply names.

    Taken are a JSON object anywhere in the text, in a code fence, after thoughts in <think>, with
    the winner in other words ("Answer 1", "ничья"), and a bare line `winner: 1`. Two different
    winners in one reply are none.
    """
    plain = _THOUGHT.sub(" ", text).strip()
    if not plain:
        return Reading("", "empty")
    objects = list(_objects(plain))
    said = [_winner(one["winner"]) for one in objects]
    if not objects:
        said = [_winner(match) for match in _LOOSE.findall(plain)]
    if not said or "" in said:
        return Reading("", "nonsense")
    if len(set(said)) > 1:
        return Reading("", "contradictory")
    reason = objects[-1].get("reason") if objects else ""
    return Reading(said[0], "", reason if isinstance(reason, str) else "")


def _winner(value: object) -> Winner:
    """A winner in one of its spellings; empty where it is none."""
    if isinstance(value, bool) or not isinstance(value, int | str):
        return ""
    found = _NAMED.match(str(value).strip().casefold())
    return _WORDS.get(found.group(1), "") if found else ""


def _objects(text: str) -> Iterator[dict[str, object]]:
    """All JSON objects in a text that name a winner, whatever the case of their keys."""
    decoder, place = json.JSONDecoder(), 0
    while (place := text.find("{", place)) >= 0:
        try:
            found, place = decoder.raw_decode(text, place)
        except (json.JSONDecodeError, RecursionError):
            place += 1
            continue
        lower = {str(key).strip().casefold(): value for key, value in found.items()}
        if "winner" in lower:
            yield lower
