"""Whose token is whose in an encoded chat, found without the template's marks of what is learnt."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from typing import Any

from kamerton.formats.errors import InputError


@dataclass(frozen=True)
class Example:
    """One training row, as encoded, with the chat it came from."""

    id: str
    ids: Sequence[int]
    supervised: Sequence[bool]
    """Whether each token is a target, [length]."""
    messages: Sequence[dict[str, str]]
    """`role` and `content` of each turn."""


def owners(row: Example, tokenizer: Any, template: dict[str, Any]) -> list[str]:
    """For each token of `row` its part of the chat, [length].

    `answer` and `end` (its end-of-turn token) are what the assistant has to say; `system`, `user`
    and `assistant` are all else of such a turn. The chat is rendered up to each turn; InputError
    where these beginnings are not the row's own tokens. A row that was cut at its end is read as
    far as it goes.
    """
    prompt = _prompt(row, tokenizer, template)
    parts: list[str] = []
    for number, message in enumerate(row.messages, start=1):
        rendered = _render(row.messages[:number], tokenizer, template)
        if list(row.ids[: len(rendered)]) != rendered[: len(row.ids)]:
            raise InputError("develop.training_turns", row=row.id, turn=number)
        turn = rendered[len(parts) :]
        if message["role"] != "assistant":
            parts += [message["role"]] * len(turn)
            continue
        if turn[: len(prompt)] != prompt:
            raise InputError("develop.training_turns", row=row.id, turn=number)
        parts += _answer(turn, len(prompt), row.id, message["content"], tokenizer)
    if len(parts) < len(row.ids):
        raise InputError("develop.training_turns", row=row.id, turn=len(row.messages) + 1)
    return parts[: len(row.ids)]


def _answer(turn: list[int], opening: int, row: str, content: str, tokenizer: Any) -> list[str]:
    """Parts of an assistant's turn: what opens it, the answer, its end, what follows."""
    if tokenizer.decode(turn[opening:]).strip().endswith(content.strip()):
        raise InputError("develop.training_no_end_mark", row=row)
    # Blanks after the mark (a line break) are no part of it.
    last = max(place for place, token in enumerate(turn) if tokenizer.decode([token]).strip())
    before, after = ["assistant"] * opening, ["assistant"] * (len(turn) - last - 1)
    return before + ["answer"] * (last - opening) + ["end"] + after


def _prompt(row: Example, tokenizer: Any, template: dict[str, Any]) -> list[int]:
    """The tokens that open an assistant's turn."""
    first = row.messages[:1]
    opened = _render(first, tokenizer, template | {"add_generation_prompt": True})
    return opened[len(_render(first, tokenizer, template)) :]


def _render(messages: Sequence[Any], tokenizer: Any, template: dict[str, Any]) -> list[int]:
    rendered = tokenizer.apply_chat_template(
        list(messages), tokenize=True, return_dict=True, **template
    )
    return list(rendered["input_ids"])


def spans(row: Example, tokenizer: Any) -> str:
    """The decoded row with what is learnt between ⟦ and ⟧."""
    ids, text, before, end = list(row.ids), "", "", 0
    for learnt, run in groupby(zip(ids, row.supervised, strict=True), itemgetter(1)):
        start, end = end, end + len(list(run))
        # Not token by token: one may be half a letter. Nor each run by itself where the row up to
        # it decodes to the same text: SentencePiece's decoder takes away the blank before a text.
        whole = tokenizer.decode(ids[:end])
        begun = whole.startswith(before)
        part = whole[len(before) :] if begun else tokenizer.decode(ids[start:end])
        text, before = text + (f"⟦{part}⟧" if learnt else part), whole
    return text
