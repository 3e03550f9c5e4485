"""What is asked of the batched engine, and what it gives back."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

Reason = Literal["stop", "length"]


@dataclass(frozen=True)
class Sampling:
    """How tokens are chosen, and where an answer ends."""

    temperature: float = 0.0
    """0 is greedy: the likeliest token, the first one where several are."""
    top_k: int = 0
    """Only so many likeliest tokens; 0: all."""
    top_p: float = 1.0
    """Only the likeliest tokens that together have this probability; 1: all."""
    max_tokens: int = 256
    stops: tuple[str, ...] = ()
    """Texts that end an answer; they are not part of it."""


@dataclass(frozen=True)
class Request:
    """One answer that is wanted."""

    ids: tuple[int, ...]
    """Tokens of the prompt, at least one."""
    sampling: Sampling = Sampling()
    draw: str = ""
    """What the draws depend on beside the probabilities: seed, question, number of the sample."""
    expected: int | None = None
    """Tokens that the answer will likely have: long ones begin first; None: not known."""


@dataclass(frozen=True)
class Reply:
    """One answer."""

    text: str
    """Up to the first stop text or end token."""
    ids: tuple[int, ...]
    """All tokens that were chosen, those of a stop text or end included."""
    reason: Reason
    prompt_tokens: int


Done = Callable[[Reply], None]


@dataclass(eq=False)
class Ticket:
    """A request on its way."""

    request: Request
    done: Done
    gone: Callable[[], bool] = lambda: False
    """Whether nobody waits for it any more."""


@dataclass(frozen=True)
class Score:
    """What a model thinks of one token behind those before it; natural logarithms."""

    log_prob: float
    likeliest: int
    """The token that it finds likeliest at this place."""
    likeliest_log_prob: float


@dataclass(frozen=True)
class Scored:
    """A prompt with the log-probability of each of its tokens."""

    ids: tuple[int, ...]
    scores: tuple[Score | None, ...]
    """Of each token; of the first there is none, since nothing stands before it."""
    following: Score
    """Of the likeliest token behind the prompt."""


def uniform(draw: str, step: int) -> float:
    """The number in [0, 1) by which token `step` of an answer is drawn, from nothing but these two.

    So an answer is the same whatever is computed beside it, and whatever was before it.
    """
    hashed = hashlib.blake2b(f"{draw}\0{step}".encode(), digest_size=8).digest()
    return (int.from_bytes(hashed, "big") >> 11) / 2**53
