"""What is asked of the batched engine, what it gives back, and how tokens are sampled."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

_CHUNK = 256
"""Tokens of the vocabulary in one partial sum of probabilities."""
FinishReason = Literal["stop", "length"]


@dataclass(frozen=True)
class SamplingParams:
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
    """A prompt to be answered once."""

    ids: tuple[int, ...]
    """Tokens of the prompt, at least one."""
    sampling: SamplingParams = SamplingParams()
    draw: str = ""
    """What the draws depend on beside the probabilities: seed, question, number of the sample."""
    expected_tokens: int | None = None
    """Tokens that the answer will likely have: long ones begin first; None: not known."""


@dataclass(frozen=True)
class Reply:
    """One answer."""

    text: str
    """Up to the first stop text or end token."""
    ids: tuple[int, ...]
    """All tokens that were chosen, those of a stop text or end included."""
    reason: FinishReason
    prompt_tokens: int


@dataclass(eq=False)
class QueuedRequest:
    """A request that waits or is computed."""

    request: Request
    on_reply: Callable[[Reply], None]
    cancelled: Callable[[], bool] = lambda: False
    """Whether nobody waits for it any more."""

    @property
    def ids(self) -> tuple[int, ...]:
        """Tokens of its prompt."""
        return self.request.ids


@dataclass(frozen=True)
class TokenScore:
    """What a model thinks of one token behind those before it; natural logarithms."""

    log_prob: float
    top_token: int
    """The likeliest token at this place."""
    top_log_prob: float


@dataclass(frozen=True)
class ScoredPrompt:
    """A prompt with the log-probability of each of its tokens."""

    ids: tuple[int, ...]
    scores: tuple[TokenScore | None, ...]
    """Of each token; of the first there is none, since nothing stands before it."""
    next_token: TokenScore
    """Of the likeliest token behind the prompt."""


@dataclass(eq=False)
class QueuedScoring:
    """A prompt that is to be scored."""

    ids: tuple[int, ...]
    """At least one."""
    on_scored: Callable[[ScoredPrompt], None]
    cancelled: Callable[[], bool] = lambda: False
    """Whether nobody waits for it any more."""


def uniform(draw: str, step: int) -> float:
    """The number in [0, 1) by which token `step` of an answer is drawn, from nothing but these two.

    So an answer is the same whatever is computed beside it, and whatever was before it.
    """
    hashed = hashlib.blake2b(f"{draw}\0{step}".encode(), digest_size=8).digest()
    return (int.from_bytes(hashed, "big") >> 11) / 2**53


def sample_tokens(
    logits: Any, params: Sequence[SamplingParams], draws: Sequence[float]
) -> list[int]:
    """One token for each row of `logits` [rows, vocabulary]; `draws` are numbers in [0, 1)."""
    import torch

    tokens: list[int] = logits.argmax(-1).tolist()
    sampled = [row for row, sampling in enumerate(params) if sampling.temperature > 0]
    if not sampled:
        return tokens
    probabilities = torch.stack([_probabilities(logits[row], params[row]) for row in sampled])
    numbers = torch.tensor([draws[row] for row in sampled], dtype=torch.float64)
    for row, token in zip(sampled, draw_tokens(probabilities, numbers), strict=True):
        tokens[row] = token
    return tokens


def _probabilities(logits: Any, params: SamplingParams) -> Any:
    """Probabilities [vocabulary]: temperature, then top-k, then top-p, as transformers has it."""
    import torch
    from transformers import TopKLogitsWarper, TopPLogitsWarper

    logits = logits / params.temperature
    if params.top_k > 0:
        logits = TopKLogitsWarper(params.top_k)(None, logits[None])[0]
    if params.top_p < 1:
        logits = TopPLogitsWarper(params.top_p)(None, logits[None])[0]
    return torch.softmax(logits, -1)


def draw_tokens(probabilities: Any, draws: Any) -> list[int]:
    """The token at each draw's place in the sum of `probabilities` [rows, vocabulary].

    Never one whose probability is 0. First the chunk of tokens, then the token in it: a running sum
    over a whole vocabulary for each row would cost a tenth of a step.
    """
    import torch

    rows, vocabulary = probabilities.shape
    padded = torch.nn.functional.pad(probabilities, (0, -vocabulary % _CHUNK))
    chunks = padded.view(rows, -1, _CHUNK)
    sums = chunks.sum(-1, dtype=torch.float64).cumsum(-1)
    target = draws[:, None] * sums[:, -1:]
    chunk = _at(sums, target)
    before = torch.nn.functional.pad(sums, (1, 0)).gather(1, chunk)
    inner = chunks[torch.arange(rows), chunk[:, 0]].cumsum(-1, dtype=torch.float64)
    token: list[int] = (_CHUNK * chunk + _at(inner, target - before))[:, 0].tolist()
    return token


def _at(sums: Any, target: Any) -> Any:
    """The first place [rows, 1] where a running sum goes beyond the target."""
    import torch

    # Rounding must not lead behind the last one that counts.
    inside = torch.minimum(target, sums[:, -1:] * (1 - 1e-12))
    return torch.searchsorted(sums, inside.contiguous(), right=True)
