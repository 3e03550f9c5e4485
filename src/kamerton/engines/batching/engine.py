"""The batched engine: prefixes once, prompts once for all their samples, slots refilled at once.

Not for several threads at once. A pass is either a prefill of some prompts or one token more for
each running answer; whenever slots are free, waiting answers go first.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from kamerton.engines.batching.attention import Decode, Group, Node
from kamerton.engines.batching.choice import choose
from kamerton.engines.batching.passes import Counted, Passes, groups
from kamerton.engines.batching.prompts import Prompts
from kamerton.engines.batching.requests import (
    Done,
    Reply,
    Request,
    Scored,
    Ticket,
    uniform,
)
from kamerton.engines.batching.scoring import Scoring, Wanted
from kamerton.engines.batching.slots import Slots
from kamerton.engines.pieces import Pieces


@dataclass(eq=False)
class _Answer:
    """A running answer; its place in the list is its slot."""

    ticket: Ticket
    nodes: tuple[Node, ...]
    pieces: Pieces
    text: str = ""
    ids: list[int] = field(default_factory=list)

    @property
    def position(self) -> int:
        """Of the token that was chosen last, in prompt and answer."""
        return len(self.ticket.request.ids) + len(self.ids) - 1


class Batched:
    """Answers many requests of one model at a time."""

    def __init__(self, model: Any, tokenizer: Any, ends: Sequence[int], slots: int = 32) -> None:
        """`model` as `weights.prepare` gives it; `ends` are tokens that end an answer."""
        self._ends = frozenset(ends)
        self._decode: Callable[[list[int]], str] = lambda ids: str(
            tokenizer.decode(ids, skip_special_tokens=True, clean_up_tokenization_spaces=False)
        )
        config = model.config
        self.room = int(getattr(config, "max_position_embeddings", 0) or 2**31)
        self.vocabulary = int(config.vocab_size)
        self._passes, self._slots = Passes(model), Slots(slots)
        self._prompts = Prompts(self._passes)
        self._answers: list[_Answer] = []
        self._groups: list[Group] | None = None
        self._scoring = Scoring(self._passes.every, self.vocabulary)

    @property
    def counted(self) -> Counted:
        """What was computed so far."""
        return self._passes.counted

    def generate(
        self, requests: Sequence[Request], tell: Callable[[int, Reply], None] | None = None
    ) -> list[Reply]:
        """All replies, in the order of the requests; `tell` hears of each as it is there."""
        found: dict[int, Reply] = {}

        def done(place: int) -> Done:
            def keep(reply: Reply) -> None:
                found[place] = reply
                if tell:
                    tell(place, reply)

            return keep

        for place, request in enumerate(requests):
            self.add(Ticket(request, done(place)))
        while self.busy:
            self.step()
        return [found[place] for place in range(len(requests))]

    def score(self, prompts: Sequence[tuple[int, ...]]) -> list[Scored]:
        """The log-probabilities of the tokens of all prompts, in their order."""
        found: dict[int, Scored] = {}
        for place, ids in enumerate(prompts):
            self.add(Wanted(ids, partial(found.__setitem__, place)))
        while self.busy:
            self.step()
        return [found[place] for place in range(len(prompts))]

    def add(self, ticket: Ticket | Wanted) -> None:
        """Take a request in; ValueError where there is no room for it.

        A prompt with an answer needs room for one token more; one that is scored only does not.
        """
        if isinstance(ticket, Wanted):
            if not 0 < len(ticket.ids) <= self.room:
                count = len(ticket.ids)
                raise ValueError(f"a text of {count} tokens; the model has {self.room} positions")
            self._scoring.add(ticket)
            return
        if not 0 < len(ticket.request.ids) < self.room:
            count = len(ticket.request.ids)
            raise ValueError(f"a prompt of {count} tokens; the model has {self.room} positions")
        self._prompts.add(ticket)

    @property
    def busy(self) -> bool:
        """Whether there is anything to compute."""
        return self._prompts.busy or bool(self._answers) or self._scoring.busy

    def step(self) -> None:
        """One pass through the model, or one for each kind of work that waits."""
        import torch

        with torch.inference_mode():
            self._scoring.step()
            self._prompts.drop_gone()
            self._end([answer.ticket.gone() for answer in self._answers])
            self._prompts.compute(self._slots.free)
            self._begin()
            if self._answers:
                self._step()

    def _begin(self) -> None:
        """Fork computed prompts into free slots, and choose each answer's first token."""
        begun: list[_Answer] = []
        logits: list[Any] = []
        while self._slots.free and (taken := self._prompts.take()):
            ticket, prompt = taken
            self._slots.take(prompt.kv, self._most(ticket.request))
            pieces = Pieces(self._decode, ticket.request.sampling.stops)
            begun.append(_Answer(ticket, prompt.nodes, pieces))
            logits.append(prompt.logits)
        if begun:
            import torch

            self._answers += begun
            self._groups = None
            self._choose(begun, torch.stack(logits))

    def _step(self) -> None:
        """One token more for each running answer."""
        import torch

        slots, answers = self._slots, self._answers
        places = torch.tensor(slots.lengths)
        behind = torch.arange(max(slots.lengths) + 1) > places[:, None]
        mask = torch.zeros(behind.shape).masked_fill_(behind, float("-inf"))[:, None, None]
        if self._groups is None:
            owners = [(one.nodes, range(row, row + 1)) for row, one in enumerate(answers)]
            self._groups = groups(owners, len(answers))
        rows = torch.arange(len(answers))
        step = Decode(slots.kv, places, mask, rows, self._groups)
        tokens = [answer.ids[-1] for answer in answers]
        logits = self._passes.call(tokens, [answer.position for answer in answers], step, 0)
        slots.lengths = [length + 1 for length in slots.lengths]
        self._choose(list(answers), logits)

    def _choose(self, answers: Sequence[_Answer], logits: Any) -> None:
        """Give each answer its next token; end those that are done."""
        how = [answer.ticket.request.sampling for answer in answers]
        draws = [
            uniform(answer.ticket.request.draw, len(answer.ids)) if one.temperature > 0 else 0.0
            for answer, one in zip(answers, how, strict=True)
        ]
        tokens = choose(logits, how, draws)
        self._passes.counted.generated += len(tokens)
        ended = {
            id(answer)
            for answer, token in zip(answers, tokens, strict=True)
            if self._follow(answer, token)
        }
        self._end([id(answer) in ended for answer in self._answers])

    def _follow(self, answer: _Answer, token: int) -> bool:
        """Add a token to an answer; whether it is done, and then it was told."""
        answer.ids.append(token)
        ended = token in self._ends
        if not ended:
            answer.text += answer.pieces.add(token)
            ended = answer.pieces.stopped
        request = answer.ticket.request
        if not ended and len(answer.ids) < self._most(request):
            return False
        text = answer.text + answer.pieces.rest()
        reason: Any = "stop" if ended else "length"
        answer.ticket.done(Reply(text, tuple(answer.ids), reason, len(request.ids)))
        return True

    def _most(self, request: Request) -> int:
        """Tokens that an answer may have: as many as were asked for, and as the model has room."""
        return min(request.sampling.max_tokens, self.room - len(request.ids))

    def _end(self, ended: Sequence[bool]) -> None:
        """Free the slots of answers that ended, the last ones first."""
        for slot in reversed([place for place, over in enumerate(ended) if over]):
            self._slots.release(slot)
            last = self._answers.pop()
            if slot < len(self._answers):
                self._answers[slot] = last
            self._groups = None
