"""The adapter merged into its base: one complete Hugging Face folder, for use elsewhere."""

import shutil
from pathlib import Path
from typing import Any

from kamerton.formats.chat import Message


def write(tuned: Any, tokenizer: Any, chats: list[list[Message]], folder: Path) -> float:
    """Merge in float32, save, and return the largest logit difference over `chats`.

    The adapter is gone from `tuned` afterwards. Serving keeps base and adapter apart, so that
    both arms share their weights; the merged folder is what the original museum work ended with.
    """
    before = [_logits(tuned, tokenizer, messages) for messages in chats]
    merged = tuned.merge_and_unload()
    after = [_logits(merged, tokenizer, messages) for messages in chats]
    fresh = folder.with_suffix(".new")
    shutil.rmtree(fresh, ignore_errors=True)
    merged.save_pretrained(fresh)
    tokenizer.save_pretrained(fresh)
    shutil.rmtree(folder, ignore_errors=True)
    fresh.rename(folder)
    return max(float((a - b).abs().max()) for a, b in zip(before, after, strict=True))


def _logits(model: Any, tokenizer: Any, messages: list[Message]) -> Any:
    import torch

    chat = [message.model_dump() for message in messages]
    ids = tokenizer.apply_chat_template(
        chat, tokenize=True, add_generation_prompt=True, return_tensors="pt", return_dict=False
    )
    with torch.no_grad():
        return model(input_ids=ids).logits
