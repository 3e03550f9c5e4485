"""Soft prompts (Lester et al. 2021): llama.cpp takes no embeddings, so they stay PEFT folders."""

import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kamerton.develop.export import merge
from kamerton.formats.errors import InputError
from kamerton.formats.jsonl import read_text, write_text

WEIGHTS, CONFIG = "adapter_model.safetensors", "adapter_config.json"
LARGEST = 1e-5
"""Logits of the copied adapter may differ from the trained one's by so much."""
Ids = list[int]


@dataclass(frozen=True)
class Reloaded:
    """The copied adapter in transformers, against its embeddings put before the prompt by hand."""

    chats: int
    virtual_tokens: int
    largest_logit_difference: float
    same_first_tokens: int
    largest_logprob_difference: float
    """Of the most likely next token, in nats."""
    effect: float
    """Largest change of that log-probability by the soft prompt, in nats."""
    noise: float
    """Largest change of any log-probability by rounding alone: the base, computed at the length
    that it has with the soft prompt."""


def copy(folder: Path, target: Path, base: str) -> Path:
    """Copy an adapter's two files, whole or not at all; returns the weights' path.

    `base` is the name of its base there: what peft writes may be a path of this machine.
    """
    fresh = target.with_suffix(".new")
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(parents=True)
    shutil.copyfile(folder / WEIGHTS, fresh / WEIGHTS)
    settings = json.loads(read_text(folder / CONFIG))
    settings |= {"base_model_name_or_path": base, "tokenizer_name_or_path": None}
    write_text(fresh / CONFIG, json.dumps(settings, indent=2) + "\n")
    shutil.rmtree(target, ignore_errors=True)
    fresh.rename(target)
    return target / WEIGHTS


def check(model: Any, trained: Path, copied: Path, prompts: Sequence[Ids]) -> Reloaded:
    """Reload the copy and compare with the trained embeddings, which no library touches here.

    InputError where the logits differ, and where the soft prompt does nothing.
    """
    rows = _embeddings(trained)
    noise = max(_rounding(model, ids, len(rows)) for ids in prompts)
    with merge.adapted(model, copied) as tuned:
        found = [_compare(model, tuned, rows, ids) for ids in prompts]
    result = Reloaded(
        chats=len(found),
        virtual_tokens=len(rows),
        largest_logit_difference=max(one[0] for one in found),
        same_first_tokens=sum(one[1] for one in found),
        largest_logprob_difference=max(one[2] for one in found),
        effect=max(one[3] for one in found),
        noise=noise,
    )
    if not result.largest_logit_difference <= LARGEST:
        value = result.largest_logit_difference
        raise InputError("develop.export_soft", where=str(copied), difference=value, bound=LARGEST)
    if not result.effect > result.noise:
        raise InputError("develop.adapter_inert", where=str(copied))
    return result


def _embeddings(folder: Path) -> Any:
    """The trained embeddings [virtual tokens, hidden]."""
    from safetensors.torch import load_file

    return load_file(folder / WEIGHTS)["prompt_embeddings"]


def _rounding(model: Any, ids: Ids, more: int) -> float:
    """Change of the next log-probabilities where `more` tokens follow, which no causal model sees.

    A longer input is multiplied in other blocks: what differs is the order of the sums.
    """
    import torch

    with torch.no_grad():
        short, long = (
            model(input_ids=torch.tensor([tokens])).logits[0, len(ids) - 1].log_softmax(-1)
            for tokens in (ids, ids + ids[-1:] * more)
        )
    return float((short - long).abs().max())


def _compare(model: Any, tuned: Any, rows: Any, ids: Ids) -> tuple[float, bool, float, float]:
    """Logit difference, same token, log-probability difference, and effect after one chat."""
    import torch

    tokens = torch.tensor([ids])
    with torch.no_grad():
        words = model.get_input_embeddings()(tokens)
        meant = model(inputs_embeds=torch.cat([rows[None].to(words), words], 1)).logits
        got = tuned(input_ids=tokens).logits
        plain = model(input_ids=tokens).logits[0, -1].log_softmax(-1)
    if got.shape != meant.shape:
        return float("inf"), False, float("inf"), 0.0
    one, other = (logits[0, -1].log_softmax(-1) for logits in (meant, got))
    top = int(one.argmax())
    return (
        float((got - meant).abs().max()),
        top == int(other.argmax()),
        float((one[top] - other[top]).abs()),
        float((other[top] - plain[top]).abs()),
    )
