"""Continuous batching: prefixes once, prompts once for all their samples, slots refilled at once.

A pass is either a prefill of some prompts or one token more for each running answer; whenever slots
are free, waiting answers go first.
"""

import os
import queue
import threading
import time
import traceback
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from kamerton.engines.batched.attention import DecodeStep, NodeRows
from kamerton.engines.batched.kv_cache import KVSlots, PrefixNode
from kamerton.engines.batched.model import Counts, ModelRunner, rows_by_node
from kamerton.engines.batched.prefill import PrefillQueue, ScoringQueue
from kamerton.engines.batched.requests import (
    QueuedRequest,
    QueuedScoring,
    Reply,
    Request,
    ScoredPrompt,
    sample_tokens,
    uniform,
)
from kamerton.engines.detokenizer import Detokenizer
from kamerton.engines.weights import decoder

_QUIET, _PATIENCE = 0.03, 0.5
"""Seconds: an idle engine waits until no request has come for so long, and never longer than that.

What requests have in common is seen only once they are there together."""


@dataclass(eq=False)
class _RunningAnswer:
    """A running answer; its place in the list is its slot."""

    queued: QueuedRequest
    nodes: tuple[PrefixNode, ...]
    detokenizer: Detokenizer
    text: str = ""
    ids: list[int] = field(default_factory=list)

    @property
    def position(self) -> int:
        """Of the token that was chosen last, in prompt and answer."""
        return len(self.queued.ids) + len(self.ids) - 1


class Scheduler:
    """Answers many requests of one model at a time."""

    def __init__(self, model: Any, tokenizer: Any, ends: Sequence[int], slots: int = 32) -> None:
        """`model` as `model.prepare` gives it; `ends` are tokens that end an answer."""
        self._ends = frozenset(ends)
        self._detokenize = decoder(tokenizer)
        config = model.config
        self.room = int(getattr(config, "max_position_embeddings", 0) or 2**31)
        self.vocabulary = int(config.vocab_size)
        self._runner, self._slots = ModelRunner(model), KVSlots(slots)
        self._prompts = PrefillQueue(self._runner)
        self._answers: list[_RunningAnswer] = []
        self._node_rows: list[NodeRows] | None = None
        self._scoring = ScoringQueue(self._runner.prefill_with_all_logits, self.vocabulary)

    @property
    def counts(self) -> Counts:
        """What was computed so far."""
        return self._runner.counts

    def generate(
        self, requests: Sequence[Request], on_reply: Callable[[int, Reply], None] | None = None
    ) -> list[Reply]:
        """All replies, in the order of the requests; `on_reply` hears of each as it is there."""
        replies: dict[int, Reply] = {}

        def keep(place: int, reply: Reply) -> None:
            replies[place] = reply
            if on_reply:
                on_reply(place, reply)

        self._compute(
            QueuedRequest(request, partial(keep, place)) for place, request in enumerate(requests)
        )
        return [replies[place] for place in range(len(requests))]

    def score(self, prompts: Sequence[tuple[int, ...]]) -> list[ScoredPrompt]:
        """The log-probabilities of the tokens of all prompts, in their order."""
        scored: dict[int, ScoredPrompt] = {}
        self._compute(
            QueuedScoring(ids, partial(scored.__setitem__, place))
            for place, ids in enumerate(prompts)
        )
        return [scored[place] for place in range(len(prompts))]

    def _compute(self, every: Iterable[QueuedRequest | QueuedScoring]) -> None:
        for queued in every:
            self.add(queued)
        while self.busy:
            self.step()

    def add(self, queued: QueuedRequest | QueuedScoring) -> None:
        """Take a request in; ValueError where there is no room for it.

        A prompt with an answer needs room for one token more; one that is scored only does not.
        """
        scored = isinstance(queued, QueuedScoring)
        count, kind = len(queued.ids), "text" if scored else "prompt"
        if not 0 < count <= self.room - (not scored):
            raise ValueError(f"a {kind} of {count} tokens; the model has {self.room} positions")
        if isinstance(queued, QueuedScoring):
            self._scoring.add(queued)
        else:
            self._prompts.add(queued)

    @property
    def busy(self) -> bool:
        """Whether there is anything to compute."""
        return self._prompts.busy or bool(self._answers) or self._scoring.busy

    def step(self) -> None:
        """One pass through the model, or one for each kind of work that waits."""
        import torch

        with torch.inference_mode():
            self._scoring.step()
            self._prompts.drop_cancelled()
            self._release([answer.queued.cancelled() for answer in self._answers])
            self._prompts.compute(self._slots.free)
            self._start_answers()
            if self._answers:
                self._decode_step()

    def _start_answers(self) -> None:
        """Fork computed prompts into free slots, and sample each answer's first token."""
        begun: list[_RunningAnswer] = []
        logits: list[Any] = []
        while self._slots.free and (taken := self._prompts.take()):
            queued, prompt = taken
            self._slots.take(prompt.kv, self._token_limit(queued.request))
            detokenizer = Detokenizer(self._detokenize, queued.request.sampling.stops)
            begun.append(_RunningAnswer(queued, prompt.nodes, detokenizer))
            logits.append(prompt.logits)
        if begun:
            import torch

            self._answers += begun
            self._node_rows = None
            self._sample(begun, torch.stack(logits))

    def _decode_step(self) -> None:
        """One token more for each running answer."""
        import torch

        slots, answers = self._slots, self._answers
        positions = torch.tensor(slots.lengths)
        behind = torch.arange(max(slots.lengths) + 1) > positions[:, None]
        mask = torch.zeros(behind.shape).masked_fill_(behind, float("-inf"))[:, None, None]
        if self._node_rows is None:
            owners = [(one.nodes, range(row, row + 1)) for row, one in enumerate(answers)]
            self._node_rows = rows_by_node(owners, len(answers))
        rows = torch.arange(len(answers))
        step = DecodeStep(slots.kv, positions, mask, rows, self._node_rows)
        tokens = [answer.ids[-1] for answer in answers]
        logits = self._runner.forward(tokens, [answer.position for answer in answers], step, 0)
        slots.lengths = [length + 1 for length in slots.lengths]
        self._sample(list(answers), logits)

    def _sample(self, answers: Sequence[_RunningAnswer], logits: Any) -> None:
        """Give each answer its next token; end those that are done."""
        params = [answer.queued.request.sampling for answer in answers]
        draws = [
            uniform(answer.queued.request.draw, len(answer.ids)) if one.temperature > 0 else 0.0
            for answer, one in zip(answers, params, strict=True)
        ]
        tokens = sample_tokens(logits, params, draws)
        self._runner.counts.generated += len(tokens)
        ended = {
            id(answer)
            for answer, token in zip(answers, tokens, strict=True)
            if self._append(answer, token)
        }
        self._release([id(answer) in ended for answer in self._answers])

    def _append(self, answer: _RunningAnswer, token: int) -> bool:
        """Add a token to an answer; whether it is done, and then its reply was given."""
        answer.ids.append(token)
        ended = token in self._ends
        if not ended:
            answer.text += answer.detokenizer.add(token)
            ended = answer.detokenizer.stopped
        request = answer.queued.request
        if not ended and len(answer.ids) < self._token_limit(request):
            return False
        text = answer.text + answer.detokenizer.rest()
        reason: Any = "stop" if ended else "length"
        answer.queued.on_reply(Reply(text, tuple(answer.ids), reason, len(request.ids)))
        return True

    def _token_limit(self, request: Request) -> int:
        """Tokens that an answer may have: as many as were asked for, and as the model has room."""
        return min(request.sampling.max_tokens, self.room - len(request.ids))

    def _release(self, ended: Sequence[bool]) -> None:
        """Free the slots of answers that ended, the last ones first."""
        for slot in reversed([place for place, over in enumerate(ended) if over]):
            self._slots.release(slot)
            last = self._answers.pop()
            if slot < len(self._answers):
                self._answers[slot] = last
            self._node_rows = None


class SchedulerThread:
    """Takes requests from any thread, and computes on one."""

    def __init__(self, scheduler: Scheduler) -> None:
        self._scheduler = scheduler
        self._inbox: queue.SimpleQueue[QueuedRequest | QueuedScoring] = queue.SimpleQueue()
        threading.Thread(target=self._run, daemon=True).start()

    def put(self, queued: QueuedRequest | QueuedScoring) -> None:
        """Queue a request; its reply is given on the engine's thread."""
        self._inbox.put(queued)

    def _run(self) -> None:
        try:
            while True:
                self._take()
                self._scheduler.step()
        except BaseException:
            # Nobody can be answered any more: who watches the process starts another.
            traceback.print_exc()
            os._exit(1)

    def _take(self) -> None:
        """All requests that are there; where there is nothing to do, those that come together."""
        if self._scheduler.busy:
            while not self._inbox.empty():
                self._scheduler.add(self._inbox.get())
            return
        self._scheduler.add(self._inbox.get())
        end = time.monotonic() + _PATIENCE
        while (left := end - time.monotonic()) > 0:
            try:
                self._scheduler.add(self._inbox.get(timeout=min(_QUIET, left)))
            except queue.Empty:
                return
