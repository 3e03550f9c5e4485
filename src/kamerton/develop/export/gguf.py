"""Llama-family weights and LoRA adapters as GGUF, the serving engine's format.

Two traps: the engine keeps the rows of Q and K in another order than Hugging Face (each head's
halves interleaved), for adapters as well as for weights; and it picks how to split text before
BPE by a name, which must be the one the tokenizer was trained with.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kamerton.formats import templates
from kamerton.formats.errors import InputError
from kamerton.formats.language import say
from kamerton.terminal import progress

if TYPE_CHECKING:
    import numpy as np
    from gguf import GGUFWriter

SUPPORTED = ("llama",)
_LAYER = {
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
    "input_layernorm": "attn_norm",
    "post_attention_layernorm": "ffn_norm",
}
_WHOLE = {
    "model.embed_tokens": "token_embd",
    "model.norm": "output_norm",
    "lm_head": "output",
}


def write_base(model: Any, tokenizer: Any, template: str, quantisation: str, path: Path) -> None:
    """Write a model [weights float32] with its vocabulary and chat template.

    Matrices are quantised as `quantisation` says, the embedding to q8_0 at least, since it is
    the output layer too where weights are tied; norms stay float32.
    """
    from gguf import GGUFWriter

    config = model.config
    if config.model_type not in SUPPORTED:
        supported = ", ".join(SUPPORTED)
        raise InputError(
            "develop.unsupported_architecture", architecture=config.model_type, supported=supported
        )
    writer = GGUFWriter(path, config.model_type)
    _add_config(writer, config)
    _add_vocabulary(writer, tokenizer, config.vocab_size)
    writer.add_chat_template(templates.for_engine(template))
    tensors = list(_tensors(model))
    with progress(say("develop.exporting"), len(tensors)) as bar:
        for name, values in tensors:
            _add_tensor(writer, name, values, quantisation)
            bar.update()
    _finish(writer)


def write_adapter(folder: Path, model: Any, path: Path) -> None:
    """Write a PEFT LoRA folder as an adapter of the engine, in float 16."""
    import json

    from gguf import GGUFWriter
    from safetensors.numpy import load_file

    settings = json.loads((folder / "adapter_config.json").read_text("utf-8"))
    writer = GGUFWriter(path, model.config.model_type)
    writer.add_type("adapter")
    writer.add_string("adapter.type", "lora")
    writer.add_float32("adapter.lora.alpha", float(settings["lora_alpha"]))
    for key, values in sorted(load_file(folder / "adapter_model.safetensors").items()):
        name, part = _adapter_name(key)
        ordered = _reorder(name, values, model.config) if part == "lora_b" else values
        writer.add_tensor(f"{name}.weight.{part}", ordered.astype("float16"))
    _finish(writer)


def _adapter_name(key: str) -> tuple[str, str]:
    """`base_model.model.model.layers.0.mlp.up_proj.lora_A.weight` to its name and part."""
    inner = key.removeprefix("base_model.model.").removesuffix(".weight")
    module, _, part = inner.rpartition(".")
    return _name(module), part.lower()


def _name(module: str) -> str:
    if module in _WHOLE:
        return _WHOLE[module]
    _, _, rest = module.partition("layers.")
    layer, _, inner = rest.partition(".")
    return f"blk.{layer}.{_LAYER[inner]}"


def _tensors(model: Any) -> Iterator[tuple[str, "np.ndarray"]]:
    tied = model.config.tie_word_embeddings
    for key, values in model.state_dict().items():
        module = key.removesuffix(".weight")
        if module == "lm_head" and tied:
            continue
        name = _name(module)
        yield name, _reorder(name, values.float().numpy(), model.config)


def _reorder(name: str, values: "np.ndarray", config: Any) -> "np.ndarray":
    """Rows of Q and K from Hugging Face's order to the engine's; others as they are."""
    heads = {"attn_q": config.num_attention_heads, "attn_k": config.num_key_value_heads}
    count = heads.get(name.rpartition(".")[2])
    if count is None:
        return values
    half = values.shape[0] // count // 2
    split = values.reshape(count, 2, half, *values.shape[1:])
    return split.swapaxes(1, 2).reshape(values.shape)


def _add_tensor(writer: "GGUFWriter", name: str, values: "np.ndarray", quantisation: str) -> None:
    from gguf import GGMLQuantizationType, quants

    full = f"{name}.weight"
    if values.ndim == 1:
        writer.add_tensor(full, values)
        return
    wide = name in {"token_embd", "output"} and quantisation.startswith("q")
    kind = GGMLQuantizationType["Q8_0" if wide else quantisation.upper()]
    if kind != GGMLQuantizationType.F16 and values.shape[-1] % 32:
        kind = GGMLQuantizationType.F16  # blocks of 32 do not fit
    writer.add_tensor(full, quants.quantize(values, kind), raw_dtype=kind)


def _add_config(writer: "GGUFWriter", config: Any) -> None:
    rope = getattr(config, "rope_parameters", None) or {}
    writer.add_type("model")
    writer.add_block_count(config.num_hidden_layers)
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    writer.add_rope_freq_base(float(rope.get("rope_theta", 10_000.0)))
    head = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    writer.add_rope_dimension_count(head)
    writer.add_vocab_size(config.vocab_size)


def _add_vocabulary(writer: "GGUFWriter", tokenizer: Any, size: int) -> None:
    import json

    from gguf import TokenType

    data = json.loads(tokenizer.backend_tokenizer.to_str())
    by_id = {index: token for token, index in tokenizer.get_vocab().items()}
    special = {token["id"] for token in data["added_tokens"]}
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre(_split_name(data))
    writer.add_token_list([by_id.get(i, f"[PAD{i}]") for i in range(size)])
    kinds = [TokenType.CONTROL if i in special else TokenType.NORMAL for i in range(size)]
    writer.add_token_types(
        [kind if i in by_id else TokenType.UNUSED for i, kind in enumerate(kinds)]
    )
    merges = (m if isinstance(m, str) else " ".join(m) for m in data["model"]["merges"])
    writer.add_token_merges(list(merges))
    if tokenizer.bos_token_id is not None:
        writer.add_bos_token_id(tokenizer.bos_token_id)
    writer.add_eos_token_id(tokenizer.convert_tokens_to_ids("<|im_end|>"))
    if tokenizer.pad_token_id is not None:
        writer.add_pad_token_id(tokenizer.pad_token_id)
    writer.add_add_bos_token(False)
    writer.add_add_space_prefix(False)


def _split_name(data: dict[str, Any]) -> str:
    """The engine's name for how the tokenizer splits text before BPE."""
    return "smollm" if '"Digits"' in str(data["pre_tokenizer"]).replace("'", '"') else "gpt-2"


def _finish(writer: "GGUFWriter") -> None:
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
