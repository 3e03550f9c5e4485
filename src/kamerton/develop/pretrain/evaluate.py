"""A model in training, evaluated: the loss of held-out rows, and continuations of prompts.

Continuations are greedy, so that the same weights give the same texts. Their file grows with the
training, is always whole, and holds each step once, however often a run was killed and resumed.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kamerton.develop.pretrain.model import computing
from kamerton.develop.pretrain.ngram import characters
from kamerton.develop.pretrain.rows import NO_TARGET, Rows, batch_targets, collate
from kamerton.develop.training.probe import undisturbed
from kamerton.formats.errors import InputError
from kamerton.formats.jsonl import read_rows, read_text, write_rows
from kamerton.formats.pretraining import CONTINUATIONS, Continuation, Evaluation

_SHARE = 0.1
"""Most that evaluation in training may cost, as a share of the training's work."""
_BACKWARD = 3
"""Work of a training row, in forward passes: backward is two of them (Kaplan et al. 2020)."""


@dataclass(frozen=True)
class HeldOut:
    """Held-out rows, and the characters that their targets stand for."""

    rows: Rows
    characters: int


def whole(rows: Rows, tokenizer: Path) -> HeldOut:
    """All rows; InputError where they stand for no text."""
    count = characters(rows.ids, tokenizer)
    if not count:
        raise InputError("develop.pretrain_no_rows", where=str(tokenizer.parent))
    return HeldOut(rows, count)


def part(held_out: HeldOut, tokenizer: Path, steps: int, batch_size: int, seed: int) -> HeldOut:
    """What is evaluated every `steps` steps of the training: all rows, or as many as are cheap.

    Never more work than a tenth of the steps' own, counted and not timed: a resumed run must take
    the same rows. They are drawn once, by the seed.
    """
    import numpy as np

    most = max(1, math.floor(_SHARE * _BACKWARD * steps * batch_size))
    if len(held_out.rows) <= most:
        return held_out
    drawn = np.random.default_rng(seed).choice(len(held_out.rows), most, replace=False)
    rows = Rows(held_out.rows.ids[np.sort(drawn)], held_out.rows.marks)
    return HeldOut(rows, characters(rows.ids, tokenizer))


def evaluate(
    model: Any,
    held_out: HeldOut,
    step: int,
    micro_batch_size: int,
    half: bool,
    done: Callable[[int], object] = lambda rows: None,
) -> Evaluation:
    """The loss of `held_out` at this step, `micro_batch_size` rows in memory together.

    `half`: computed in bfloat16, as the training is. `done` is called with numbers of rows. The
    model and all random states stay as they were.
    """
    import torch

    total, targets, rows = 0.0, 0, held_out.rows
    with undisturbed(model), torch.no_grad():
        model.eval()
        for start in range(0, len(rows), micro_batch_size):
            chosen = [rows[n] for n in range(len(rows))[start : start + micro_batch_size]]
            batch = collate(chosen, rows.marks)
            total += float(nats(model, batch, half))
            targets += int(batch_targets([batch]))
            done(len(chosen))
    return Evaluation(
        step=step, loss=total / max(targets, 1), nats_per_character=total / held_out.characters
    )


def nats(model: Any, batch: dict[str, Any], half: bool) -> Any:
    """Sum of the cross-entropies of a batch's targets, a float32 tensor []."""
    import torch.nn.functional as functional

    device = next(model.parameters()).device
    inputs = {name: tensor.to(device) for name, tensor in batch.items()}
    labels = functional.pad(inputs.pop("labels")[:, 1:], (0, 1), value=NO_TARGET)
    with computing(device.type, half):
        logits = model(**inputs, use_cache=False).logits
    return functional.cross_entropy(
        logits.flatten(0, 1).float(), labels.flatten(), reduction="sum", ignore_index=NO_TARGET
    )


@dataclass(frozen=True)
class Prompt:
    """A prompt to continue, and its tokens."""

    text: str
    ids: tuple[int, ...]
    """After BOS."""
    room: int
    """Tokens that may follow."""


def read_prompts(path: Path) -> list[str]:
    """One prompt a line; blank lines are passed over. InputError where there is no such file."""
    return [line.strip() for line in read_text(path).split("\n") if line.strip()]


def encode_prompts(
    texts: Sequence[str], path: Path, tokenizer: Any, context: int, most: int
) -> list[Prompt]:
    """The prompts as tokens, each with room for up to `most`; InputError where none would fit."""
    prompts = []
    for number, text in enumerate(texts, start=1):
        plain = tokenizer.encode(text, add_special_tokens=False, split_special_tokens=True)
        ids = (tokenizer.bos_token_id, *plain)
        room = min(most, context - len(ids))
        if room < 1:
            values = {"number": number, "prompt": text, "tokens": len(ids), "context": context}
            raise InputError("develop.pretrain_long_prompt", where=str(path), **values)
        prompts.append(Prompt(text, ids, room))
    return prompts


def continued(model: Any, prompts: Sequence[Prompt], tokenizer: Any) -> list[str]:
    """The model's greedy continuation of each prompt, up to its end of text or the room.

    With a cache of keys and values; each prompt alone, so that padding cannot change a word. The
    model and all random states stay as they were.
    """
    import torch

    texts: list[str] = []
    with undisturbed(model), torch.no_grad():
        model.eval()
        for prompt in prompts:
            ids = torch.tensor([prompt.ids], device=model.device)
            out = model.generate(
                input_ids=ids,
                attention_mask=torch.ones_like(ids),
                max_new_tokens=prompt.room,
                do_sample=False,
                use_cache=True,
            )
            texts.append(tokenizer.decode(out[0, ids.shape[1] :], skip_special_tokens=True))
    return texts


def record(folder: Path, step: int, prompts: Sequence[Prompt], texts: Sequence[str]) -> None:
    """Write the texts of `step` into `folder`/continuations.jsonl, after all earlier steps.

    Rows of this or a later step are of a run that was killed, and are written again.
    """
    path = folder / CONTINUATIONS
    earlier = read_rows(path, Continuation) if path.is_file() else []
    rows = [row for row in earlier if row.step < step]
    for prompt, text in zip(prompts, texts, strict=True):
        rows.append(Continuation(step=step, prompt=prompt.text, text=text))
    write_rows(path, rows)
