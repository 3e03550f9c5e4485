"""Which of our chat templates a base has: trainer, export and server all take the same one.

A base that has the two marks of ChatML as tokens (SmolLM2, Qwen) gets ChatML. Any other gets plain
words for the roles, and its own token for the end of a text ends each turn: new marks would be
rows of the embedding that nobody trained. Templates are tokenised without the tokenizer's own
additions, so the mark of beginning stands in the template, once, where the tokenizer would add it;
the engine file says that nothing is to be added (a doubled one costs quality and tells nobody:
ggml-org/llama.cpp#7107, #15086).
"""

from typing import Any

from kamerton.formats import templates
from kamerton.formats.errors import InputError

MARKS = ("<|im_start|>", "<|im_end|>")
"""What begins and ends a turn in ChatML."""


def template_for(tokenizer: Any) -> str:
    """Name of the template in `kamerton.formats.templates`.

    InputError for a tokenizer without an end: no answer would ever end.
    """
    name = "chatml" if all(_single(tokenizer, mark) for mark in MARKS) else "plain"
    if name == "plain" and not tokenizer.eos_token:
        raise InputError("develop.template_no_end", where=str(tokenizer.name_or_path or "base"))
    # Where the mark of beginning is that of a turn, ChatML begins with it already.
    bos = adds_bos(tokenizer) and tokenizer.bos_token != MARKS[0]
    return name + (templates.BOS if bos else "")


def adds_bos(tokenizer: Any) -> bool:
    """Whether the tokenizer puts its mark of beginning before every text by itself."""
    bos = tokenizer.bos_token_id
    return bos is not None and list(tokenizer("a")["input_ids"][:1]) == [bos]


def _single(tokenizer: Any, mark: str) -> bool:
    """Whether a text is one token of its own."""
    ids = tokenizer(mark, add_special_tokens=False)["input_ids"]
    return list(tokenizer.convert_ids_to_tokens(ids)) == [mark]
