"""One pretraining as data: its settings and inputs, and whatever can be wrong without weights."""

import math
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kamerton.develop.pretrain import evaluate, model, rows
from kamerton.develop.pretrain.evaluate import Prompt, encode_prompts, read_prompts
from kamerton.develop.settings import PretrainSettings
from kamerton.develop.training.resume import facts, hold_to, newest_checkpoint

LOOKED = "looked"
"""The key that marks an evaluation among the Trainer's records."""


@dataclass(frozen=True)
class Work:
    """One pretraining: its settings, and what it reads."""

    settings: PretrainSettings
    tokenizer: Any
    config: Any
    train: rows.Rows
    held_out: evaluate.HeldOut | None
    prompts: list[Prompt]
    data: Path
    out: Path
    seed: int
    threads: int

    @property
    def checkpoints(self) -> Path:
        """Where a killed run goes on from."""
        return self.out / "checkpoints"

    @property
    def total(self) -> int:
        """Optimiser steps of the whole run."""
        batches = math.ceil(len(self.train) / self.settings.batch_size)
        return self.settings.steps or math.ceil(batches * self.settings.epochs)

    @property
    def context(self) -> int:
        """Tokens of a row."""
        return int(self.train.ids.shape[1])

    @property
    def rows(self) -> int:
        """Rows that all steps read together; the last batch of an epoch may be smaller."""
        count, batch = len(self.train), self.settings.batch_size
        epochs, rest = divmod(self.total, math.ceil(count / batch))
        return epochs * count + min(rest * batch, count)


def prepare(
    settings: PretrainSettings, data: Path, home: Path, out: Path, seed: int, threads: int
) -> Work:
    """Read the data and the prompts, and check the architecture; InputError where any is wrong."""
    tokenizer = rows.load_tokenizer(data)
    train = rows.load(data / rows.TRAIN, tokenizer)
    context = train.ids.shape[1]
    config = model.configure(settings.architecture, tokenizer, context)
    held_out, prompts = None, list[Prompt]()
    if (data / rows.HELD_OUT).is_file():
        held_out = evaluate.whole(rows.load(data / rows.HELD_OUT, tokenizer), data / rows.TOKENIZER)
    if settings.prompts:
        path = home / settings.prompts
        most = settings.continuation_tokens
        prompts = encode_prompts(read_prompts(path), path, tokenizer, context, most)
    return Work(settings, tokenizer, config, train, held_out, prompts, data, out, seed, threads)


def hold_to_start(work: Work, home: Path) -> None:
    """InputError where a checkpoint was left by another training than this one."""
    import torch

    names = [rows.TRAIN, f"{rows.TOKENIZER}/tokenizer.json"]
    names += [rows.HELD_OUT] if work.held_out else []
    files = {name: work.data / name for name in names}
    if work.prompts:
        files["prompts"] = home / work.settings.prompts
    flat = facts(work.settings, work.seed, work.threads, files)
    named = {name.replace("settings.", "pretrain.", 1): value for name, value in flat.items()}
    device = "cuda" if torch.cuda.is_available() else "cpu"
    if newest_checkpoint(work.checkpoints) is None:
        shutil.rmtree(work.checkpoints, ignore_errors=True)  # nothing was trained yet
    hold_to(work.checkpoints, named | {"bfloat16": model.computes_bf16(device)})
