"""Models as GGUF, the serving engine's format, and their weights read back."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kamerton.develop.export import architectures, merge, quantise, rope, vocabulary
from kamerton.formats.errors import InputError
from kamerton.formats.language import say
from kamerton.formats.progress import progress

if TYPE_CHECKING:
    import numpy as np
    from gguf import GGUFWriter


def write_model(model: Any, tokenizer: Any, template: str, quantisation: str, path: Path) -> None:
    """Write a model [weights float32] with its vocabulary and chat template, whole or not at all.

    Matrices are quantised as `quantisation` says, norms and biases stay float32. InputError for
    what the engine does not compute, and for embeddings that should be tied and are not.
    """
    config = model.config
    merge.check_tied(model)
    weights = {key: values for key, values in model.state_dict().items() if not _spare(key, config)}
    with (
        writing(path, architectures.of(config).engine) as writer,
        progress(say("develop.exporting"), len(weights)) as bar,
    ):
        _add_config(writer, config, quantisation)
        rope.add(writer, config)
        vocabulary.add(writer, tokenizer, template, config.vocab_size)
        for key, values in weights.items():
            name = architectures.tensor(key, config)
            ordered = architectures.to_engine(name, values.float().numpy(), config)
            _add_tensor(writer, name, ordered, quantisation, config)
            bar.update()


def _spare(key: str, config: Any) -> bool:
    """Whether a tensor is the embedding under its second name."""
    return key == "lm_head.weight" and bool(config.tie_word_embeddings)


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
        from gguf import GGUFReader

        kept = {key: parameter.data for key, parameter in self.parameters.items()}
        stored = {tensor.name: tensor for tensor in GGUFReader(path).tensors}
        try:
            for key, parameter in self.parameters.items():
                name = architectures.tensor(key, self.config)
                parameter.data = _values(stored[name], name, self.config, kept[key])
                _near(parameter.data, kept[key], stored[name].tensor_type.name, f"{path}:{name}")
            yield
        finally:
            for key, parameter in self.parameters.items():
                parameter.data = kept[key]


def _near(stored: Any, trained: Any, kind: str, where: str) -> None:
    """InputError where a tensor is not the trained one, rounded to its kind of blocks."""
    bound = quantise.LARGEST_ERROR[kind]
    error = float((stored - trained).norm() / trained.norm().clamp(min=1e-30))
    if not error <= bound:
        raise InputError("develop.export_weights", where=where, error=error, bound=bound)


def weights(model: Any) -> Weights:
    """A model's parameters; an embedding that is the output layer too is one of them."""
    return Weights(dict(model.named_parameters()), model.config)


def _values(stored: Any, name: str, config: Any, like: Any) -> Any:
    """A tensor of a file as float32, in Hugging Face's order and the shape of `like`."""
    import torch
    from gguf import quants

    values = quants.dequantize(stored.data, stored.tensor_type)
    ordered = architectures.from_engine(name, values, config)
    return torch.from_numpy(ordered.copy()).reshape(like.shape)


def _add_tensor(
    writer: "GGUFWriter", name: str, values: "np.ndarray", quantisation: str, config: Any
) -> None:
    from gguf import GGMLQuantizationType

    if values.ndim == 1:
        writer.add_tensor(name, values)
        return
    tied, layers = bool(config.tie_word_embeddings), int(config.num_hidden_layers)
    kind = quantise.kind(name, values.shape[-1], quantisation, tied, layers)
    blocks = quantise.quantised(values, kind)
    writer.add_tensor(name, blocks, raw_dtype=GGMLQuantizationType[kind])


def _add_config(writer: "GGUFWriter", config: Any, quantisation: str) -> None:
    size = architectures.head_size(config)
    width = architectures.window(config)
    writer.add_type("model")
    writer.add_file_type(quantise.file_type(quantisation))
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
