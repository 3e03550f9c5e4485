"""From logits to tokens: the likeliest, or one drawn by a number that was fixed before."""

from collections.abc import Sequence
from typing import Any

from kamerton.engines.batching.requests import Sampling

_CHUNK = 256


def choose(logits: Any, how: Sequence[Sampling], draws: Sequence[float]) -> list[int]:
    """One token for each row of `logits` [rows, vocabulary]; `draws` are numbers in [0, 1)."""
    import torch

    found: list[int] = logits.argmax(-1).tolist()
    sampled = [row for row, sampling in enumerate(how) if sampling.temperature > 0]
    if not sampled:
        return found
    shares = torch.stack([_shares(logits[row], how[row]) for row in sampled])
    tokens = by_share(shares, torch.tensor([draws[row] for row in sampled], dtype=torch.float64))
    for row, token in zip(sampled, tokens, strict=True):
        found[row] = token
    return found


def _shares(logits: Any, how: Sampling) -> Any:
    """Probabilities [vocabulary]: temperature, then top-k, then top-p, as transformers has it."""
    import torch
    from transformers import TopKLogitsWarper, TopPLogitsWarper

    logits = logits / how.temperature
    if how.top_k > 0:
        logits = TopKLogitsWarper(how.top_k)(None, logits[None])[0]
    if how.top_p < 1:
        logits = TopPLogitsWarper(how.top_p)(None, logits[None])[0]
    return torch.softmax(logits, -1)


def by_share(shares: Any, draws: Any) -> list[int]:
    """The token at each draw's place in the sum of `shares` [rows, vocabulary]; never one of 0.

    First the chunk of tokens, then the token in it: a running sum over a whole vocabulary for each
    row would cost a tenth of a step.
    """
    import torch

    rows, vocabulary = shares.shape
    padded = torch.nn.functional.pad(shares, (0, -vocabulary % _CHUNK))
    chunks = padded.view(rows, -1, _CHUNK)
    sums = chunks.sum(-1, dtype=torch.float64).cumsum(-1)
    wanted = draws[:, None] * sums[:, -1:]
    chunk = _at(sums, wanted)
    before = torch.nn.functional.pad(sums, (1, 0)).gather(1, chunk)
    inner = chunks[torch.arange(rows), chunk[:, 0]].cumsum(-1, dtype=torch.float64)
    token: list[int] = (_CHUNK * chunk + _at(inner, wanted - before))[:, 0].tolist()
    return token


def _at(sums: Any, wanted: Any) -> Any:
    """The first place [rows, 1] where a running sum goes beyond what is wanted."""
    import torch

    # Rounding must not lead behind the last one that counts.
    inside = torch.minimum(wanted, sums[:, -1:] * (1 - 1e-12))
    return torch.searchsorted(sums, inside.contiguous(), right=True)
