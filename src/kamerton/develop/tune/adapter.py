"""The adapter on a base: which layers, checked before anything is trained."""

from typing import Any

from kamerton.develop.settings import TuneSettings
from kamerton.formats.errors import InputError


def attach(model: Any, settings: TuneSettings) -> Any:
    """The base with a fresh LoRA adapter (Hu et al. 2021), its other weights frozen."""
    from peft import LoraConfig, get_peft_model

    config = LoraConfig(
        r=settings.rank,
        lora_alpha=settings.alpha,
        lora_dropout=settings.dropout,
        target_modules=targets(model, settings.target_modules),
        task_type="CAUSAL_LM",
    )
    return get_peft_model(model, config)


def targets(model: Any, names: list[str]) -> list[str]:
    """Names of the linear layers to adapt, sorted; InputError where none of `names` is one."""
    import torch

    head = model.get_output_embeddings()
    linear = {
        name.rsplit(".", 1)[-1]
        for name, layer in model.named_modules()
        if isinstance(layer, torch.nn.Linear) and layer is not head
    }
    wanted = linear if "all-linear" in names else set(names) & linear
    missing = set() if "all-linear" in names else set(names) - linear
    if missing or not wanted:
        known = ", ".join(sorted(linear))
        raise InputError("develop.not_trainable_modules", names=sorted(missing), known=known)
    return sorted(wanted)
