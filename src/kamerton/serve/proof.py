"""Proof at the start that every adaptation acts: an engine may drop one and say nothing."""

from collections.abc import Sequence

from kamerton.formats.errors import InputError
from kamerton.serve.fleet import Member

_ROUNDING = 1e-5
"""Nats by which float32 moves a log-probability where the same is computed in another order: at
another length, or in another process. A smaller change is none."""
_UNLIKELY = -30.0
"""Log-probability, in nats, of a token that is not among the likeliest."""
_PROMPT = "What is this?"


def prove(fleet: Sequence[Member]) -> None:
    """Every adaptation must change what its base says next; one that does not is not served.

    LoRA adapters and soft prompts are compared with their own engine without them, a merged model
    with the first engine's base; the change must be more than an engine makes when it is asked
    the same again. Raises InputError with the name of the one that is inert.
    """
    for member in fleet:
        reference = member if member.has_base else fleet[0]
        plain, again = (reference.next_token(None, _PROMPT) for _ in range(2))
        nothing = max(_ROUNDING, change(plain, again))
        for name in filter(None, member.adapters):
            if not change(plain, member.next_token(name, _PROMPT)) > nothing:
                raise InputError("serve.adapter_inert", where=name)


def change(plain: dict[int, float], adapted: dict[int, float]) -> float:
    """Largest change of a likely token's log-probability, in nats."""
    return max(abs(adapted.get(token, _UNLIKELY) - value) for token, value in plain.items())
