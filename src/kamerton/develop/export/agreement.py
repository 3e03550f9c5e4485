"""How near the engine's next tokens are to those of the trainer's model, position by position.

KL divergence (Kullback and Leibler 1951) of the engine's distribution q from the model's p, in
nats: the sum of p log(p/q) over the engine's 200 most likely tokens and all others taken together
as one. So it is a lower bound of the divergence over the whole vocabulary, and equals it where the
vocabulary is no larger.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from kamerton.engines.llamacpp.tokens import Answer

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Logprobs = NDArray[np.float64]

UNLIKELY = -20.0
"""Nats, for a token that is not among those that the engine reports."""


@dataclass(frozen=True)
class Agreement:
    """The engine against one form of the trainer's model, over all positions compared."""

    positions: int
    same_tokens: int
    """Positions with the same greedy choice."""
    answers: int
    same_answers: int
    """Answers whose greedy choice is the same to their end."""
    kl_mean: float
    kl_largest: float
    first_tokens: int
    """Answers whose first token the engine tells: none that is half a character."""
    same_first_tokens: int
    largest_logprob_difference: float
    """At the first tokens."""


Reference = Callable[[Answer], "Logprobs"]
"""The trainer's model: log-probabilities [positions, vocabulary] along an answer's path."""


def reference(model: Any) -> Reference:
    """A model of transformers that takes `input_ids`, as a reference."""

    def logprobs(answer: Answer) -> "Logprobs":
        import torch

        start = len(answer.prompt) - 1
        ids = torch.tensor([[*answer.prompt, *answer.path[:-1]]])
        with torch.no_grad():
            logits = model(input_ids=ids, use_cache=False).logits[0, start:]
        rows: Logprobs = logits.double().log_softmax(-1).numpy()
        return rows

    return logprobs


def compare(answers: Sequence[Answer], model: Reference, ends: set[int]) -> Agreement:
    """The figures of every position of every answer, up to the answer's end.

    An answer ends where the engine's most likely token is one of `ends`; what comes after is not
    compared. nan where nothing could be compared.
    """
    kls: list[float] = []
    same, firsts = list[bool](), list[tuple[bool, float]]()
    same_answers = 0
    for answer in answers:
        before = len(same)
        rows = zip(answer.likeliest, model(answer), strict=True)
        for place, (likeliest, row) in enumerate(rows):
            if likeliest is None:
                continue
            engine, trainer = max(likeliest, key=likeliest.__getitem__), int(row.argmax())
            kls.append(divergence(row, likeliest))
            same.append(engine == trainer)
            if place == 0:
                told = likeliest.get(trainer, UNLIKELY)
                firsts.append((same[-1], abs(told - float(row[trainer]))))
            if engine in ends:
                break
        same_answers += all(same[before:])
    return Agreement(
        positions=len(same),
        same_tokens=sum(same),
        answers=len(answers),
        same_answers=same_answers,
        kl_mean=sum(kls) / len(kls) if kls else math.nan,
        kl_largest=max(kls, default=math.nan),
        first_tokens=len(firsts),
        same_first_tokens=sum(equal for equal, _ in firsts),
        largest_logprob_difference=max((apart for _, apart in firsts), default=math.nan),
    )


def divergence(row: "Logprobs", likeliest: Mapping[int, float]) -> float:
    """KL divergence, in nats, of what the engine tells from the model's `row` [vocabulary]."""
    total = rest_p = rest_q = 0.0
    for token, log_q in likeliest.items():
        log_p = float(row[token])
        total += math.exp(log_p) * (log_p - log_q)
        rest_p, rest_q = rest_p + math.exp(log_p), rest_q + math.exp(log_q)
    left_p, left_q = max(1 - rest_p, 0.0), max(1 - rest_q, 1e-9)
    if len(likeliest) < len(row) and left_p > 1e-9:
        total += left_p * math.log(left_p / left_q)
    return max(total, 0.0)
