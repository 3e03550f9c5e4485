"""Several documents in one row, without padding and without seeing each other.

A batch is flattened into one row of all its tokens; positions begin anew with each document. Every
layer but attention works on tokens alone; attention runs causally for each document apart, so no
mask of length times length is ever made and no token is padding. Exact: the same sums as for each
document alone. (transformers' own way for such rows on a CPU is a dense mask; without it plain
attention leaks between documents: axolotl PR#3796, trl PR#3526.)
"""

from collections.abc import Callable, Sequence
from typing import Any

from kamerton.formats.errors import InputError

DOCUMENTS = "documents"
"""The name of this attention in transformers' AttentionInterface."""
_KNOWN_LAYERS = {"full_attention", "sliding_attention"}
_BOUNDARIES = ("cu_seq_lens", "cu_seq_lens_q")


def use(model: Any, longest: int) -> None:
    """Make `model` attend within documents only; no document may be longer than `longest` tokens.

    Works with the padded rows of evaluation and with `generate` too. InputError, before anything
    is changed, where the architecture would not be exact: another attention than the causal one
    over all earlier tokens, or one that does not come through transformers' AttentionInterface.
    """
    base = model.get_base_model() if hasattr(model, "get_base_model") else model
    config = base.config.get_text_config()
    name = config.model_type
    if not (base._supports_sdpa and base._can_set_attn_implementation()):
        raise InputError("develop.training_no_documents", architecture=name)
    if set(getattr(config, "layer_types", None) or []) - _KNOWN_LAYERS:
        raise InputError("develop.training_no_documents", architecture=name)
    window = getattr(config, "sliding_window", None)
    if window is not None and longest > window:
        raise InputError(
            "develop.training_window", architecture=name, window=window, longest=longest
        )
    _register()
    base.set_attn_implementation(DOCUMENTS)


def _register() -> None:
    from transformers import AttentionInterface, AttentionMaskInterface

    AttentionInterface.register(DOCUMENTS, _attend)
    AttentionMaskInterface.register(DOCUMENTS, _mask)


def _mask(*args: Any, attention_mask: Any = None, **kwargs: Any) -> Any:
    """No mask for rows without padding or cache; else the mask of scaled-dot-product attention."""
    from transformers.masking_utils import sdpa_mask

    without_cache = kwargs.get("q_offset", 0) == 0 and kwargs["q_length"] == kwargs["kv_length"]
    if attention_mask is None and without_cache:
        return None
    return sdpa_mask(*args, attention_mask=attention_mask, **kwargs)


def _attend(
    module: Any,
    query: Any,
    key: Any,
    value: Any,
    attention_mask: Any,
    dropout: float = 0.0,
    scaling: float | None = None,
    **kwargs: Any,
) -> tuple[Any, None]:
    """Causal attention; query [rows, heads, length, size] to [rows, length, heads, size].

    Where documents end is read from `cu_seq_lens` (over the flattened rows, as the interface of
    FlashAttention has it), else from `position_ids` [rows, length], which begin anew.
    """
    from transformers.integrations.sdpa_attention import sdpa_attention_forward

    rows, _, length, _ = query.shape
    lengths = [length] * rows
    if attention_mask is None and key.shape[2] == length:
        lengths = _lengths(kwargs, rows, length)
    if lengths == [length] * rows:
        known = {name: kwargs[name] for name in ("is_causal", "position_bias") if name in kwargs}
        out, _ = sdpa_attention_forward(
            module, query, key, value, attention_mask, dropout, scaling, **known
        )
        return out, None
    flat = [states.transpose(1, 2).flatten(0, 1) for states in (query, key, value)]
    return _each(flat, lengths, dropout, scaling).unflatten(0, (rows, length)), None


def _each(states: list[Any], lengths: list[int], dropout: float, scaling: float | None) -> Any:
    """Attention of each document; `states`: query, key and value, each [tokens, heads, size].

    `split`, not slices: its backward is one concatenation, that of a slice fills a whole tensor.
    """
    import torch
    from torch.nn.functional import scaled_dot_product_attention

    parts = [one.transpose(0, 1).unsqueeze(0).split(lengths, dim=2) for one in states]
    grouped = states[0].shape[1] != states[1].shape[1]
    out = [
        scaled_dot_product_attention(
            q, k, v, dropout_p=dropout, scale=scaling, is_causal=True, enable_gqa=grouped
        )
        for q, k, v in zip(*parts, strict=True)
    ]
    return torch.cat(out, dim=2).squeeze(0).transpose(0, 1)


def _lengths(kwargs: dict[str, Any], rows: int, length: int) -> list[int]:
    """Tokens of each document, in the order of the flattened rows; no document spans two rows."""
    import torch

    given = next((kwargs[name] for name in _BOUNDARIES if kwargs.get(name) is not None), None)
    if given is not None:
        lengths: list[int] = given.diff().tolist()
        if sum(lengths) != rows * length:  # tokens were put in: virtual ones of a soft prompt
            raise ValueError(f"cu_seq_lens end at {sum(lengths)}, there are {rows * length} tokens")
        return lengths
    positions = kwargs.get("position_ids")
    if positions is None:
        return [length] * rows
    positions = positions.expand(rows, length)  # one row of them may stand for all
    breaks = positions.diff(dim=1, prepend=positions[:, :1]) != 1
    breaks[:, 0] = True
    starts = breaks.flatten().nonzero().flatten()
    ends = torch.tensor([rows * length], device=starts.device)
    return starts.diff(append=ends).tolist()  # type: ignore[no-any-return]


def flatten(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """One row of all tokens of `rows`, each {"input_ids", and "supervised" where there is one}.

    Gives input_ids, position_ids and supervised, each [1, total], and cu_seq_lens [rows + 1]. The
    first token of a row is no target: what stands before it here is another row.
    """
    import torch

    lengths = [len(row["input_ids"]) for row in rows]
    learnt = [row.get("supervised") or [True] * n for row, n in zip(rows, lengths, strict=True)]
    targets = [bool(value) and place > 0 for row in learnt for place, value in enumerate(row)]
    ids = [int(token) for row in rows for token in row["input_ids"]]
    positions = [place for n in lengths for place in range(n)]
    ends = torch.tensor([0, *lengths], dtype=torch.int32).cumsum(0, dtype=torch.int32)
    return {
        "input_ids": torch.tensor([ids]),
        "position_ids": torch.tensor([positions]),
        "supervised": torch.tensor([targets]),
        "cu_seq_lens": ends,
    }


def packed_logits(model: Any) -> Callable[[Sequence[Sequence[int]]], Any]:
    """Logits [tokens, vocabulary] of documents that share one flattened row, for `checks`."""

    def logits(documents: Sequence[Sequence[int]]) -> Any:
        batch = flatten([{"input_ids": list(ids)} for ids in documents])
        batch.pop("supervised")
        return model(**batch, use_cache=False).logits[0]

    return logits
