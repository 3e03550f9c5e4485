"""What rows of a batch have in common at their beginning is computed once.

Chats of one task begin alike: the same system prompt, often the same question. In a causal model
the state of a token depends on the tokens up to it and on nothing else, so the tokens of a batch
form a tree, and each node needs to be computed once, whichever rows it stands in. Linear layers,
norms and activations run on the nodes; attention runs on the rows, to which the nodes are spread
out just before it. Exact: the same sums, and gradients of all rows meet in their common nodes.

Works on rows that `attention.flatten` puts into one, and changes nothing outside: the decoder takes
and gives whole rows.

This module imports torch at its top: it is itself imported only when training starts.
"""

from collections.abc import Sequence
from functools import partial
from typing import Any

import torch  # noqa: TID253

from kamerton.develop.training.attention import DOCUMENTS

SHARED = "documents_sharing_beginnings"
"""The name of this attention in transformers' AttentionInterface."""
_WORTH = 0.98
"""Share of the tokens from which on spreading them out costs more than it saves."""
_OF, _FIRST = "node_of_token", "token_of_node"


def use(model: Any) -> bool:
    """Share common beginnings in `model`, which attends within documents already; whether it will.

    Not where a layer draws random numbers: rows that share a token would share its dropout.
    """
    from transformers import AttentionInterface, AttentionMaskInterface

    base = model.get_base_model() if hasattr(model, "get_base_model") else model
    decoder = base.get_decoder()
    if base.config._attn_implementation != DOCUMENTS or _random(model):
        return False
    inner = AttentionInterface()[DOCUMENTS]
    AttentionInterface.register(SHARED, partial(_attend, inner))
    AttentionMaskInterface.register(SHARED, AttentionMaskInterface()[DOCUMENTS])
    base.set_attn_implementation(SHARED)
    decoder.forward = partial(_decode, decoder)
    return True


def undo(model: Any) -> None:
    """Every row for itself again."""
    base = model.get_base_model() if hasattr(model, "get_base_model") else model
    if base.config._attn_implementation == SHARED:
        del base.get_decoder().forward
        base.set_attn_implementation(DOCUMENTS)


def _random(model: Any) -> bool:
    config = model.config.get_text_config()
    drops = [m.p for m in model.modules() if isinstance(m, torch.nn.Dropout)]
    return any(drops) or bool(getattr(config, "attention_dropout", 0.0))


def _decode(decoder: Any, *args: Any, **given: Any) -> Any:
    """The decoder's forward pass, on the nodes of its rows where that is less."""
    ids, ends = given.get("input_ids"), given.get("cu_seq_lens")
    whole = type(decoder).forward
    if args or ends is None or ids is None or len(ids) != 1 or given.get("past_key_values"):
        return whole(decoder, *args, **given)
    of, first = tree(ids[0].tolist(), ends.tolist())
    if len(first) > _WORTH * len(of):
        return whole(decoder, **given)
    nodes, tokens = (torch.tensor(places, device=ids.device) for places in (of, first))
    for name in ("input_ids", "position_ids"):
        given[name] = given[name][:, tokens]
    out = whole(decoder, **given, **{_OF: nodes, _FIRST: tokens})
    out.last_hidden_state = out.last_hidden_state.index_select(1, nodes)
    return out


def tree(ids: Sequence[int], ends: Sequence[int]) -> tuple[list[int], list[int]]:
    """Node of each token, and for each node the first token that it stands for.

    `ids`: tokens of all rows [tokens]; `ends`: where rows end, beginning with 0 [rows + 1].

    >>> tree([5, 6, 7, 5, 6, 8], [0, 3, 6])
    ([0, 1, 2, 0, 1, 3], [0, 1, 2, 5])
    """
    known: dict[tuple[int, int], int] = {}
    of: list[int] = []
    first: list[int] = []
    starts = set(ends)
    for place, token in enumerate(ids):
        before = -1 if place in starts else of[-1]
        node = known.setdefault((before, token), len(first))
        if node == len(first):
            first.append(place)
        of.append(node)
    return of, first


def _attend(
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
    rows = [_spread(states, of) for states in (query, key, value)]
    out, _ = inner(module, *rows, mask, *args, **given)
    return out.index_select(1, first), None


def _spread(states: Any, of: Any) -> Any:
    """[1, heads, nodes, size] to [1, heads, tokens, size]; whole tokens are copied at once."""
    return states.transpose(1, 2).index_select(1, of).transpose(1, 2)
