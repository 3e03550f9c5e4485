"""An untrained model: any decoder-only architecture of transformers, from its fields.

Vocabulary, context, BOS, EOS and padding come from the data; all is checked before training.
"""

import difflib
import math
from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from typing import Any

from kamerton.develop.training.probe import undisturbed
from kamerton.formats.errors import InputError
from kamerton.formats.language import say

FIELD = "pretrain.architecture"
"""Where a recipe says what the model is."""
_FROM_DATA = (
    "vocab_size",
    "max_position_embeddings",
    "bos_token_id",
    "eos_token_id",
    "pad_token_id",
)
_RESIDUAL = ("o_proj", "down_proj", "out_proj", "dense_4h_to_h", "attention.dense", "fc2")
"""Names under which transformers has the layers that write into the residual stream (GPT-2's
own initialisation knows its `c_proj`)."""
_TOKENS = 8
_BOUND = 1e-5


def configure(architecture: Mapping[str, Any], tokenizer: Any, context: int) -> Any:
    """The configuration of a model for this tokenizer and rows of `context` tokens.

    InputError names what is wrong: a model type or a field that transformers does not have, one
    that follows from the data, a value that the architecture cannot have, or no decoder at all.
    """
    name = _model_type(architecture)
    fields = _fields(name)
    for field in architecture:
        if field in _FROM_DATA:
            raise InputError("develop.pretrain_from_data", where=f"{FIELD}.{field}", field=field)
        if field not in fields:
            named = {"architecture": name, "field": field, "hint": _hint(field, fields)}
            where = f"{FIELD}.{field}"
            raise InputError("develop.pretrain_unknown_field", where=where, **named)
    ids = tokenizer.bos_token_id, tokenizer.eos_token_id, tokenizer.pad_token_id
    values = zip(_FROM_DATA, (len(tokenizer), context, *ids), strict=True)
    from_data = {name: value for name, value in values if name in fields}
    return _made(_with_range(_with_heads(dict(architecture) | from_data, fields), fields))


def _model_type(architecture: Mapping[str, Any]) -> str:
    """The model type, where it is one of a causal language model."""
    from transformers.models.auto.configuration_auto import CONFIG_MAPPING_NAMES
    from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES

    name = str(architecture.get("model_type", ""))
    if name not in CONFIG_MAPPING_NAMES:
        hint = _hint(name, MODEL_FOR_CAUSAL_LM_MAPPING_NAMES)
        where = f"{FIELD}.model_type"
        raise InputError("develop.pretrain_unknown_type", where=where, name=name, hint=hint)
    if name not in MODEL_FOR_CAUSAL_LM_MAPPING_NAMES:
        raise InputError("develop.pretrain_no_decoder", where=FIELD, architecture=name)
    return name


def _fields(name: str) -> set[str]:
    """Fields of a configuration, with the names by which transformers knows them everywhere."""
    from transformers.models.auto.configuration_auto import CONFIG_MAPPING

    config = CONFIG_MAPPING[name]()
    fields = {*config.to_dict(), *config.attribute_map}
    if config.is_encoder_decoder or "vocab_size" not in fields:
        raise InputError("develop.pretrain_no_decoder", where=FIELD, architecture=name)
    return fields


def _hint(name: str, names: Iterable[str]) -> str:
    close = difflib.get_close_matches(name, sorted(names), n=1, cutoff=0.6)
    return say("formats.did_you_mean", name=close[0]) if close else ""


@contextmanager
def _as_input_error() -> Iterator[None]:
    """What the library has against an architecture, in its own last line."""
    from huggingface_hub.errors import StrictDataclassError

    errors = (ValueError, TypeError, LookupError, RuntimeError, ImportError, AttributeError)
    try:
        yield
    except (StrictDataclassError, AssertionError, *errors) as error:
        lines = str(error).strip().splitlines() or [type(error).__name__]
        why = lines[-1].strip()[:200]
        raise InputError("develop.pretrain_bad_architecture", where=FIELD, why=why) from error


def _made(fields: dict[str, Any]) -> Any:
    """The configuration; its library checks types, and that sizes fit each other."""
    from transformers import AutoConfig

    with _as_input_error():
        return AutoConfig.for_model(**fields)


def _with_heads(architecture: dict[str, Any], fields: set[str]) -> dict[str, Any]:
    """With as many heads of keys and values as of queries, unless fewer are asked for.

    transformers fills in those of a large model of the family, which need not fit. InputError
    where the heads cannot be shared evenly: the library says so only in the midst of a step.
    """
    heads, field = architecture.get("num_attention_heads"), "num_key_value_heads"
    if field not in fields or not isinstance(heads, int):
        return architecture
    shared = architecture.get(field) or heads
    if isinstance(shared, int) and (shared < 1 or heads % shared):
        why = f"num_attention_heads ({heads}) is not a multiple of {field} ({shared})"
        raise InputError("develop.pretrain_bad_architecture", where=f"{FIELD}.{field}", why=why)
    return architecture | {field: shared}


def _with_range(architecture: dict[str, Any], fields: set[str]) -> dict[str, Any]:
    """With the standard deviation of the first weights: sqrt(2 / (5 width)).

    "Small init" of Nguyen and Salazar 2019 (Transformers without Tears), as in GPT-NeoX-20B: at
    every width the first logits are near zero, and the first loss is that of a uniform guess.
    transformers' own 0.02 fits a width of 1024.
    """
    if "initializer_range" not in fields or "initializer_range" in architecture:
        return architecture
    width = getattr(_made(architecture), "hidden_size", 0)
    if not width:
        return architecture
    return architecture | {"initializer_range": round(math.sqrt(2 / (5 * width)), 5)}


def build(config: Any) -> Any:
    """The model in float32 with its first weights, in training mode; the caller sets the seed.

    Layers that write into the residual stream start smaller by sqrt(2 layers), so that its
    variance does not grow with depth (Radford et al. 2019, GPT-2, section 2.3).
    """
    import torch
    from transformers import AutoModelForCausalLM

    with _as_input_error():
        model = AutoModelForCausalLM.from_config(config, dtype=torch.float32)
    layers = getattr(config, "num_hidden_layers", 0) or 1
    with torch.no_grad():
        for name, layer in model.named_modules():
            if isinstance(layer, torch.nn.Linear) and name.endswith(_RESIDUAL):
                layer.weight.mul_(1 / math.sqrt(2 * layers))
    return model.train()


def parameters(model: Any) -> int:
    """Weights of a model; tied ones count once."""
    return sum(parameter.numel() for parameter in model.parameters())


def check_causal(model: Any) -> None:
    """The model runs, and no token sees a later one; InputError where it is not so.

    An encoder (BERT without `is_decoder`) has a causal head in transformers too, and would learn
    to copy what it should foretell.
    """
    import torch

    vocabulary, name = model.config.vocab_size, model.config.model_type
    ids = torch.arange(_TOKENS).remainder(vocabulary).unsqueeze(0)
    other = ids.clone()
    other[0, -1] = (int(ids[0, -1]) + 1) % vocabulary
    places = torch.arange(_TOKENS).unsqueeze(0)
    with undisturbed(model), torch.no_grad(), _as_input_error():
        model.eval()
        first, second = (
            model(input_ids=one, position_ids=places, use_cache=False).logits[0, :-1]
            for one in (ids, other)
        )
    if not float((first - second).abs().max()) <= _BOUND:
        raise InputError("develop.pretrain_no_decoder", where=FIELD, architecture=name)


def computes_bf16(device: str) -> bool:
    """Whether products of matrices are faster in bfloat16 there: "cuda" or "cpu".

    On a CPU only where it has instructions for it: 4.5 times the float32 rate per core with
    AVX512-BF16 (EPYC of 2024, oneDNN, measured), and as much slower where torch must emulate it.
    """
    import torch

    if device == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    if device != "cpu":
        return False
    able = torch.cpu.get_capabilities()
    return bool(able.get("avx512_bf16") or able.get("amx_bf16"))


def computing(device: str, half: bool) -> AbstractContextManager[Any]:
    """A block in which products of matrices are computed in bfloat16, where `half`.

    Weights, sums, norms and the loss stay float32 (Micikevicius et al. 2018).
    """
    import torch

    context: AbstractContextManager[Any] = torch.autocast(device, torch.bfloat16, enabled=half)
    return context
