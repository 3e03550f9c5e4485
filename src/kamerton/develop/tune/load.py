"""A trained model of any method, from what the tune stage left."""

import json
from pathlib import Path
from typing import Any

from kamerton.develop import hub
from kamerton.develop.tune import quantised
from kamerton.develop.tune.adapter import ADAPTER, MODEL, stop_at_end_of_turn
from kamerton.formats.jsonl import read_text

TRAINING = "training.json"


def load(base: str, tuned: Path, as_trained: bool = True) -> Any:
    """The model ready to generate, in evaluation mode; `tuned` is the tune stage's output.

    With qlora it stands on the quantised base that it was trained on, or on the float32 base that
    is served where `as_trained` is false. A soft prompt acts in `generate` and in forward passes,
    whose logits then begin with those of the virtual tokens.
    """
    figures = json.loads(read_text(tuned / TRAINING))
    method = figures.get("method", "lora")
    if method == "full":
        return hub.load_model(str(tuned / MODEL)).eval()
    if method == "qlora" and as_trained:
        model = quantised.load(base, figures["method_settings"]["bits"])
    else:
        model = hub.load_model(base)
    return _with_adapter(model, base, tuned / ADAPTER).eval()


def _with_adapter(model: Any, base: str, folder: Path) -> Any:
    from peft import PeftModel

    stop_at_end_of_turn(model, hub.load_tokenizer(base))
    return PeftModel.from_pretrained(model, folder)
