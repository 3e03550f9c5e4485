"""A float32 model with our attention and oneDNN's matrices, and passes over packed tokens."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from kamerton.engines.batched import attention
from kamerton.engines.batched.attention import NodeRows, PrefillStep, Segment
from kamerton.engines.batched.kv_cache import PrefixNode, size
from kamerton.engines.weights import float_model

Forward = tuple[Any, Any, list[Segment]]
"""Keys and values [layers, 2, K, tokens, D], logits [kept, vocabulary], and the segments."""
_ROWS = 32
"""Rows of a product for which oneDNN chooses the layout of a matrix: a usual batch."""
_WIDE = ("AVX512", "AVX512_VNNI", "AMX")
"""Processors on which oneDNN was measured to be faster than MKL (docs/decisions/0006)."""


class Unsupported(ValueError):
    """A model that the engine would compute wrongly; the text says which part."""


def load(folder: str, pack: bool = True, adapter: str = "") -> Any:
    """The model of a folder, float32 on the CPU, with an adapter's folder merged into it.

    OSError or ValueError where it is none, `Unsupported` where its attention is not plain or the
    adapter is none that weights take in.
    """
    model = float_model(folder)
    if adapter:
        from peft import PeftModel

        tuned = PeftModel.from_pretrained(model, adapter)
        if not hasattr(tuned.base_model, "merge_and_unload"):
            raise Unsupported(f"an adapter of kind {tuned.active_peft_config.peft_type}")
        model = tuned.merge_and_unload()
    return prepare(model, pack)


def prepare(model: Any, pack: bool = True) -> Any:
    """Give a model our attention and, where that is faster, oneDNN's matrices."""
    from transformers import AttentionInterface

    check(model)
    AttentionInterface.register(attention.NAME, attention.attend)
    model.config._attn_implementation = attention.NAME
    if pack and onednn_pays():
        pack_linear(model)
    return model.eval().requires_grad_(False)


def check(model: Any) -> None:
    """Raises `Unsupported` for what `attention` does not compute: windows, caps, sinks, states."""
    config = model.config
    kinds = set(getattr(config, "layer_types", None) or ["full_attention"])
    if kinds != {"full_attention"}:
        raise Unsupported(f"layers of other kinds than full attention: {', '.join(sorted(kinds))}")
    windowed = getattr(config, "use_sliding_window", True)
    if getattr(config, "sliding_window", None) and windowed:
        raise Unsupported(f"a sliding window of {config.sliding_window} tokens")
    if getattr(config, "attn_logit_softcapping", None):
        raise Unsupported("capped attention logits")
    if not getattr(model, "_supports_attention_backend", False):
        raise Unsupported(f"the attention of {config.model_type} cannot be replaced")


def onednn_pays() -> bool:
    """Whether this processor and this build of torch are of the kind that was measured.

    A fact of the machine, not a race between the two: the same run must give the same bytes.
    """
    import torch

    capability: str = torch.backends.cpu.get_cpu_capability()
    return bool(torch.backends.mkldnn.is_available()) and capability.startswith(_WIDE)


def pack_linear(model: Any) -> int:
    """Lay the matrix of every plain linear layer out as oneDNN wants it; the number of layers.

    The plain matrix is let go: memory stays the same, but for a head that shares the embeddings.
    """
    import torch

    count = 0
    for layer in model.modules():
        if type(layer) is torch.nn.Linear and "forward" not in layer.__dict__:
            weight = layer.weight.detach()
            packed = torch.ops.mkldnn._reorder_linear_weight(weight, _ROWS)
            layer.forward = partial(_product, packed, layer.bias)
            layer.weight = torch.nn.Parameter(weight.new_empty(0), requires_grad=False)
            count += 1
    return count


def _product(packed: Any, bias: Any, x: Any) -> Any:
    import torch

    return torch.ops.mkldnn._linear_pointwise(x, packed, bias, "none", [], "")


@dataclass
class Counts:
    """What was computed, in tokens and passes."""

    prefilled: int = 0
    generated: int = 0
    passes: int = 0


class ModelRunner:
    """A model, and what it has computed."""

    def __init__(self, model: Any) -> None:
        """`model` as `model.prepare` gives it."""
        self._model = model
        self.counts = Counts()

    def prefill(
        self, prompts: Sequence[tuple[int, ...]], paths: Sequence[tuple[PrefixNode, ...]]
    ) -> Forward:
        """What of the prompts lies behind their paths, with the logits of each prompt's end."""
        import torch

        tokens, positions, segments, step = self._pack_prompts(prompts, paths)
        last = torch.tensor([segment.end - 1 for segment in segments])
        return step.kv, self.forward(tokens, positions, step, last), segments

    def prefill_with_all_logits(
        self, prompts: Sequence[tuple[int, ...]], paths: Sequence[tuple[PrefixNode, ...]]
    ) -> Forward:
        """The same with the logits of every token: [tokens, vocabulary]."""
        tokens, positions, segments, step = self._pack_prompts(prompts, paths)
        return step.kv, self.forward(tokens, positions, step, 0), segments

    def forward(self, tokens: list[int], positions: list[int], step: Any, keep: Any) -> Any:
        """Logits [kept, vocabulary] of one pass over packed tokens."""
        import torch

        self.counts.passes += 1
        output = self._model(
            input_ids=torch.tensor([tokens]),
            position_ids=torch.tensor([positions]),
            use_cache=False,
            logits_to_keep=keep,
            kamerton_step=step,
        )
        return output.logits[0]

    def _pack_prompts(
        self, prompts: Sequence[tuple[int, ...]], paths: Sequence[tuple[PrefixNode, ...]]
    ) -> tuple[list[int], list[int], list[Segment], PrefillStep]:
        """What lies behind the paths side by side: tokens, their positions, whose they are."""
        tokens: list[int] = []
        positions: list[int] = []
        segments: list[Segment] = []
        for ids, path in zip(prompts, paths, strict=True):
            cached = size(path)
            segments.append(Segment(len(tokens), len(tokens) + len(ids) - cached, path))
            tokens += ids[cached:]
            positions += range(cached, len(ids))
        owners = [(one.nodes, range(one.start, one.end)) for one in segments]
        node_rows = rows_by_node(owners, len(tokens))
        step = PrefillStep(segments, node_rows, self._empty_kv(len(tokens)))
        self.counts.prefilled += len(tokens)
        return tokens, positions, segments, step

    def _empty_kv(self, tokens: int) -> Any:
        import torch

        config = self._model.config
        heads = config.num_attention_heads
        size = getattr(config, "head_dim", None) or config.hidden_size // heads
        kv_heads = getattr(config, "num_key_value_heads", None) or heads
        return torch.empty(config.num_hidden_layers, 2, kv_heads, tokens, size)


def rows_by_node(
    owners: Sequence[tuple[tuple[PrefixNode, ...], range]], count: int
) -> list[NodeRows]:
    """Each node with the rows that attend to it, of `count` rows; None where all do."""
    import torch

    rows: dict[int, list[int]] = {}
    nodes: dict[int, PrefixNode] = {}
    for path, owned in owners:
        for node in path:
            nodes[id(node)] = node
            rows.setdefault(id(node), []).extend(owned)
    return [
        (node, None if len(rows[key]) == count else torch.tensor(rows[key]))
        for key, node in nodes.items()
    ]
