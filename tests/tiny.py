"""A tiny random llama as GGUF, with LoRA adapters: loads in the engine in a moment.

Soft prompts run on another tiny model, of `tiny_model`: serving asks nowhere that both are one.

Its vocabulary is the 256 bytes and ChatML's marks; its answers are nonsense, yet they depend
on every token of the prompt and on the adapter, which is all that serving tests need.
"""

from pathlib import Path
from typing import TYPE_CHECKING

from kamerton.formats import templates
from kamerton.formats.jsonl import write_rows, write_text
from kamerton.formats.manifest import sha256
from kamerton.formats.retrieval import CHUNKS, META, VECTORS, Chunk, Endpoint, IndexMeta
from kamerton.formats.serving import FILE, Adapter, Kind, ServingSpec
from kamerton.retrieval.embedding import ENCODER, encode, encode_at

if TYPE_CHECKING:
    import numpy as np
    from gguf import GGUFWriter
    from numpy.typing import NDArray

    Floats = NDArray[np.float32]

WIDTH, HIDDEN, LAYERS, HEADS, RANK = 96, 192, 3, 4, 4
SPECIAL = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
SHAPES = {
    "attn_q": (WIDTH, WIDTH),
    "attn_k": (WIDTH, WIDTH),
    "attn_v": (WIDTH, WIDTH),
    "attn_output": (WIDTH, WIDTH),
    "ffn_gate": (HIDDEN, WIDTH),
    "ffn_up": (HIDDEN, WIDTH),
    "ffn_down": (WIDTH, HIDDEN),
}


def byte_letters() -> list[str]:
    """GPT-2's printable letter for each of the 256 bytes."""
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    spare = iter(range(256, 512))
    return [chr(byte) if byte in plain else chr(next(spare)) for byte in range(256)]


def write_base(path: Path, seed: int = 0) -> Path:
    """Write the base model; equal seeds give equal bytes."""
    import numpy as np
    from gguf import GGUFWriter

    rng = np.random.default_rng(seed)
    writer = GGUFWriter(path, "llama")
    _describe(writer)
    _add_tokens(writer)
    letters = byte_letters()
    tokens = len(SPECIAL) + len(letters)
    writer.add_tensor("token_embd.weight", _random(rng, (tokens, WIDTH), 1.0))
    writer.add_tensor("output_norm.weight", np.ones(WIDTH, np.float32))
    writer.add_tensor("output.weight", _head(rng, tokens))
    for layer in range(LAYERS):
        for name in ("attn_norm", "ffn_norm"):
            writer.add_tensor(f"blk.{layer}.{name}.weight", np.ones(WIDTH, np.float32))
        for name, shape in SHAPES.items():
            scale = 1.5 / np.sqrt(shape[1])
            writer.add_tensor(f"blk.{layer}.{name}.weight", _random(rng, shape, scale))
    return _finish(writer, path)


def write_adapter(path: Path, seed: int, strength: float = 1.0) -> Path:
    """Write a LoRA adapter over all linear layers; strength 0 writes one that does nothing."""
    import numpy as np
    from gguf import GGUFWriter

    rng = np.random.default_rng(seed)
    writer = GGUFWriter(path, "llama")
    writer.add_type("adapter")
    writer.add_string("adapter.type", "lora")
    writer.add_float32("adapter.lora.alpha", float(RANK))
    for layer in range(LAYERS):
        for name, (rows, columns) in SHAPES.items():
            tensor = f"blk.{layer}.{name}.weight"
            down = _random(rng, (RANK, columns), 1 / np.sqrt(columns))
            up = _random(rng, (rows, RANK), strength / np.sqrt(RANK))
            writer.add_tensor(f"{tensor}.lora_a", down)
            writer.add_tensor(f"{tensor}.lora_b", up)
    return _finish(writer, path)


PASSAGES = {
    "idol": "The Idol of Pomos is carved from picrolite.",
    "god": "The Horned God of Enkomi is cast in bronze.",
}


def write_index(
    folder: Path, passages: dict[str, str] = PASSAGES, endpoint: Endpoint | None = None
) -> Path:
    """An index of two passages or of others, made offline or at an endpoint."""
    import numpy as np

    folder.mkdir(parents=True, exist_ok=True)
    texts = list(passages.values())
    vectors = encode_at(endpoint.base_url, endpoint.model, texts) if endpoint else encode(texts)
    np.save(folder / VECTORS, vectors)
    write_rows(folder / CHUNKS, [Chunk(id=i, text=t, source=i) for i, t in passages.items()])
    meta = IndexMeta(
        encoder=endpoint.model if endpoint else ENCODER,
        dimensions=vectors.shape[1],
        chunks=len(vectors),
        source_sha256="",
        endpoint=endpoint,
    )
    write_text(folder / META, meta.model_dump_json(exclude_none=True))
    return folder


def write_prompt(folder: Path, seed: int, hidden: int = 128, virtual_tokens: int = 4) -> Path:
    """Write a soft prompt as PEFT keeps it, over a base of `hidden` units; returns the file."""
    import numpy as np
    from peft import PromptTuningConfig
    from safetensors.numpy import save_file

    config = PromptTuningConfig(
        task_type="CAUSAL_LM",
        num_virtual_tokens=virtual_tokens,
        token_dim=hidden,
        num_transformer_submodules=1,
        inference_mode=True,
    )
    config.save_pretrained(folder)
    rows = np.random.default_rng(seed).standard_normal((virtual_tokens, hidden)) / 2
    file = folder / "adapter_model.safetensors"
    save_file({"prompt_embeddings": rows.astype(np.float32)}, file)
    return file


def write_spec(
    folder: Path,
    names: tuple[str, ...] = ("museum",),
    strength: float = 1.0,
    index: bool = False,
    merged: tuple[str, ...] = (),
    prompts: tuple[str, ...] = (),
    weights: str = "",
) -> Path:
    """A whole exported model with one adaptation for each name of a kind; returns the folder.

    `weights` is the float base of soft prompts, of 128 hidden units.
    """
    folder.mkdir(parents=True, exist_ok=True)
    base = write_base(folder / "base.gguf")
    files: list[tuple[Kind, str, Path]] = []
    for seed, name in enumerate(names, start=1):
        files.append(("lora", name, write_adapter(folder / f"{name}.gguf", seed, strength)))
    for seed, name in enumerate(merged, start=101):
        files.append(("merged", name, write_base(folder / f"{name}.gguf", seed)))
    for seed, name in enumerate(prompts, start=201):
        files.append(("prompt", name, write_prompt(folder / name, seed)))
    adapters = [
        Adapter(name=name, file=str(file.relative_to(folder)), sha256=sha256(file), kind=kind)
        for kind, name, file in files
    ]
    spec = ServingSpec(
        base=base.name,
        base_name="tiny",
        base_sha256=sha256(base),
        weights=weights,
        adapters=adapters,
        system="Answer briefly.",
        index=write_index(folder / "index").name if index else None,
        context=1024,
        template="chatml",
        template_sha256=templates.sha256("chatml"),
    )
    write_text(folder / FILE, spec.model_dump_json(indent=2))
    return folder


def _describe(writer: "GGUFWriter") -> None:
    writer.add_context_length(4096)
    writer.add_embedding_length(WIDTH)
    writer.add_feed_forward_length(HIDDEN)
    writer.add_block_count(LAYERS)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(HEADS)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_freq_base(10000.0)
    writer.add_rope_dimension_count(WIDTH // HEADS)
    writer.add_file_type(0)


def _add_tokens(writer: "GGUFWriter") -> None:
    letters = byte_letters()
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("smollm")
    writer.add_token_list(SPECIAL + letters)
    writer.add_token_types([3] * len(SPECIAL) + [1] * len(letters))
    writer.add_token_merges(["Ġ Ġ"])  # the engine insists on a list; this pair has no token
    writer.add_bos_token_id(0)
    writer.add_eos_token_id(2)
    writer.add_pad_token_id(2)
    writer.add_add_bos_token(False)
    writer.add_chat_template(templates.for_engine("chatml"))


def _head(rng: "np.random.Generator", tokens: int) -> "Floats":
    """Output rows for lower-case letters and the space only: answers are readable text."""
    import numpy as np

    head = np.zeros((tokens, WIDTH), np.float32)
    for byte in b"abcdefghijklmnopqrstuvwxyz ":
        head[len(SPECIAL) + byte] = rng.standard_normal(WIDTH)
    return head


def _random(rng: "np.random.Generator", shape: tuple[int, int], scale: float) -> "Floats":
    import numpy as np

    return (rng.standard_normal(shape) * scale).astype(np.float32)


def _finish(writer: "GGUFWriter", path: Path) -> Path:
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path
