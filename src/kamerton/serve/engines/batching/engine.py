"""The batched engine: prefixes once, prompts once for all their samples, slots refilled at once.

Not for several threads at once. A pass is either a prefill of some prompts or one token more for
each running answer; whenever slots are free, waiting answers go first.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from kamerton.serve.engines.batching.attention import Decode, Group, Node, Piece, Prefill
from kamerton.serve.engines.batching.choice import choose
from kamerton.serve.engines.batching.requests import Reply, Request, Scored, uniform
from kamerton.serve.engines.batching.scoring import Scoring, Wanted
from kamerton.serve.engines.batching.slots import Slots
from kamerton.serve.engines.batching.tree import Tree, size, worth
from kamerton.serve.engines.pieces import Pieces

_PACK = 512
"""Prompt tokens that one prefill computes together, where there are several prompts."""
_LOOK = 64
"""Other prompts among which a common beginning is looked for."""
Done = Callable[[Reply], None]


@dataclass(eq=False)
class Ticket:
    """A request on its way."""

    request: Request
    done: Done
    gone: Callable[[], bool] = lambda: False
    """Whether nobody waits for it any more."""


@dataclass(eq=False)
class _Prompt:
    """A prompt that was computed, for one or several answers that begin from it."""

    nodes: tuple[Node, ...]
    kv: Any
    """[layers, 2, K, own tokens, D]"""
    logits: Any
    """[vocabulary]: of the first token of the answer."""
    tickets: list[Ticket]


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


@dataclass
class Counted:
    """What was computed, in tokens and passes."""

    prefilled: int = 0
    generated: int = 0
    passes: int = 0


class Batched:
    """Answers many requests of one model at a time."""

    def __init__(self, model: Any, tokenizer: Any, ends: Sequence[int], slots: int = 32) -> None:
        """`model` as `weights.prepare` gives it; `ends` are tokens that end an answer."""
        self._model, self._ends = model, frozenset(ends)
        self._decode: Callable[[list[int]], str] = lambda ids: str(
            tokenizer.decode(ids, skip_special_tokens=True, clean_up_tokenization_spaces=False)
        )
        config = model.config
        self.room = int(getattr(config, "max_position_embeddings", 0) or 2**31)
        self.vocabulary = int(config.vocab_size)
        self.counted = Counted()
        self._tree, self._slots = Tree(), Slots(slots)
        self._waiting: list[Ticket] = []
        self._sorted = True
        self._prompts: list[_Prompt] = []
        self._answers: list[_Answer] = []
        self._groups: list[Group] | None = None
        self._recent: list[tuple[int, ...]] = []
        self._scoring = Scoring(self._pass_every, self.vocabulary)

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
        self._waiting.append(ticket)
        self._sorted = False

    @property
    def busy(self) -> bool:
        """Whether there is anything to compute."""
        return bool(self._waiting or self._prompts or self._answers or self._scoring.busy)

    def step(self) -> None:
        """One pass through the model, or one for each kind of work that waits."""
        import torch

        with torch.inference_mode():
            self._scoring.step()
            self._drop_gone()
            if self._slots.free and not self._prompts and self._waiting:
                self._prefill(self._next())
            self._begin()
            if self._answers:
                self._step()

    def _drop_gone(self) -> None:
        self._waiting = [ticket for ticket in self._waiting if not ticket.gone()]
        for prompt in self._prompts:
            prompt.tickets = [ticket for ticket in prompt.tickets if not ticket.gone()]
        self._prompts = [prompt for prompt in self._prompts if prompt.tickets]
        self._end([answer.ticket.gone() for answer in self._answers])

    # Prompts

    def _next(self) -> dict[tuple[int, ...], list[Ticket]]:
        """The prompts to compute now with all answers to them: as many as there are free slots."""
        if not self._sorted:
            self._waiting.sort(key=_expected, reverse=True)
            self._sorted = True
        chosen: dict[tuple[int, ...], list[Ticket]] = {}
        wanted = tokens = 0
        for ticket in self._waiting:
            ids = ticket.request.ids
            if ids not in chosen:
                own = len(ids) - size(self._tree.path(ids))
                if chosen and (wanted >= self._slots.free or tokens + own > _PACK):
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
        kv, logits, pieces = self._pass(list(chosen), paths)
        for piece, row, tickets in zip(pieces, logits, chosen.values(), strict=True):
            own = kv[..., piece.start : piece.end, :]
            self._prompts.append(_Prompt(piece.nodes, own, row, tickets))

    def _grow_tree(self, ids: tuple[int, ...], others: Sequence[tuple[int, ...]]) -> None:
        path = self._tree.path(ids)
        known = size(path)
        upto = worth(ids, known, others)
        if upto > known:
            kv, _, _ = self._pass([ids[:upto]], [path])
            self._tree.add(path, Node(ids[known:upto], known, kv))

    def _pass(
        self, prompts: Sequence[tuple[int, ...]], paths: Sequence[tuple[Node, ...]]
    ) -> tuple[Any, Any, list[Piece]]:
        """Keys and values of what of the prompts lies behind their paths, and their last logits."""
        import torch

        tokens, places, pieces, prefill = self._packed(prompts, paths)
        last = torch.tensor([piece.end - 1 for piece in pieces])
        return prefill.kv, self._call(tokens, places, prefill, last), pieces

    def _pass_every(
        self, prompts: Sequence[tuple[int, ...]], paths: Sequence[tuple[Node, ...]]
    ) -> tuple[Any, Any, list[Piece]]:
        """The same with the logits of every token: [tokens, vocabulary]."""
        tokens, places, pieces, prefill = self._packed(prompts, paths)
        return prefill.kv, self._call(tokens, places, prefill, 0), pieces

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

    def _call(self, tokens: list[int], places: list[int], step: Any, keep: Any) -> Any:
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

    # Answers

    def _begin(self) -> None:
        """Fork computed prompts into free slots, and choose each answer's first token."""
        begun: list[_Answer] = []
        logits: list[Any] = []
        while self._prompts and self._slots.free:
            prompt = self._prompts[0]
            ticket = prompt.tickets.pop(0)
            self._slots.take(prompt.kv, self._most(ticket.request))
            pieces = Pieces(self._decode, ticket.request.sampling.stops)
            begun.append(_Answer(ticket, prompt.nodes, pieces))
            logits.append(prompt.logits)
            if not prompt.tickets:
                self._prompts.pop(0)
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
        logits = self._call(tokens, [answer.position for answer in answers], step, 0)
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
        self.counted.generated += len(tokens)
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


def _expected(ticket: Ticket) -> tuple[int, int]:
    """Longest answers first; where nobody knows, those to the longest prompts."""
    request = ticket.request
    most = request.sampling.max_tokens
    return min(most, request.expected or most), len(request.ids)


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
