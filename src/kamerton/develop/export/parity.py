"""Proof that the engine serves what was trained; files that fail it are not to be served.

The engine reads every probe chat as the trainer's tokens. Every tensor of the file is the trained
one but for rounding. The engine's next tokens are those of the trainer's model with these rounded
weights, within a small KL divergence: what is left is the engine's arithmetic, so that no fault of
the conversion hides in what quantisation costs. All modules of an adapter are in its file. What
it changes in the engine is what it changes in the trainer's model. Against the float model the
same figures are stated, and not bounded: how much quantisation may cost is for the user to say.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kamerton.develop.export import agreement, gguf, vocabulary
from kamerton.develop.export.adapters import Modules
from kamerton.develop.export.agreement import Agreement
from kamerton.engines.llamacpp.tokens import Answer, Ids, token_driver
from kamerton.formats.chat import Message
from kamerton.formats.errors import InputError
from kamerton.formats.language import say
from kamerton.formats.progress import progress

if TYPE_CHECKING:
    from kamerton.develop.export.agreement import Logprobs

TOKENS = 16
"""Tokens that the engine generates after each chat."""
_LARGEST_KL = {"f16": 1e-3}
"""Mean KL divergence, in nats, of the engine from the trainer's model with the same weights."""
_LARGEST_KL_QUANTISED = 5e-2
"""With blocks of integers the engine rounds activations to 8 bits too. On random models 0.008 at
most, with f16 1e-5; Q and K in the wrong order 0.19 at least (tests/unit/develop/export)."""
_LARGEST_EFFECT_ERROR = 0.1
"""Of an adapter's effect, as a share of it."""
_NOISE = 3.0
"""It may also be off by so many times the engine's error without the adapter."""


@dataclass(frozen=True)
class Effect:
    """What an adaptation changes in the log-probabilities of the next tokens after the chats."""

    largest: float
    """Of the most likely token, inside the engine, in nats."""
    error: float
    """Root mean square of engine minus trainer, over the trainer's: 0 is the same effect."""
    noise: float
    """The same of the engine's error on the base alone."""
    repeat: float
    """Largest change of a log-probability where the engine is asked the same again, in nats."""


@dataclass(frozen=True)
class Arm:
    """The base or an adaptation: its answers in the engine, against the trainer's model."""

    answers: list[Answer]
    float: Agreement
    """With the weights as they were trained."""
    stored: Agreement
    """With the weights as they are in the file."""
    next: list["Logprobs"]
    """After each chat, of the model with the stored weights: [vocabulary]."""


def ask(
    base: Path,
    adapters: Sequence[Path],
    tokenizer: Any,
    chats: Sequence[Sequence[Message]],
    threads: int = 0,
) -> list[list[Answer]]:
    """Load the files as a server does; the answers of the bare base, then of each adapter.

    Last come those of the bare base once more, of one token: what changes by itself.
    Raises InputError where the engine reads a chat as other tokens, or does not hold an adapter.
    """
    prompts = [vocabulary.prompt_ids(tokenizer, messages) for messages in chats]
    context = max(len(ids) for ids in prompts) + TOKENS + 8
    arms: list[tuple[int | None, int]] = [(arm, TOKENS) for arm in (None, *range(len(adapters)))]
    arms.append((None, 1))
    with (
        token_driver(base, adapters, vocabulary.pieces(tokenizer), context, threads) as engine,
        progress(say("develop.parity"), len(arms) * len(chats)) as bar,
    ):
        if engine.loaded() != [str(path) for path in adapters]:
            raise InputError("develop.export_not_loaded", where=str(base))
        for number, (messages, ids) in enumerate(zip(chats, prompts, strict=True), start=1):
            same_ids(engine.prompt(messages), ids, tokenizer.bos_token_id, number)
        answers: list[list[Answer]] = [[] for _ in arms]
        for of, (arm, tokens) in zip(answers, arms, strict=True):
            for ids in prompts:
                of.append(engine.answer(ids, arm, tokens))
                bar.update()
    return answers


def same_ids(engine: Ids, trainer: Ids, bos: int | None, number: int) -> None:
    """InputError where chat `number` is other tokens; a BOS too many is named."""
    begins = [
        next((i for i, token in enumerate(ids) if token != bos), len(ids))
        for ids in (engine, trainer)
    ]
    if begins[0] != begins[1] or max(begins) > 1:
        raise InputError("develop.export_bos", number=number, engine=begins[0], trainer=begins[1])
    if engine != trainer:
        raise InputError("develop.parity_tokens", number=number)


def arm(
    answers: list[Answer], model: Any, weights: gguf.Weights, file: Path, ends: set[int]
) -> Arm:
    """The engine's answers against `model`, whose base has `weights`, and in `file` their like."""
    reference = agreement.reference(model)
    in_float = agreement.compare(answers, reference, ends)
    rows: list[Logprobs] = []

    def and_next(answer: Answer) -> "Logprobs":
        logprobs = reference(answer)
        rows.append(logprobs[0])
        return logprobs

    with weights.as_stored(file):
        stored = agreement.compare(answers, and_next, ends)
    return Arm(answers, in_float, stored, rows)


def hold(arm: Arm, quantisation: str, where: Path) -> None:
    """InputError where the engine computes something else than the trainer's model."""
    bound = _LARGEST_KL.get(quantisation, _LARGEST_KL_QUANTISED)
    if not arm.stored.positions or not arm.stored.first_tokens:
        raise InputError("develop.export_nothing_compared", where=str(where))
    if not arm.stored.kl_mean <= bound:
        values = {"kl": arm.stored.kl_mean, "bound": bound}
        raise InputError("develop.export_differs", where=str(where), **values)


def hold_modules(trained: Modules, written: Modules, where: Path) -> None:
    """InputError where an adapter's file holds less, or more, than was trained."""
    if trained != written:
        values = {"modules": trained.count, "applied": written.count}
        values |= {"acting": trained.acting, "applied_acting": written.acting}
        raise InputError("develop.export_part", where=str(where), **values)


def hold_acting(trained: Modules, where: Path) -> None:
    """InputError where all updates of an adapter are zero: merging leaves rounding alone."""
    if not trained.acting:
        raise InputError("develop.adapter_inert", where=str(where))


def hold_effect(effect: Effect, where: Path) -> None:
    """InputError where an adapter does nothing in the engine, or something else.

    Nothing is what the engine does without it too, asked again. A fixed bound would refuse the
    small effect of a few steps: a dead adapter adds zeros, and zeros change no bit.
    """
    if not effect.largest > effect.repeat:
        raise InputError("develop.adapter_inert", where=str(where))
    if effect.error > _LARGEST_EFFECT_ERROR + _NOISE * effect.noise:
        raise InputError("develop.export_effect", where=str(where), error=effect.error)


def repeat(first: Sequence[Answer], again: Sequence[Answer]) -> float:
    """Largest change of a log-probability, in nats, between two answers to the same chats."""
    largest = 0.0
    for one, other in zip(first, again, strict=True):
        before, after = one.likeliest[0] or {}, other.likeliest[0] or {}
        changes = [abs(after[token] - before[token]) for token in before.keys() & after.keys()]
        largest = max([largest, *changes])
    return largest


def effect(base: Arm, adapted: Arm, repeat: float) -> Effect:
    """What the adaptation does to the tokens that the engine tells of with and without it."""
    largest = wrong = noise = right = 0.0
    arms = zip(base.answers, adapted.answers, base.next, adapted.next, strict=True)
    for without, with_it, before, after in arms:
        off, on = without.likeliest[0], with_it.likeliest[0]
        if not off or not on:
            continue
        top = max(on, key=on.__getitem__)
        largest = max(largest, abs(on[top] - off.get(top, agreement.UNLIKELY)))
        for token in on.keys() & off.keys():
            meant = float(after[token] - before[token])
            wrong += (on[token] - off[token] - meant) ** 2
            noise += (off[token] - float(before[token])) ** 2
            right += meant**2
    error, around = (math.sqrt(v / right) if right else math.inf for v in (wrong, noise))
    return Effect(largest, error, around, repeat)
