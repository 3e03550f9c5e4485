"""A float model and its tokenizer, as the workers that compute in Python load and ask them."""

from collections.abc import Callable
from typing import Any

_ENDS = ("<|im_end|>", "<|endoftext|>")
"""Tokens at which llama.cpp ends an answer too, whatever the tokenizer calls its end."""


def float_model(folder: str) -> Any:
    """A model in float32 on the CPU; OSError or ValueError where the folder is no whole one.

    Missing weights would be drawn at random.
    """
    import torch
    from transformers import AutoModelForCausalLM

    model, report = AutoModelForCausalLM.from_pretrained(
        folder, dtype=torch.float32, output_loading_info=True
    )
    if report["missing_keys"]:
        raise ValueError(f"weights are missing: {', '.join(sorted(report['missing_keys'])[:3])}")
    return model


def end_tokens(tokenizer: Any) -> list[int]:
    """Ids of the tokens that end an answer, at least one."""
    vocabulary = tokenizer.get_vocab()
    ends = [vocabulary[token] for token in _ENDS if token in vocabulary]
    eos = tokenizer.eos_token_id
    return ends if eos is None or eos in ends else [*ends, eos]


def decoder(tokenizer: Any) -> Callable[[list[int]], str]:
    """What turns the token ids of an answer into its text."""
    return lambda ids: str(
        tokenizer.decode(ids, skip_special_tokens=True, clean_up_tokenization_spaces=False)
    )
