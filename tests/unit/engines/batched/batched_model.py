"""A tiny model, prompts for it, and what transformers answers to them one by one."""

import random
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from kamerton.engines.batched import model as models
from kamerton.engines.batched.requests import Request, SamplingParams
from kamerton.engines.batched.scheduler import Scheduler
from tiny_model import make_model


@cache
def plain(folder: Path) -> tuple[Any, Any]:
    """The model as transformers has it, and its tokenizer."""
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    return model, AutoTokenizer.from_pretrained(folder)


def folder_of(place: Path) -> Path:
    return make_model(place / "tiny", seed=3)


def batched(folder: Path, slots: int = 4, pack: bool = True) -> Scheduler:
    _, tokenizer = plain(folder)
    model = models.load(str(folder), pack)
    return Scheduler(model, tokenizer, [tokenizer.eos_token_id], slots=slots)


def tokens(count: int, seed: int) -> tuple[int, ...]:
    """So many tokens at random, none of them special."""
    draw = random.Random(seed)
    return tuple(draw.randrange(5, 300) for _ in range(count))


def uneven() -> list[Request]:
    """Prompts of 1 to 130 tokens, most of them with a shared prefix; answers of 1 to 40."""
    draw, common_prefix = random.Random(1), tokens(90, 0)
    prompts = [common_prefix + tokens(draw.randrange(1, 40), 10 + i) for i in range(12)]
    prompts += [tokens(1, 50), tokens(5, 51), tokens(60, 52)]
    return [Request(ids, SamplingParams(max_tokens=draw.randrange(1, 40))) for ids in prompts]


def one_by_one(folder: Path, requests: Sequence[Request]) -> list[list[int]]:
    """The greedy tokens of `generate`, each prompt alone."""
    model, tokenizer = plain(folder)
    found = []
    for request in requests:
        ids = torch.tensor([request.ids])
        answer = model.generate(
            ids,
            attention_mask=torch.ones_like(ids),
            max_new_tokens=request.sampling.max_tokens,
            do_sample=False,
            eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.pad_token_id,
        )
        found.append(answer[0, len(request.ids) :].tolist())
    return found
