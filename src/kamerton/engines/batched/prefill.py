"""Prompts that wait: to be computed for answers that begin from them, or to be scored.

Scoring gives the log-probability of every token of a prompt. A node keeps the scores of its tokens.
The first token behind a node is scored by the logits of the node's last token, which nobody kept:
so that token is computed once more, behind the node without it. A long text goes through the model
in pieces, so that the logits of a whole vocabulary for each token never fill the memory.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from kamerton.engines.batched.attention import Segment
from kamerton.engines.batched.kv_cache import (
    MIN_SHARED,
    PrefixNode,
    PrefixTree,
    best_prefix,
    common_prefix,
    size,
)
from kamerton.engines.batched.model import Forward, ModelRunner
from kamerton.engines.batched.requests import QueuedRequest, QueuedScoring, ScoredPrompt, TokenScore

_PACK = 512
"""PrefilledPrompt tokens that one prefill computes together, where there are several prompts."""
_LOOK = 64
"""Other prompts among which a shared prefix is looked for."""
_LOGITS = 2**26
"""Logits that one pass gives at most: 256 MiB."""
_FEWEST = 64
Queued = TypeVar("Queued", QueuedRequest, QueuedScoring)
Path = tuple[PrefixNode, ...]
Pass = Callable[[Sequence[tuple[int, ...]], Sequence[Path]], Forward]
"""Prompts and their paths to a pass with the logits of every token."""


@dataclass(eq=False)
class PrefilledPrompt:
    """A prompt that was computed, for one or several answers that begin from it."""

    nodes: tuple[PrefixNode, ...]
    kv: Any
    """[layers, 2, K, own tokens, D]"""
    logits: Any
    """[vocabulary]: of the first token of the answer."""
    requests: list[QueuedRequest]


class _Queue(Generic[Queued]):
    """Prompts that wait; those of the last passes are kept to find what others share with them."""

    def __init__(self, order: Callable[[Queued], Any]) -> None:
        self._tree = PrefixTree()
        self._order: Callable[[Queued], Any] = order
        self._waiting: list[Queued] = []
        self._sorted = True
        self._recent: list[tuple[int, ...]] = []

    def add(self, queued: Queued) -> None:
        """Take a prompt in."""
        self._waiting.append(queued)
        self._sorted = False

    @property
    def busy(self) -> bool:
        """Whether there is anything to compute."""
        return bool(self._waiting)

    def _in_order(self) -> list[Queued]:
        if not self._sorted:
            self._waiting.sort(key=self._order)
            self._sorted = True
        return self._waiting

    def _neighbours(self, chosen: Iterable[tuple[int, ...]]) -> list[tuple[int, ...]]:
        """Prompts with which the `chosen` ones may share a prefix."""
        self._recent = [*self._recent, *chosen][-_LOOK:]
        return [*self._recent, *(one.ids for one in self._waiting[:_LOOK])]


class PrefillQueue(_Queue[QueuedRequest]):
    """Each prompt is computed once for all its answers, behind what it shares with others."""

    def __init__(self, runner: ModelRunner) -> None:
        """`runner` computes them."""
        super().__init__(_shortest_last)
        self._runner = runner
        self._computed: list[PrefilledPrompt] = []

    @property
    def busy(self) -> bool:
        """Whether an answer is yet to begin."""
        return bool(self._waiting or self._computed)

    def drop_cancelled(self) -> None:
        """Forget requests that nobody waits for any more."""
        self._waiting = [one for one in self._waiting if not one.cancelled()]
        for prompt in self._computed:
            prompt.requests = [one for one in prompt.requests if not one.cancelled()]
        self._computed = [prompt for prompt in self._computed if prompt.requests]

    def compute(self, free: int) -> None:
        """Compute prompts for the `free` slots, unless there are computed ones left."""
        if free and self._waiting and not self._computed:
            self._prefill(self._next(free))

    def take(self) -> tuple[QueuedRequest, PrefilledPrompt] | None:
        """The next answer to begin, and the prompt before it; None where no prompt is computed."""
        if not self._computed:
            return None
        prompt = self._computed[0]
        queued = prompt.requests.pop(0)
        if not prompt.requests:
            self._computed.pop(0)
        return queued, prompt

    def _next(self, free: int) -> dict[tuple[int, ...], list[QueuedRequest]]:
        """The prompts to compute now with all answers to them: enough for the free slots."""
        chosen: dict[tuple[int, ...], list[QueuedRequest]] = {}
        answers = tokens = 0
        for queued in self._in_order():
            ids = queued.ids
            if ids not in chosen:
                new = len(ids) - size(self._tree.path(ids))
                if chosen and (answers >= free or tokens + new > _PACK):
                    continue
                chosen[ids], tokens = [], tokens + new
            chosen[ids].append(queued)
            answers += 1
        self._waiting = [one for one in self._waiting if one.ids not in chosen]
        return chosen

    def _prefill(self, chosen: dict[tuple[int, ...], list[QueuedRequest]]) -> None:
        """Compute prompts behind their nodes, which are made first where they are worth it."""
        others = self._neighbours(chosen)
        for ids in chosen:
            path = self._tree.path(ids)
            cached = size(path)
            end = best_prefix(ids, cached, others)
            if end > cached:
                kv, _, _ = self._runner.prefill([ids[:end]], [path])
                self._tree.add(path, PrefixNode(ids[cached:end], cached, kv))
        paths = [self._tree.path(ids) for ids in chosen]
        kv, logits, segments = self._runner.prefill(list(chosen), paths)
        for segment, row, requests in zip(segments, logits, chosen.values(), strict=True):
            own_kv = kv[..., segment.start : segment.end, :]
            self._computed.append(PrefilledPrompt(segment.nodes, own_kv, row, requests))


def _shortest_last(queued: QueuedRequest) -> tuple[int, int]:
    """Longest answers first; where nobody knows, those to the longest prompts."""
    limit, expected = queued.request.sampling.max_tokens, queued.request.expected_tokens
    return -min(limit, expected or limit), -len(queued.ids)


@dataclass(frozen=True)
class _ScoredSuffix:
    """What was computed of a prompt behind its path."""

    scores: tuple[TokenScore | None, ...]
    next_token: TokenScore
    kv: Any
    """[layers, 2, K, own tokens, D]"""


class ScoringQueue(_Queue[QueuedScoring]):
    """Scores many prompts; neighbours in the order of their tokens go together."""

    def __init__(self, run: Pass, vocabulary: int) -> None:
        """`run` is a pass through the model that gives the logits of every token."""
        super().__init__(lambda one: one.ids)  # prompts with a shared prefix are neighbours
        self._run = run
        self._pack = min(_PACK, max(_FEWEST, _LOGITS // vocabulary))

    def step(self) -> None:
        """Score the next few prompts, if there are any, and tell of each."""
        self._waiting = [one for one in self._waiting if not one.cancelled()]
        if not self._waiting:
            return
        chosen = self._next()
        others = self._neighbours(chosen)
        for ids in chosen:
            self._grow(ids, others)
        paths = []
        for ids in chosen:
            # A long text gets nodes of its own, so that one pass is left of it.
            path = self._tree.path(ids)
            whole = max(0, len(ids) - size(path) - 1) // self._pack * self._pack
            paths.append((*path, *self._nodes(ids, path, size(path) + whole)))
        suffixes = self._score_suffixes(list(chosen), paths)
        for (ids, queued), path, suffix in zip(chosen.items(), paths, suffixes, strict=True):
            before = tuple(score for node in path for score in node.scores)
            for one in queued:
                one.on_scored(ScoredPrompt(ids, before + suffix.scores, suffix.next_token))

    def _next(self) -> dict[tuple[int, ...], list[QueuedScoring]]:
        """The prompts of one pass, each with all who want it."""
        chosen: dict[tuple[int, ...], list[QueuedScoring]] = {}
        before: tuple[int, ...] = ()
        tokens = taken = 0
        for one in self._in_order():
            if one.ids not in chosen:
                # What it shares with the prompt before it is computed once for both.
                shared = common_prefix(one.ids, before)
                cached = size(self._tree.path(one.ids))
                tokens += len(one.ids) - max(cached, shared if shared >= MIN_SHARED else 0)
                if chosen and tokens > self._pack:
                    break
                chosen[one.ids], before = [], one.ids
            chosen[one.ids].append(one)
            taken += 1
        self._waiting = self._waiting[taken:]
        return chosen

    def _grow(self, ids: tuple[int, ...], others: Sequence[tuple[int, ...]]) -> None:
        """Give a prompt all nodes that are worth it: worked examples, then the question."""
        path = self._tree.path(ids)
        while (end := best_prefix(ids, size(path), others)) > size(path):
            for node in self._nodes(ids, path, end):
                self._tree.add(path, node)
                path = (*path, node)

    def _nodes(self, ids: tuple[int, ...], path: Path, end: int) -> list[PrefixNode]:
        """Nodes from a path up to a token, none longer than one pass; in no tree yet."""
        nodes: list[PrefixNode] = []
        start = size(path)
        while start < end:
            stop = min(start + self._pack, end)
            (suffix,) = self._score_suffixes([ids[:stop]], [(*path, *nodes)])
            nodes.append(PrefixNode(ids[start:stop], start, suffix.kv, scores=suffix.scores))
            start = stop
        return nodes

    def _score_suffixes(
        self, prompts: Sequence[tuple[int, ...]], paths: Sequence[Path]
    ) -> list[_ScoredSuffix]:
        """One pass over what of the prompts lies behind their paths."""
        import torch

        kv, logits, segments = self._run(prompts, [without_last_token(path) for path in paths])
        log_probs = torch.log_softmax(logits.float(), -1)
        best = log_probs.max(-1)
        tops = list(zip(best.indices.tolist(), best.values.tolist(), strict=True))
        return [
            _scored_suffix(ids, size(path), segment, kv, log_probs, tops)
            for ids, path, segment in zip(prompts, paths, segments, strict=True)
        ]


def _scored_suffix(
    ids: tuple[int, ...],
    cached: int,
    segment: Segment,
    kv: Any,
    log_probs: Any,
    tops: Sequence[tuple[int, float]],
) -> _ScoredSuffix:
    """That of one segment; `log_probs` [tokens, vocabulary] and `tops` are those of the pass."""
    import torch

    # The row of a token has the logits of the one behind it.
    first = len(ids) - (segment.end - segment.start)
    targets = torch.tensor(ids[first + 1 :], dtype=torch.long)
    rows = range(segment.start, segment.end - 1)
    of_targets = log_probs[segment.start : segment.end - 1].gather(-1, targets[:, None])[:, 0]
    pairs = zip(of_targets.tolist(), rows, strict=True)
    scores = tuple(TokenScore(log_prob, *tops[row]) for log_prob, row in pairs)
    last, log_prob = tops[segment.end - 1]
    return _ScoredSuffix(
        scores if cached else (None, *scores),
        TokenScore(log_prob, last, log_prob),
        kv[..., segment.start + cached - first : segment.end, :],
    )


def without_last_token(path: Path) -> Path:
    """A path without its last token; who goes behind it computes that token again."""
    if not path:
        return ()
    last = path[-1]
    if len(last.ids) == 1:
        return path[:-1]
    if last.short is None:
        # One object for all: rows that attend to the same node are computed together.
        last.short = PrefixNode(last.ids[:-1], last.start, last.kv[..., :-1, :])
    return (*path[:-1], last.short)
