"""The model that training starts from: its weights, its log-probabilities, and the drift from it.

Its log-probabilities of the answers are computed once, before training, and kept in a file beside
the checkpoints, so that a resumed run does not compute them again.
"""

import os
import random
import tempfile
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
    return {
        name: weight.detach().clone()
        for name, weight in model.named_parameters()
        if weight.requires_grad
    }


def put_back(model: Any, start: Start) -> None:
    """Give the model the weights of `start`, in their own precision."""
    for name, weight in model.named_parameters():
        if name in start:
            weight.data = start[name].to(weight.device).clone()


@contextmanager
def as_at_start(model: Any, start: Start) -> Iterator[None]:
    """The model with the weights of `start`; afterwards with its own again."""
    now = {name: weight.data for name, weight in model.named_parameters() if name in start}
    for name, weight in model.named_parameters():
        if name in start:
            weight.data = start[name].to(weight.device)
    try:
        yield
    finally:
        for name, weight in model.named_parameters():
            if name in now:
                weight.data = now[name]


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
    from safetensors.torch import load_file, save

    path = folder / f"reference-{key(model, rows)[:16]}.safetensors"
    if path.is_file():
        values: list[float] = load_file(path)["log_probs"].tolist()
        return values
    values = compute()
    _write(path, save({"log_probs": torch.tensor(values, dtype=torch.float64)}))
    return values


def _write(path: Path, content: bytes) -> None:
    """The whole file or none: written beside, then renamed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


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
    with torch.random.fork_rng(), torch.no_grad():
        torch.manual_seed(seed)
        for place in range(0, len(prompts), _MICRO_BATCH_SIZE):
            part = prompts[place : place + _MICRO_BATCH_SIZE]
            batch = _left_padded(part, next(model.parameters()).device)
            longest = batch["input_ids"].shape[1]
            made = model.generate(**batch, generation_config=sampling)[:, longest:]
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


def _distributions(model: Any, prompt: Sequence[int], answer: Sequence[int]) -> Any:
    """Log-probabilities [answer, vocabulary] before each token of the answer."""
    import torch

    ids = torch.tensor([[*prompt, *answer]], device=next(model.parameters()).device)
    with torch.no_grad():
        logits = model(input_ids=ids, use_cache=False).logits[0, -len(answer) - 1 : -1]
    return torch.log_softmax(logits.double(), dim=-1)
