"""The model that training starts from: its weights, and what it thinks of the answers.

Its log-probabilities are computed once, before training, and kept in a file beside the
checkpoints, so that a resumed run does not compute them again.
"""

import os
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any

from kamerton.develop.tune.preference.rows import Answered

Start = Mapping[str, Any]
"""Copies of the weights that training changes, by name; after it the start can be had back."""


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
    """What the log-probabilities follow from: all weights of the model, and the rows' tokens."""
    import torch

    found = sha256()
    for name, weight in sorted(model.state_dict().items()):
        found.update(f"{name} {weight.dtype} {tuple(weight.shape)}".encode())
        flat = weight.detach().cpu().contiguous().reshape(-1)
        found.update(flat.view(torch.uint8).numpy().data)
    for row in rows:
        found.update(repr((row.prompt, row.answer)).encode())
    return found.hexdigest()


def kept(
    folder: Path, model: Any, rows: Sequence[Answered], compute: Callable[[], list[float]]
) -> list[float]:
    """Log-probabilities in nats of `rows` under the model: from `folder`, or computed and kept."""
    from safetensors.torch import load_file, save

    path = folder / f"reference-{key(model, rows)[:16]}.safetensors"
    if path.is_file():
        values: list[float] = load_file(path)["log_probs"].tolist()
        return values
    values = compute()
    import torch

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
