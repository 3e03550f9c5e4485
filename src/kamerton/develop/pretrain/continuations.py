"""What the model goes on to say after the prompts, step by step: learning that a person can read.

Greedy, so that the same weights say the same. The file grows with the training, is always whole,
and holds each step once, however often the training was killed and resumed.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kamerton.develop.training.probe import undisturbed
from kamerton.formats.errors import InputError
from kamerton.formats.jsonl import read_rows, read_text, write_rows
from kamerton.formats.pretraining import CONTINUATIONS, Continuation


@dataclass(frozen=True)
class Prompt:
    """A beginning, and its tokens."""

    text: str
    ids: tuple[int, ...]
    """With the mark of beginning before them."""
    room: int
    """Tokens that may follow."""


def read_prompts(path: Path) -> list[str]:
    """One prompt a line; blank lines are passed over. InputError where there is no such file."""
    return [line.strip() for line in read_text(path).splitlines() if line.strip()]


def encode(
    prompts: Sequence[str], path: Path, tokenizer: Any, context: int, most: int
) -> list[Prompt]:
    """The prompts as tokens, each followed by at most `most`; InputError where none would fit."""
    found = []
    for number, text in enumerate(prompts, start=1):
        ids = (tokenizer.bos_token_id, *tokenizer.encode(text, add_special_tokens=False))
        room = min(most, context - len(ids))
        if room < 1:
            raise InputError(
                "develop.pretrain_long_prompt",
                where=str(path),
                number=number,
                prompt=text,
                tokens=len(ids),
                context=context,
            )
        found.append(Prompt(text, ids, room))
    return found


def continued(model: Any, prompts: Sequence[Prompt], tokenizer: Any) -> list[str]:
    """What the model says after each prompt, greedily, up to its end of text or the room.

    With a cache of keys and values; each prompt alone, so that padding cannot change a word. The
    model and all random states stay as they were.
    """
    import torch

    with undisturbed(model), torch.no_grad():
        model.eval()
        return [_continued(model, prompt, tokenizer) for prompt in prompts]


def _continued(model: Any, prompt: Prompt, tokenizer: Any) -> str:
    import torch

    ids = torch.tensor([prompt.ids], device=model.device)
    out = model.generate(
        input_ids=ids,
        attention_mask=torch.ones_like(ids),
        max_new_tokens=prompt.room,
        do_sample=False,
        use_cache=True,
    )
    text: str = tokenizer.decode(out[0, ids.shape[1] :], skip_special_tokens=True)
    return text


def record(folder: Path, step: int, prompts: Sequence[Prompt], texts: Sequence[str]) -> None:
    """Write what was said at `step` into `folder`/continuations.jsonl, after all earlier steps.

    What stands there of this or a later step was said by a run that was killed, and is said again.
    """
    path = folder / CONTINUATIONS
    earlier = read_rows(path, Continuation) if path.is_file() else []
    now = [
        Continuation(step=step, prompt=prompt.text, text=text)
        for prompt, text in zip(prompts, texts, strict=True)
    ]
    write_rows(path, [*(row for row in earlier if row.step < step), *now])
