"""Passes through the model over packed tokens: of prompts behind their nodes, or of any step."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from kamerton.engines.batching.attention import Group, Node, Piece, Prefill
from kamerton.engines.batching.tree import size

Computed = tuple[Any, Any, list[Piece]]
"""Keys and values [layers, 2, K, tokens, D], logits [kept, vocabulary], and the pieces."""


@dataclass
class Counted:
    """What was computed, in tokens and passes."""

    prefilled: int = 0
    generated: int = 0
    passes: int = 0


class Passes:
    """A model, and what it has computed."""

    def __init__(self, model: Any) -> None:
        """`model` as `weights.prepare` gives it."""
        self._model = model
        self.counted = Counted()

    def last(
        self, prompts: Sequence[tuple[int, ...]], paths: Sequence[tuple[Node, ...]]
    ) -> Computed:
        """What of the prompts lies behind their paths, with the logits of each prompt's end."""
        import torch

        tokens, places, pieces, prefill = self._packed(prompts, paths)
        last = torch.tensor([piece.end - 1 for piece in pieces])
        return prefill.kv, self.call(tokens, places, prefill, last), pieces

    def every(
        self, prompts: Sequence[tuple[int, ...]], paths: Sequence[tuple[Node, ...]]
    ) -> Computed:
        """The same with the logits of every token: [tokens, vocabulary]."""
        tokens, places, pieces, prefill = self._packed(prompts, paths)
        return prefill.kv, self.call(tokens, places, prefill, 0), pieces

    def call(self, tokens: list[int], places: list[int], step: Any, keep: Any) -> Any:
        """Logits [kept, vocabulary] of one pass over packed tokens."""
        import torch

        self.counted.passes += 1
        found = self._model(
            input_ids=torch.tensor([tokens]),
            position_ids=torch.tensor([places]),
            use_cache=False,
            logits_to_keep=keep,
            kamerton_step=step,
        )
        return found.logits[0]

    def _packed(
        self, prompts: Sequence[tuple[int, ...]], paths: Sequence[tuple[Node, ...]]
    ) -> tuple[list[int], list[int], list[Piece], Prefill]:
        """What lies behind the paths side by side: tokens, their positions, whose they are."""
        tokens: list[int] = []
        places: list[int] = []
        pieces: list[Piece] = []
        for ids, path in zip(prompts, paths, strict=True):
            known = size(path)
            pieces.append(Piece(len(tokens), len(tokens) + len(ids) - known, path))
            tokens += ids[known:]
            places += range(known, len(ids))
        owners = [(piece.nodes, range(piece.start, piece.end)) for piece in pieces]
        prefill = Prefill(pieces, groups(owners, len(tokens)), self._room_for(len(tokens)))
        self.counted.prefilled += len(tokens)
        return tokens, places, pieces, prefill

    def _room_for(self, tokens: int) -> Any:
        import torch

        config = self._model.config
        heads = config.num_attention_heads
        size = getattr(config, "head_dim", None) or config.hidden_size // heads
        kept = getattr(config, "num_key_value_heads", None) or heads
        return torch.empty(config.num_hidden_layers, 2, kept, tokens, size)


def groups(owners: Sequence[tuple[tuple[Node, ...], range]], count: int) -> list[Group]:
    """Each node with the rows that attend to it, of `count` rows; None where all do."""
    import torch

    rows: dict[int, list[int]] = {}
    nodes: dict[int, Node] = {}
    for path, own in owners:
        for node in path:
            nodes[id(node)] = node
            rows.setdefault(id(node), []).extend(own)
    return [
        (node, None if len(rows[key]) == count else torch.tensor(rows[key]))
        for key, node in nodes.items()
    ]
