"""What is trained on a base: an adapter, a soft prompt, or all weights; saved, and loaded again."""

import json
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from kamerton.develop import hub
from kamerton.develop.settings import TuneSettings
from kamerton.develop.tune.encode import end_of_turn
from kamerton.formats.errors import InputError
from kamerton.formats.jsonl import read_text
from kamerton.formats.manifest import whole_folder

ADAPTER, MODEL = "adapter", "model"
"""Folders in the stage's output: a PEFT folder, or a whole Hugging Face folder."""
TRAINING = "training.json"


def attach(model: Any, settings: TuneSettings, text: Sequence[int] = ()) -> Any:
    """The base with what the method trains, fresh; all other weights are frozen.

    `text`: token ids whose embeddings initialise a soft prompt; for method prompt only.
    """
    return METHODS[settings.method](model, settings, text)


def _lora(model: Any, settings: TuneSettings, text: Sequence[int]) -> Any:
    """LoRA (Hu et al. 2021); with dora lengths and directions apart (Liu et al. 2024)."""
    from peft import LoraConfig, get_peft_model

    config = LoraConfig(
        r=settings.rank,
        lora_alpha=settings.alpha,
        lora_dropout=settings.dropout,
        target_modules=targets(model, settings.target_modules),
        use_dora=settings.method == "dora",
        task_type="CAUSAL_LM",
    )
    return get_peft_model(model, config)


def _qlora(model: Any, settings: TuneSettings, text: Sequence[int]) -> Any:
    """LoRA on a quantised base (Dettmers et al. 2023).

    Without checkpointing of activations nothing needs a gradient at the embeddings: the backward
    pass ends at the lowest adapted layer.
    """
    from peft import prepare_model_for_kbit_training

    prepared = prepare_model_for_kbit_training(model, use_gradient_checkpointing=False)
    return _lora(prepared, settings, text)


def _prompt(model: Any, settings: TuneSettings, text: Sequence[int]) -> Any:
    """Prompt tuning (Lester et al. 2021): trained embeddings before every prompt.

    Initialised with a text's embeddings. peft would load a tokenizer of its own for that text and
    write its path into the adapter; here the ids are given. A text shorter than `virtual_tokens`
    is repeated.
    """
    import torch
    from peft import PromptTuningConfig, get_peft_model

    count = settings.virtual_tokens
    ids = (list(text) * math.ceil(count / len(text)))[:count]
    # What the layer gives, not its weights: some architectures scale their embeddings.
    embed = model.get_input_embeddings()
    with torch.no_grad():
        first = embed(torch.tensor(ids, device=embed.weight.device)).clone()
    tuned = get_peft_model(
        model, PromptTuningConfig(num_virtual_tokens=count, task_type="CAUSAL_LM")
    )
    with torch.no_grad():
        tuned.prompt_encoder["default"].embedding.weight.copy_(first)
    return tuned


METHODS: dict[str, Callable[[Any, TuneSettings, Sequence[int]], Any]] = {
    "lora": _lora,
    "qlora": _qlora,
    "dora": _lora,
    "prompt": _prompt,
    "full": lambda model, settings, text: model.requires_grad_(True),
}
_LORA = ("rank", "alpha", "dropout", "target_modules")
_USED: dict[str, tuple[str, ...]] = {
    "lora": _LORA,
    "qlora": ("bits", *_LORA),
    "dora": _LORA,
    "prompt": ("virtual_tokens",),
    "full": (),
}


def used(settings: TuneSettings) -> dict[str, object]:
    """The settings that the method reads, by name, for training.json."""
    return {name: getattr(settings, name) for name in _USED[settings.method]}


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
        names_there = ", ".join(sorted(linear))
        raise InputError("develop.not_trainable_modules", names=sorted(missing), known=names_there)
    return sorted(wanted)


def trainable(model: Any) -> int:
    """Number of weights that training changes."""
    return sum(p.numel() for p in model.parameters() if p.requires_grad)


def save(model: Any, tokenizer: Any, base: str, out: Path) -> None:
    """Write adapter/ (PEFT) or model/ (a whole model with its tokenizer) into `out`, atomically."""
    whole = not hasattr(model, "peft_config")
    with whole_folder(out / (MODEL if whole else ADAPTER)) as fresh:
        if whole:
            stop_at_end_of_turn(model, tokenizer)
            model.save_pretrained(fresh)
            tokenizer.save_pretrained(fresh)
            return
        for config in model.peft_config.values():  # named without a path of this machine
            config.base_model_name_or_path = hub.known_as(base)
        model.save_pretrained(fresh, save_embedding_layers=False)  # no look-up at any hub
        (fresh / "README.md").unlink(missing_ok=True)  # the run writes its own card


def stop_at_end_of_turn(model: Any, tokenizer: Any) -> None:
    """`generate` stops where the chat template ends an answer, and where the base stopped."""
    end, config = end_of_turn(tokenizer), model.generation_config
    eos = config.eos_token_id
    eos = eos if isinstance(eos, list) else [] if eos is None else [eos]
    config.eos_token_id = [*eos, end] if end not in eos else config.eos_token_id
    if config.pad_token_id is None:
        config.pad_token_id = end  # pads shorter rows; never attended to


def load(base: str, tuned: Path, as_trained: bool = True) -> Any:
    """The model ready to generate, in evaluation mode; `tuned` is the tune stage's output.

    With qlora it stands on the quantised base that it was trained on, or on the float32 base that
    is served where `as_trained` is false. A soft prompt acts in `generate` and in forward passes,
    whose logits then begin with those of the virtual tokens.
    """
    from peft import PeftModel

    figures = json.loads(read_text(tuned / TRAINING))
    method = figures.get("method")
    if method == "full":
        return hub.load_model(str(tuned / MODEL)).eval()
    if method == "qlora" and as_trained:
        model = hub.load_quantised(base, figures["method_settings"]["bits"])
    else:
        model = hub.load_model(base)
    stop_at_end_of_turn(model, hub.load_tokenizer(base))
    return PeftModel.from_pretrained(model, tuned / ADAPTER).eval()
