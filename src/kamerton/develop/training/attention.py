"""Several documents in one row without padding, and their shared prefixes computed once.

A batch is flattened into one row of all its tokens; positions restart with each document. Every
layer but attention works on tokens alone; attention runs causally for each document apart, so no
mask of length times length is made and no token is padding. Exact: the same sums as for each
document alone. (transformers' own way for such rows on a CPU is a dense mask; without it plain
attention leaks between documents: axolotl PR#3796, trl PR#3526.)

Chats of one task share prefixes: the same system prompt, often the same question. In a causal
model the state of a token depends on the tokens up to it only, so the tokens of a batch form a
tree whose nodes are computed once. Linear layers, norms and activations run on the nodes; just
before attention the nodes are spread out to the rows. Exact too: gradients of all rows meet in
their shared nodes. The decoder still takes and gives whole rows.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from kamerton.formats.errors import InputError

DOCUMENTS, SHARED = "documents", "documents_sharing_prefixes"
"""Names in transformers' AttentionInterface: within documents, and with shared prefixes."""
_KNOWN_LAYERS = {"full_attention", "sliding_attention"}
_BOUNDARIES = ("cu_seq_lens", "cu_seq_lens_q")
_WORTH = 0.98
"""Share of nodes among the tokens above which spreading them out costs more than it saves."""
_OF, _FIRST = "node_of_token", "token_of_node"


def whole(model: Any) -> Any:
    """The causal language model itself, without what peft wraps around it."""
    return model.get_base_model() if hasattr(model, "get_base_model") else model


def use(model: Any, longest: int) -> None:
    """Make `model` attend within documents only; no document may be longer than `longest` tokens.

    Works with the padded rows of evaluation and with `generate` too. InputError, before anything
    is changed, where the architecture would not be exact: another attention than the causal one
    over all earlier tokens, or one that does not come through transformers' AttentionInterface.
    """
    from transformers import AttentionInterface, AttentionMaskInterface

    base = whole(model)
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
    AttentionInterface.register(DOCUMENTS, _attend)
    AttentionMaskInterface.register(DOCUMENTS, _mask)
    base.set_attn_implementation(DOCUMENTS)


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
        options = {name: kwargs[name] for name in ("is_causal", "position_bias") if name in kwargs}
        out, _ = sdpa_attention_forward(
            module, query, key, value, attention_mask, dropout, scaling, **options
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

    bounds = next((kwargs[name] for name in _BOUNDARIES if kwargs.get(name) is not None), None)
    if bounds is not None:
        lengths: list[int] = bounds.diff().tolist()
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


def share_prefixes(model: Any) -> bool:
    """Compute shared prefixes once in `model`, where `use` is in force; gives whether it will.

    Not where a layer draws random numbers: rows that share a token would share its dropout.
    """
    from torch.nn import Dropout
    from transformers import AttentionInterface, AttentionMaskInterface

    base = whole(model)
    decoder = base.get_decoder()
    random = any(m.p for m in model.modules() if isinstance(m, Dropout)) or bool(
        getattr(model.config.get_text_config(), "attention_dropout", 0.0)
    )
    if base.config._attn_implementation != DOCUMENTS or random:
        return False
    inner = AttentionInterface()[DOCUMENTS]
    AttentionInterface.register(SHARED, partial(_attend_nodes, inner))
    AttentionMaskInterface.register(SHARED, AttentionMaskInterface()[DOCUMENTS])
    base.set_attn_implementation(SHARED)
    decoder.forward = partial(_decode, decoder)
    return True


def unshare_prefixes(model: Any) -> None:
    """Undo `share_prefixes`: every row is computed by itself again."""
    base = whole(model)
    if base.config._attn_implementation == SHARED:
        del base.get_decoder().forward
        base.set_attn_implementation(DOCUMENTS)


def _decode(decoder: Any, *args: Any, **given: Any) -> Any:
    """The decoder's forward pass, on the nodes of its rows where that is less."""
    import torch

    ids, ends = given.get("input_ids"), given.get("cu_seq_lens")
    forward = type(decoder).forward
    if args or ends is None or ids is None or len(ids) != 1 or given.get("past_key_values"):
        return forward(decoder, *args, **given)
    of, first = tree(ids[0].tolist(), ends.tolist())
    if len(first) > _WORTH * len(of):
        return forward(decoder, **given)
    nodes, tokens = (torch.tensor(places, device=ids.device) for places in (of, first))
    for name in ("input_ids", "position_ids"):
        given[name] = given[name][:, tokens]
    out = forward(decoder, **given, **{_OF: nodes, _FIRST: tokens})
    out.last_hidden_state = out.last_hidden_state.index_select(1, nodes)
    return out


def tree(ids: Sequence[int], ends: Sequence[int]) -> tuple[list[int], list[int]]:
    """Node of each token, and for each node the first token that it stands for.

    `ids`: tokens of all rows [tokens]; `ends`: where rows end, beginning with 0 [rows + 1].

    >>> tree([5, 6, 7, 5, 6, 8], [0, 3, 6])
    ([0, 1, 2, 0, 1, 3], [0, 1, 2, 5])
    """
    nodes: dict[tuple[int, int], int] = {}
    of: list[int] = []
    first: list[int] = []
    starts = set(ends)
    for place, token in enumerate(ids):
        before = -1 if place in starts else of[-1]
        node = nodes.setdefault((before, token), len(first))
        if node == len(first):
            first.append(place)
        of.append(node)
    return of, first


def _attend_nodes(
    inner: Any, module: Any, query: Any, key: Any, value: Any, mask: Any, *args: Any, **given: Any
) -> tuple[Any, None]:
    """Attention of the rows that nodes stand for; query [1, heads, nodes, size].

    Gives [1, nodes, heads, size]; without nodes what the attention underneath gives.
    """
    of, first = given.pop(_OF, None), given.pop(_FIRST, None)
    if of is None:
        return inner(module, query, key, value, mask, *args, **given)  # type: ignore[no-any-return]
    # Positions are those of nodes; where rows end is known from cu_seq_lens.
    given.pop("position_ids", None)
    # Whole tokens are copied at once: [1, heads, nodes, size] to [1, heads, tokens, size].
    rows = [x.transpose(1, 2).index_select(1, of).transpose(1, 2) for x in (query, key, value)]
    out, _ = inner(module, *rows, mask, *args, **given)
    return out.index_select(1, first), None
