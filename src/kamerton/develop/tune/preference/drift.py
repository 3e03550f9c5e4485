"""How far training has moved the model from its start: Kullback-Leibler divergence of answers."""

import random
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from kamerton.develop.tune.preference.reference import Start, as_at_start

PROMPTS, TOKENS = 32, 64
"""Prompts that are answered, and tokens that an answer may have."""
_AT_ONCE = 8


@dataclass(frozen=True)
class Drift:
    """KL(trained || start) in nats, over answers that the trained model samples."""

    prompts: int
    tokens: int
    """Sampled tokens in all."""
    per_answer: float
    """Mean over the answers of the sums over their tokens."""
    per_token: float


def drift(
    model: Any,
    start: Start,
    prompts: Sequence[tuple[int, ...]],
    stops: Collection[int],
    seed: int,
) -> Drift:
    """Divergence of the model from its weights at the start, on up to `PROMPTS` of the prompts.

    One answer is sampled for each prompt at temperature 1; at each of its tokens the divergence
    of the two next-token distributions is exact. Their sum has the same mean as the log-ratio of
    sampled answers, less variance, and is never negative (Amini, Vieira and Cotterell 2025,
    arXiv:2504.10637). `stops`: tokens that end an answer.
    """
    unlike = list(dict.fromkeys(prompts))
    drawn = random.Random(seed).sample(unlike, min(PROMPTS, len(unlike)))
    model.eval()
    sums, tokens = [], 0
    for prompt, answer in zip(drawn, _sample(model, drawn, stops, seed), strict=True):
        sums.append(_divergence(model, start, prompt, answer))
        tokens += len(answer)
    total = sum(sums)
    return Drift(len(drawn), tokens, total / len(sums), total / tokens)


def _sample(
    model: Any, prompts: Sequence[tuple[int, ...]], stops: Collection[int], seed: int
) -> list[tuple[int, ...]]:
    """An answer to each prompt, its end token included; the random state is left as it was."""
    import torch
    from transformers import GenerationConfig

    how = GenerationConfig(
        do_sample=True,
        temperature=1.0,
        top_k=0,
        top_p=1.0,
        max_new_tokens=TOKENS,
        eos_token_id=sorted(stops),
        pad_token_id=min(stops),
    )
    answers: list[tuple[int, ...]] = []
    with torch.random.fork_rng(), torch.no_grad():
        torch.manual_seed(seed)
        for place in range(0, len(prompts), _AT_ONCE):
            batch = _left_padded(prompts[place : place + _AT_ONCE], next(model.parameters()).device)
            made = model.generate(**batch, generation_config=how)[:, batch["input_ids"].shape[1] :]
            answers.extend(_until(row, stops) for row in made.tolist())
    return answers


def _left_padded(prompts: Sequence[tuple[int, ...]], device: Any) -> dict[str, Any]:
    """input_ids and attention_mask, each [rows, longest]."""
    import torch

    longest = max(map(len, prompts))
    ids = [[0] * (longest - len(p)) + list(p) for p in prompts]
    mask = [[0] * (longest - len(p)) + [1] * len(p) for p in prompts]
    batch = {"input_ids": torch.tensor(ids), "attention_mask": torch.tensor(mask)}
    return {name: tensor.to(device) for name, tensor in batch.items()}


def _until(tokens: Sequence[int], stops: Collection[int]) -> tuple[int, ...]:
    """Up to the first end token, that one included."""
    end = next((i for i, token in enumerate(tokens, start=1) if token in stops), len(tokens))
    return tuple(tokens[:end])


def _divergence(model: Any, start: Start, prompt: Sequence[int], answer: Sequence[int]) -> float:
    """Sum over the answer's tokens of the divergence of the two distributions, in nats."""
    now = _distributions(model, prompt, answer)
    with as_at_start(model, start):
        then = _distributions(model, prompt, answer)
    return float((now.exp() * (now - then)).sum())


def _distributions(model: Any, prompt: Sequence[int], answer: Sequence[int]) -> Any:
    """Log-probabilities [answer, vocabulary] before each token of the answer."""
    import torch

    ids = torch.tensor([[*prompt, *answer]], device=next(model.parameters()).device)
    with torch.no_grad():
        logits = model(input_ids=ids, use_cache=False).logits[0, -len(answer) - 1 : -1]
    return torch.log_softmax(logits.double(), dim=-1)
