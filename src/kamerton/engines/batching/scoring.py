"""The log-probability of every token of a prompt, with what prompts have in common computed once.

A node keeps the scores of its tokens. The first token behind a node is scored by the logits of the
node's last token, which nobody kept: so that token is computed once more, behind the node without
it. Float32 throughout; a long text goes through the model in pieces, so that the logits of a whole
vocabulary for each token never fill the memory.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from kamerton.engines.batching.attention import Node, Piece
from kamerton.engines.batching.passes import Computed
from kamerton.engines.batching.requests import Score, Scored
from kamerton.engines.batching.tree import LEAST, Tree, common, size, worth

_PACK = 512
"""Tokens that one pass computes."""
_LOGITS = 2**26
"""Logits that one pass gives at most: 256 MiB."""
_FEWEST = 64
_LOOK = 64
"""Other prompts among which a common beginning is looked for."""
Told = Callable[[Scored], None]
Path = tuple[Node, ...]
Pass = Callable[[Sequence[tuple[int, ...]], Sequence[Path]], Computed]
"""Prompts and their paths to a pass with the logits of every token."""


@dataclass(eq=False)
class Wanted:
    """A prompt that is to be scored."""

    ids: tuple[int, ...]
    """At least one."""
    told: Told
    gone: Callable[[], bool] = lambda: False
    """Whether nobody waits for it any more."""


@dataclass(frozen=True)
class _Own:
    """What was computed of a prompt behind its path."""

    scores: tuple[Score | None, ...]
    following: Score
    kv: Any
    """[layers, 2, K, own tokens, D]"""


class Scoring:
    """Scores many prompts; neighbours in the order of their tokens go together."""

    def __init__(self, run: Pass, vocabulary: int) -> None:
        """`run` is a pass through the model that gives the logits of every token."""
        self._run = run
        self._pack = min(_PACK, max(_FEWEST, _LOGITS // vocabulary))
        self._tree = Tree()
        self._waiting: list[Wanted] = []
        self._recent: list[tuple[int, ...]] = []
        self._sorted = True

    def add(self, wanted: Wanted) -> None:
        """Take a prompt in."""
        self._waiting.append(wanted)
        self._sorted = False

    @property
    def busy(self) -> bool:
        """Whether there is anything to score."""
        return bool(self._waiting)

    def step(self) -> None:
        """Score the next few prompts, if there are any, and tell of each."""
        self._waiting = [one for one in self._waiting if not one.gone()]
        if not self._waiting:
            return
        chosen = self._next()
        self._recent = [*self._recent, *chosen][-_LOOK:]
        others = [*self._recent, *(one.ids for one in self._waiting[:_LOOK])]
        for ids in chosen:
            self._grow(ids, others)
        paths = [self._in_reach(ids, self._tree.path(ids)) for ids in chosen]
        owns = self._behind(list(chosen), paths)
        for (ids, those), path, own in zip(chosen.items(), paths, owns, strict=True):
            before = tuple(score for node in path for score in node.scores)
            for one in those:
                one.told(Scored(ids, before + own.scores, own.following))

    def _next(self) -> dict[tuple[int, ...], list[Wanted]]:
        """The prompts of one pass, each with all who want it."""
        if not self._sorted:
            # In the order of their tokens, prompts with a common beginning are neighbours.
            self._waiting.sort(key=lambda one: one.ids)
            self._sorted = True
        chosen: dict[tuple[int, ...], list[Wanted]] = {}
        before: tuple[int, ...] = ()
        tokens = taken = 0
        for one in self._waiting:
            if one.ids not in chosen:
                tokens += self._fresh(one.ids, before)
                if chosen and tokens > self._pack:
                    break
                chosen[one.ids], before = [], one.ids
            chosen[one.ids].append(one)
            taken += 1
        self._waiting = self._waiting[taken:]
        return chosen

    def _fresh(self, ids: tuple[int, ...], before: tuple[int, ...]) -> int:
        """How many tokens are to be computed for a prompt that goes with the one before it."""
        shared = common(ids, before)
        return len(ids) - max(size(self._tree.path(ids)), shared if shared >= LEAST else 0)

    def _grow(self, ids: tuple[int, ...], others: Sequence[tuple[int, ...]]) -> None:
        """Give a prompt all nodes that are worth it: worked examples, then the question."""
        path = self._tree.path(ids)
        while (upto := worth(ids, size(path), others)) > size(path):
            for node in self._nodes(ids, path, upto):
                self._tree.add(path, node)
                path = (*path, node)

    def _in_reach(self, ids: tuple[int, ...], path: Path) -> Path:
        """The path with nodes of its own for a long text, so that one pass is left of it."""
        upto = size(path)
        while len(ids) - upto > self._pack:
            upto += self._pack
        return (*path, *self._nodes(ids, path, upto))

    def _nodes(self, ids: tuple[int, ...], path: Path, upto: int) -> list[Node]:
        """Nodes from a path up to a token, none longer than one pass; in no tree yet."""
        found: list[Node] = []
        known = size(path)
        while known < upto:
            end = min(known + self._pack, upto)
            (own,) = self._behind([ids[:end]], [(*path, *found)])
            found.append(Node(ids[known:end], known, own.kv, scores=own.scores))
            known = end
        return found

    def _behind(self, prompts: Sequence[tuple[int, ...]], paths: Sequence[Path]) -> list[_Own]:
        """One pass over what of the prompts lies behind their paths."""
        import torch

        kv, logits, pieces = self._run(prompts, [shortened(path) for path in paths])
        found = torch.log_softmax(logits.float(), -1)
        best = found.max(-1)
        tops = list(zip(best.indices.tolist(), best.values.tolist(), strict=True))
        return [
            _own(ids, size(path), piece, kv, found, tops)
            for ids, path, piece in zip(prompts, paths, pieces, strict=True)
        ]


def _own(
    ids: tuple[int, ...],
    known: int,
    piece: Piece,
    kv: Any,
    found: Any,
    tops: Sequence[tuple[int, float]],
) -> _Own:
    """The part of one piece; `found` [tokens, vocabulary] and `tops` are those of the pass."""
    import torch

    # The row of a token has the logits of the one behind it.
    first = len(ids) - (piece.end - piece.start)
    targets = torch.tensor(ids[first + 1 :], dtype=torch.long)
    rows = range(piece.start, piece.end - 1)
    told = found[piece.start : piece.end - 1].gather(-1, targets[:, None])[:, 0].tolist()
    scores = tuple(Score(one, *tops[row]) for one, row in zip(told, rows, strict=True))
    last, log_prob = tops[piece.end - 1]
    return _Own(
        scores if known else (None, *scores),
        Score(log_prob, last, log_prob),
        kv[..., piece.start + known - first : piece.end, :],
    )


def shortened(path: Path) -> Path:
    """A path without its last token; who goes behind it computes that token again."""
    if not path:
        return ()
    last = path[-1]
    if len(last.ids) == 1:
        return path[:-1]
    if last.short is None:
        # One object for all: rows that attend to the same node are computed together.
        last.short = Node(last.ids[:-1], last.start, last.kv[..., :-1, :])
    return (*path[:-1], last.short)
