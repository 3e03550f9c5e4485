"""The model that training starts from: its weights, its log-probabilities, and the drift from it.

Its log-probabilities of the answers are computed once, before training, and kept in a file beside
the checkpoints, so that a resumed run does not compute them again.
"""

import random
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from kamerton.develop.tune.preference.rows import Answered

Start = Mapping[str, Any]
"""Copies of the weights that training changes, by name."""

PROMPTS, TOKENS = 32, 64
"""Prompts that are answered, and most tokens of an answer, when the drift is measured."""
_MICRO_BATCH_SIZE = 8


def start_of(model: Any) -> Start:
    """Copies of the trainable weights; of an adapter they are few, of a whole model all."""
    weights = ((name, w) for name, w in model.named_parameters() if w.requires_grad)
    return {name: weight.detach().clone() for name, weight in weights}


def put_back(model: Any, start: Start) -> None:
    """Give the model the weights of `start`, in their own precision."""
    _set(model, {name: weight.clone() for name, weight in start.items()})


def _set(model: Any, weights: Start) -> None:
    for name, weight in model.named_parameters():
        if name in weights:
            weight.data = weights[name].to(weight.device)


@contextmanager
def as_at_start(model: Any, start: Start) -> Iterator[None]:
    """The model with the weights of `start`; afterwards with its own again."""
    now = {name: weight.data for name, weight in model.named_parameters() if name in start}
    _set(model, start)
    try:
        yield
    finally:
        _set(model, now)


def key(model: Any, rows: Sequence[Answered]) -> str:
    """SHA-256 of what the log-probabilities follow from: all weights, and the rows' tokens."""
    import torch

    digest = sha256()
    for name, weight in sorted(model.state_dict().items()):
        digest.update(f"{name} {weight.dtype} {tuple(weight.shape)}".encode())
        flat = weight.detach().cpu().contiguous().reshape(-1)
        digest.update(flat.view(torch.uint8).numpy().data)
    for row in rows:
        digest.update(repr((row.prompt, row.answer)).encode())
    return digest.hexdigest()


def kept(
    folder: Path, model: Any, rows: Sequence[Answered], compute: Callable[[], list[float]]
) -> list[float]:
    """Log-probabilities in nats of `rows` under the model: from `folder`, or computed and kept."""
    import torch
    from safetensors.torch import load_file, save_file

    path = folder / f"reference-{key(model, rows)[:16]}.safetensors"
    if path.is_file():
        values: list[float] = load_file(path)["log_probs"].tolist()
        return values
    values = compute()
    folder.mkdir(parents=True, exist_ok=True)
    fresh = path.with_suffix(".new")  # the whole file or none
    save_file({"log_probs": torch.tensor(values, dtype=torch.float64)}, fresh)
    fresh.replace(path)
    return values


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
        now = _distributions(model, prompt, answer)
        with as_at_start(model, start):
            then = _distributions(model, prompt, answer)
        sums.append(float((now.exp() * (now - then)).sum()))
        tokens += len(answer)
    total = sum(sums)
    return Drift(len(drawn), tokens, total / len(sums), total / tokens)


def _sample(
    model: Any, prompts: Sequence[tuple[int, ...]], stops: Collection[int], seed: int
) -> list[tuple[int, ...]]:
    """An answer to each prompt, its end token included; the random state is left as it was."""
    import torch
    from torch.nn.utils.rnn import pad_sequence
    from transformers import GenerationConfig

    sampling = GenerationConfig(
        do_sample=True,
        temperature=1.0,
        top_k=0,
        top_p=1.0,
        max_new_tokens=TOKENS,
        eos_token_id=sorted(stops),
        pad_token_id=min(stops),
    )
    answers: list[tuple[int, ...]] = []
    size, device = _MICRO_BATCH_SIZE, next(model.parameters()).device
    with torch.random.fork_rng(), torch.no_grad():
        torch.manual_seed(seed)
        for place in range(0, len(prompts), size):
            part = [torch.tensor(p, device=device) for p in prompts[place : place + size]]
            ids, mask = (
                pad_sequence(rows, batch_first=True, padding_side="left")
                for rows in (part, [torch.ones_like(row) for row in part])
            )
            made = model.generate(ids, attention_mask=mask, generation_config=sampling)
            for row in made[:, ids.shape[1] :].tolist():
                end = next((i for i, token in enumerate(row, 1) if token in stops), len(row))
                answers.append(tuple(row[:end]))
    return answers


def _distributions(model: Any, prompt: Sequence[int], answer: Sequence[int]) -> Any:
    """Log-probabilities [answer, vocabulary] before each token of the answer."""
    import torch

    ids = torch.tensor([[*prompt, *answer]], device=next(model.parameters()).device)
    with torch.no_grad():
        logits = model(input_ids=ids, use_cache=False).logits[0, -len(answer) - 1 : -1]
    return torch.log_softmax(logits.double(), dim=-1)
