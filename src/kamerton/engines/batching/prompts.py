"""Prompts that wait, and those computed for answers that are yet to begin."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from kamerton.engines.batching.attention import Node
from kamerton.engines.batching.passes import Passes
from kamerton.engines.batching.requests import Ticket
from kamerton.engines.batching.tree import Tree, size, worth

_PACK = 512
"""Prompt tokens that one prefill computes together, where there are several prompts."""
_LOOK = 64
"""Other prompts among which a common beginning is looked for."""


@dataclass(eq=False)
class Prompt:
    """A prompt that was computed, for one or several answers that begin from it."""

    nodes: tuple[Node, ...]
    kv: Any
    """[layers, 2, K, own tokens, D]"""
    logits: Any
    """[vocabulary]: of the first token of the answer."""
    tickets: list[Ticket]


class Prompts:
    """Each prompt is computed once for all its answers, behind what it shares with others."""

    def __init__(self, passes: Passes) -> None:
        """`passes` computes them."""
        self._passes, self._tree = passes, Tree()
        self._waiting: list[Ticket] = []
        self._sorted = True
        self._computed: list[Prompt] = []
        self._recent: list[tuple[int, ...]] = []

    def add(self, ticket: Ticket) -> None:
        """Take a request in."""
        self._waiting.append(ticket)
        self._sorted = False

    @property
    def busy(self) -> bool:
        """Whether an answer is yet to begin."""
        return bool(self._waiting or self._computed)

    def drop_gone(self) -> None:
        """Forget requests that nobody waits for any more."""
        self._waiting = [ticket for ticket in self._waiting if not ticket.gone()]
        for prompt in self._computed:
            prompt.tickets = [ticket for ticket in prompt.tickets if not ticket.gone()]
        self._computed = [prompt for prompt in self._computed if prompt.tickets]

    def compute(self, free: int) -> None:
        """Compute prompts for the `free` slots, unless there are computed ones left."""
        if free and self._waiting and not self._computed:
            self._prefill(self._next(free))

    def take(self) -> tuple[Ticket, Prompt] | None:
        """The next answer to begin, and the prompt before it; None where no prompt is computed."""
        if not self._computed:
            return None
        prompt = self._computed[0]
        ticket = prompt.tickets.pop(0)
        if not prompt.tickets:
            self._computed.pop(0)
        return ticket, prompt

    def _next(self, free: int) -> dict[tuple[int, ...], list[Ticket]]:
        """The prompts to compute now with all answers to them: enough for the free slots."""
        if not self._sorted:
            self._waiting.sort(key=_expected, reverse=True)
            self._sorted = True
        chosen: dict[tuple[int, ...], list[Ticket]] = {}
        wanted = tokens = 0
        for ticket in self._waiting:
            ids = ticket.request.ids
            if ids not in chosen:
                own = len(ids) - size(self._tree.path(ids))
                if chosen and (wanted >= free or tokens + own > _PACK):
                    continue
                chosen[ids], tokens = [], tokens + own
            chosen[ids].append(ticket)
            wanted += 1
        self._waiting = [ticket for ticket in self._waiting if ticket.request.ids not in chosen]
        return chosen

    def _prefill(self, chosen: dict[tuple[int, ...], list[Ticket]]) -> None:
        """Compute prompts behind their nodes, which are made first where they are worth it."""
        self._recent = [*self._recent, *chosen][-_LOOK:]
        others = [*self._recent, *(t.request.ids for t in self._waiting[:_LOOK])]
        for ids in chosen:
            self._grow_tree(ids, others)
        paths = [self._tree.path(ids) for ids in chosen]
        kv, logits, pieces = self._passes.last(list(chosen), paths)
        for piece, row, tickets in zip(pieces, logits, chosen.values(), strict=True):
            own = kv[..., piece.start : piece.end, :]
            self._computed.append(Prompt(piece.nodes, own, row, tickets))

    def _grow_tree(self, ids: tuple[int, ...], others: Sequence[tuple[int, ...]]) -> None:
        path = self._tree.path(ids)
        known = size(path)
        upto = worth(ids, known, others)
        if upto > known:
            kv, _, _ = self._passes.last([ids[:upto]], [path])
            self._tree.add(path, Node(ids[known:upto], known, kv))


def _expected(ticket: Ticket) -> tuple[int, int]:
    """Longest answers first; where nobody knows, those to the longest prompts."""
    request = ticket.request
    most = request.sampling.max_tokens
    return min(most, request.expected or most), len(request.ids)
