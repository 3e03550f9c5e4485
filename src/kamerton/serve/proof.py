"""Proof at the start that every adaptation acts: an engine may drop one and say nothing."""

from collections.abc import Sequence

from kamerton.formats.errors import InputError
from kamerton.serve.fleet import Member

_ACTS = 1e-3
"""Least change of the next token's log-probability that counts as acting, in nats."""
_UNLIKELY = -30.0
"""Log-probability, in nats, of a token that is not among the likeliest."""
_PROMPT = "What is this?"


def prove(fleet: Sequence[Member]) -> None:
    """Every adaptation must change what its base says next; one that does not is not served.

    LoRA adapters and soft prompts are compared with their own engine without them, a merged model
    with the first engine's base. Raises InputError with the name of the one that is inert.
    """
    for member in fleet:
        reference = member if member.has_base else fleet[0]
        plain = reference.next_token(None, _PROMPT)
        for name in filter(None, member.adapters):
            if change(plain, member.next_token(name, _PROMPT)) < _ACTS:
                raise InputError("serve.adapter_inert", where=name)


def change(plain: dict[int, float], adapted: dict[int, float]) -> float:
    """Largest change of a likely token's log-probability, in nats."""
    return max(abs(adapted.get(token, _UNLIKELY) - value) for token, value in plain.items())
