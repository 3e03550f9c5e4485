"""Models as GGUF, the serving engine's format: quantised, written, and read back.

q4_k_m follows llama.cpp's own mixture: six bits for the tensors that suffer most. gguf-py writes
the simple kinds; the k-quants are computed by the function of the engine's own shared library, so
that nothing is compiled here.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

from kamerton.develop.export import architectures, folders, vocabulary
from kamerton.formats.errors import InputError
from kamerton.formats.language import say
from kamerton.formats.progress import progress

if TYPE_CHECKING:
    import numpy as np
    from gguf import GGUFWriter

Quantisation = Literal["f16", "q8_0", "q4_0", "q4_1", "q4_k_m"]
_K = {"Q4_K": 12, "Q6_K": 14}
"""The engine's numbers of the kinds that only its library computes."""
_NARROW = {"Q4_K": "Q5_0", "Q6_K": "Q8_0"}
"""What llama.cpp takes where a row does not fill blocks of 256."""
LARGEST_ERROR = {
    "F32": 0.0,
    "F16": 2e-3,
    "Q8_0": 0.03,
    "Q6_K": 0.06,
    "Q5_0": 0.15,
    "Q4_0": 0.3,
    "Q4_1": 0.3,
    "Q4_K": 0.3,
}
"""How far a tensor may be from what it was, root mean square over root mean square: three times
what normally distributed weights lose. Rows in another order are 1.4 away."""
_FILE_TYPES = {"f16": 1, "q8_0": 7, "q4_0": 2, "q4_1": 3, "q4_k_m": 15}
"""The engine's numbers for whole files of a kind."""
_FUNCTION = "ggml_quantize_chunk"
_OUTER = {"token_embd.weight", "output.weight"}


def write_model(model: Any, tokenizer: Any, template: str, quantisation: str, path: Path) -> None:
    """Write a model [weights float32] with its vocabulary and chat template, whole or not at all.

    Matrices are quantised as `quantisation` says, norms and biases stay float32. InputError for
    what the engine does not compute, and for embeddings that should be tied and are not.
    """
    config = model.config
    folders.check_tied(model)
    # A tied output layer is the embedding under its second name.
    spare = {"lm_head.weight"} if config.tie_word_embeddings else set()
    weights = {key: values for key, values in model.state_dict().items() if key not in spare}
    with (
        writing(path, architectures.of(config).engine) as writer,
        progress(say("develop.exporting"), len(weights)) as bar,
    ):
        _add_config(writer, config, quantisation)
        architectures.add_rope(writer, config)
        vocabulary.add(writer, tokenizer, template, config.vocab_size)
        for key, values in weights.items():
            name = architectures.tensor(key, config)
            ordered = architectures.to_engine(name, values.float().numpy(), config)
            _add_tensor(writer, name, ordered, quantisation, config)
            bar.update()


@dataclass(frozen=True)
class Weights:
    """The parameters of a model by their names, kept while adapters are put around its layers."""

    parameters: Mapping[str, Any]
    config: Any

    @contextmanager
    def as_stored(self, path: Path) -> Iterator[None]:
        """The model has the weights that the file holds, quantised and back, in this block.

        What is compared then differs from the engine by the engine's arithmetic alone.
        InputError where a tensor is farther from the trained one than rounding explains: the
        engine would be right about the wrong model.
        """
        import torch
        from gguf import GGUFReader, quants

        kept = {key: parameter.data for key, parameter in self.parameters.items()}
        stored = {tensor.name: tensor for tensor in GGUFReader(path).tensors}
        try:
            for key, parameter in self.parameters.items():
                name = architectures.tensor(key, self.config)
                values = quants.dequantize(stored[name].data, stored[name].tensor_type)
                values = architectures.to_engine(name, values, self.config, back=True)
                parameter.data = torch.from_numpy(values.copy()).reshape(kept[key].shape)
                bound = LARGEST_ERROR[stored[name].tensor_type.name]
                length = kept[key].norm().clamp(min=1e-30)
                error = float((parameter.data - kept[key]).norm() / length)
                if not error <= bound:
                    figures = {"error": error, "bound": bound}
                    raise InputError("develop.export_weights", where=f"{path}:{name}", **figures)
            yield
        finally:
            for key, parameter in self.parameters.items():
                parameter.data = kept[key]


def weights(model: Any) -> Weights:
    """A model's parameters; an embedding that is the output layer too is one of them."""
    return Weights(dict(model.named_parameters()), model.config)


def _add_tensor(
    writer: "GGUFWriter", name: str, values: "np.ndarray", quantisation: str, config: Any
) -> None:
    from gguf import GGMLQuantizationType

    if values.ndim == 1:
        writer.add_tensor(name, values)
        return
    tied, layers = bool(config.tie_word_embeddings), int(config.num_hidden_layers)
    form = kind(name, values.shape[-1], quantisation, tied, layers)
    blocks = quantised(values, form)
    writer.add_tensor(name, blocks, raw_dtype=GGMLQuantizationType[form])


def _add_config(writer: "GGUFWriter", config: Any, quantisation: str) -> None:
    size = architectures.head_size(config)
    width = architectures.window(config)
    writer.add_type("model")
    writer.add_file_type(_FILE_TYPES[quantisation])
    writer.add_quantization_version(2)
    writer.add_block_count(config.num_hidden_layers)
    positions = config.max_position_embeddings
    writer.add_context_length(min(positions, width) if width else positions)
    writer.add_embedding_length(config.hidden_size)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_key_length(size)
    writer.add_value_length(size)
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    writer.add_vocab_size(config.vocab_size)


@contextmanager
def writing(path: Path, architecture: str) -> Iterator["GGUFWriter"]:
    """A writer of a file beside `path`, which takes its place once it is whole."""
    from gguf import GGUFWriter

    fresh = path.with_suffix(".new")
    writer = GGUFWriter(fresh, architecture)
    yield writer
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    fresh.replace(path)


def check_quantisation(quantisation: str) -> None:
    """InputError where this machine cannot write that kind, before anything is computed."""
    if quantisation == "q4_k_m" and _library() is None:
        others = ", ".join(q for q in get_args(Quantisation) if q != quantisation)
        raise InputError("develop.export_no_k_quants", quantisation=quantisation, others=others)


def kind(name: str, columns: int, quantisation: str, tied: bool, layers: int) -> str:
    """The kind of the matrix `name` with rows of `columns` values.

    The embedding of a tied model is its output layer too, and is kept at eight bits (six in
    q4_k_m, as llama.cpp does).
    """
    if quantisation == "f16":
        return "F16"
    if quantisation == "q4_k_m":
        wanted = _mixture(name, tied, layers)
        wanted = wanted if columns % 256 == 0 else _NARROW[wanted]
    else:
        wanted = "Q8_0" if name in _OUTER else quantisation.upper()
    return wanted if columns % 32 == 0 else "F16"  # blocks of 32 do not fit


def _mixture(name: str, tied: bool, layers: int) -> str:
    """llama.cpp's Q4_K_M: V and `ffn_down` finer in the first, the last and each third layer."""
    if name == "output.weight" or (tied and name == "token_embd.weight"):
        return "Q6_K"
    if not name.endswith(("attn_v.weight", "ffn_down.weight")):
        return "Q4_K"
    layer, eighth = int(name.split(".")[1]), layers // 8
    finer = layer < eighth or layer >= 7 * layers // 8 or (layer - eighth) % 3 == 2
    return "Q6_K" if finer else "Q4_K"


def quantised(values: "np.ndarray", kind: str) -> "np.ndarray":
    """Values [rows, columns] float32 as blocks of `kind` [rows, bytes], or float16."""
    from gguf import GGMLQuantizationType, quants

    if kind in _K:
        return _by_library(values, kind)
    blocks: np.ndarray = quants.quantize(values, GGMLQuantizationType[kind])
    return blocks


def _by_library(values: "np.ndarray", kind: str) -> "np.ndarray":
    import ctypes

    import numpy as np
    from gguf import GGMLQuantizationType, quants

    library = _library()
    assert library is not None, "check_quantisation() comes first"
    source = np.ascontiguousarray(values, np.float32)
    rows, columns = source.shape
    shape = quants.quant_shape_to_byte_shape(source.shape, GGMLQuantizationType[kind])
    blocks = np.zeros(shape, np.uint8)
    function = getattr(library, _FUNCTION)
    function.restype = ctypes.c_size_t
    counts = (ctypes.c_int64(0), ctypes.c_int64(rows), ctypes.c_int64(columns))
    places = (ctypes.c_void_p(source.ctypes.data), ctypes.c_void_p(blocks.ctypes.data))
    written = function(ctypes.c_int(_K[kind]), *places, *counts, None)
    if written != blocks.nbytes:
        raise RuntimeError(f"{_FUNCTION} wrote {written} bytes of {blocks.nbytes}")
    return blocks


def _library() -> Any:
    """The engine's shared library, where it lets others call its quantisation."""
    import ctypes

    import xllamacpp.xllamacpp as engine

    library = ctypes.CDLL(engine.__file__)
    return library if hasattr(library, _FUNCTION) else None
