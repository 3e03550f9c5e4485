"""A base in 4 or 8 bits for QLoRA (Dettmers et al. 2023), the same in training and evaluation.

bitsandbytes 0.50 computes otherwise as soon as a model is set to evaluation on a CPU: in 4 bits it
repacks the weights for bfloat16 and cuts the gradient, in 8 bits it rounds activations to int8
through float16. Held-out losses would be those of another model than the one that is trained, and
after the first evaluation a 4-bit model would no longer learn below its last layers (tested). Here
both go on with what training does: weights are dequantised, sums are float32.
"""

from importlib.util import find_spec
from typing import Any

from kamerton.develop import hub
from kamerton.formats.errors import InputError


def demand() -> None:
    """InputError, before any weights load, where bitsandbytes is not there or cannot run."""
    if find_spec("bitsandbytes") is None:
        raise InputError("develop.tune_no_bitsandbytes", where="tune.method")
    from bitsandbytes.cextension import ErrorHandlerMockBNBNativeLibrary, lib

    if isinstance(lib, ErrorHandlerMockBNBNativeLibrary):
        why = str(lib.error_msg).strip().splitlines()[0]
        raise InputError("develop.tune_broken_bitsandbytes", where="tune.method", why=why)


def load(base: str, bits: int) -> Any:
    """The base with its linear layers (but for the output layer) in `bits` bits, else float32.

    4 bits are NF4 with doubly quantised scales, as in the paper; 8 bits are LLM.int8 (Dettmers et
    al. 2022) without its separate outliers, which on a CPU are an affair of inference only.
    """
    demand()
    model = hub.load_model(base, quantisation=_config(bits))
    if model.device.type == "cpu":
        _settle(model)
    return model


def _config(bits: int) -> Any:
    import torch
    from transformers import BitsAndBytesConfig

    if bits == 8:
        return BitsAndBytesConfig(load_in_8bit=True)
    return BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=torch.float32,
    )


def _settle(model: Any) -> None:
    """Evaluation computes as training does, see the module's text."""
    from bitsandbytes.nn import Linear4bit, Linear8bitLt

    for layer in model.modules():
        if isinstance(layer, Linear4bit):
            layer.support_avx512bf16_for_cpu = False
        elif isinstance(layer, Linear8bitLt):
            layer.register_forward_pre_hook(_as_in_training)


def _as_in_training(layer: Any, inputs: Any) -> None:
    layer.training = True
