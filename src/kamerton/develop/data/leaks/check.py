"""The leak check: a held-out set says what it tests, and that decides what blocks.

`phrasing` sets ask about the same facts in new words. Prompts that equal a seen one, or share runs
of eight words with one, are leaks and block; equal answers and groups are what is taught, and are
not looked at; closeness in meaning is only told.

`group` sets ask about new exhibits, works, documents. Every level blocks: the same prompt, the same
answer, shared runs of either, the same group, closeness in meaning. Two kinds of equal answers are
only told: those of fewer than four words, and stock answers, given in as many rows as a template
stands in (for texts that are no rows: in as many held-out rows).

A run of eight words in five different training rows (in three, where each has four words and more
beside it), however few they are among all, is their template's, not the question's (`dedup.runs`):
its words are left out of both texts, and the rest is compared. Rows with one prompt, and rows of
one group, count once, so that copies of a leak do not make a template of it; and a prompt that has
no words of its own is compared whole.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict

from kamerton.develop.data.dedup import runs
from kamerton.develop.data.leaks import levels, texts
from kamerton.develop.data.leaks.levels import Hit, Hits
from kamerton.develop.data.leaks.texts import SIDES, Asked, Seen, Side, Tests, natural
from kamerton.formats.chat import ChatRow
from kamerton.formats.errors import InputError

if TYPE_CHECKING:
    from kamerton.develop.data.dedup.near import Hashes


class Leak(BaseModel):
    """One side of a held-out row, and where it was seen."""

    model_config = ConfigDict(frozen=True)
    held_out: str
    """Id of the held-out row."""
    side: Side
    """Of the held-out row; `prompt` where the whole row is meant (`group`)."""
    level: str
    """`exact`, `8-gram`, `group`, `semantic`; of further texts with the kind: `few_shot:exact`."""
    seen_in: str
    """Id of the training row, or kind and number (from 1) of the text."""
    similarity: float
    """1 for equal ones; the share of its runs (`8-gram`), the cosine (`semantic`)."""


class Report(BaseModel):
    """What blocks a verdict, and what is only told."""

    model_config = ConfigDict(frozen=True)
    blocking: list[Leak]
    printed: list[Leak]
    checked: dict[str, int]
    """Rows of both files, prompts and answers compared, runs left out, texts of each kind."""


def report(leaks: Iterable[tuple[bool, Leak]], checked: dict[str, int]) -> Report:
    """Leaks, each after whether it blocks, in the order of the held-out ids."""

    def order(pair: tuple[bool, Leak]) -> tuple[object, ...]:
        leak = pair[1]
        row = natural(leak.held_out), leak.held_out, SIDES.index(leak.side)
        return *row, leak.level, natural(leak.seen_in), leak.seen_in, leak.similarity

    ordered = sorted(set(leaks), key=order)
    return Report(
        blocking=[leak for blocks, leak in ordered if blocks],
        printed=[leak for blocks, leak in ordered if not blocks],
        checked=checked,
    )


def merged(reports: Sequence[Report], checked: Mapping[str, int]) -> Report:
    """Several reports as one, in the order given."""
    return Report(
        blocking=[leak for report in reports for leak in report.blocking],
        printed=[leak for report in reports for leak in report.printed],
        checked=dict(checked),
    )


CONTAINED = 0.2
"""Share of a long text's runs from which it counts as contained."""
INDEX, SYSTEM, TRAIN = "index", "system", ""
"""Kinds with a rule of their own: passages, system turns of the training rows, these rows."""


@dataclass(frozen=True)
class _Rule:
    """What is looked for."""

    tests: Tests
    semantic: float | None
    contained: float
    left_out: "Hashes"
    """Runs of templates."""


Found = Iterator[tuple[bool, Leak]]


def check(
    train: Sequence[ChatRow],
    held_out: Sequence[ChatRow],
    tests: Tests,
    semantic: float | None = None,
    others: Mapping[str, Sequence[str]] = {},
    contained: float = CONTAINED,
) -> Report:
    """All leaks, in the order of the held-out ids; of each side only its strongest level.

    `others` are further texts that the model or its prompts have seen, by kind. The system turns
    of the training rows count as such a kind, `system`. The kind `index` holds passages: a source
    that answers a question is no leak; a passage with the wording of a test question of four words
    or more is, and so is one with a reference answer, as long, right after a question.
    `semantic` is the least cosine, None: not looked at. `contained` is the least share of the runs
    of a text of 40 words or more; in a shorter one any run counts.
    InputError: a threshold that is not above 0 and at most 1.
    """
    for name, value in (("semantic", semantic), ("contained", contained)):
        if value is not None and not 0 < value <= 1:
            raise InputError("develop.leaks_threshold", where=name, value=value)
    asked = texts.asked(held_out, SIDES, tests)
    rows = texts.seen(train, tests)
    kinds = [(SYSTEM, texts.systems(train))]
    kinds += [(kind, texts.others(kind, said)) for kind, said in others.items()]
    words = levels.words_seen(rows)
    prompts, groups = [one.asks for one in rows], [one.group for one in rows]
    rule = _Rule(tests, semantic, contained, runs.template(words, prompts, groups))
    leaks = [*_train(_looked_at(asked, rule), rows, words, rule)]
    leaks += _groups(train, held_out) if tests == "group" else []
    for kind, said in kinds:
        leaks += _index(asked, said) if kind == INDEX else _other(kind, asked, said, rule)
    checked = {"train": len(train), "held_out": len(held_out), "template_runs": len(rule.left_out)}
    checked |= {f"{side}s": sum(one.side == side for one in asked) for side in SIDES}
    return report(leaks, checked | {kind: len(said) for kind, said in kinds if said})


def _looked_at(asked: Sequence[Asked], rule: _Rule) -> list[Asked]:
    return [one for one in asked if rule.tests == "group" or one.side == "prompt"]


def _train(asked: Sequence[Asked], rows: Sequence[Seen], words: runs.Words, rule: _Rule) -> Found:
    hits = {
        "exact": levels.exact(asked, rows),
        "8-gram": levels.contained(asked, words, rule.left_out, rule.contained),
    }
    stock = {n for n, hit in hits["exact"].items() if hit.rows >= runs.FEWEST}
    yield from _leaks(TRAIN, asked, rows, _with_meaning(hits, asked, rows, rule), stock, rule)


def _other(kind: str, asked: Sequence[Asked], said: Sequence[Seen], rule: _Rule) -> Found:
    """Leaks into few texts that every row may stand beside: held-out rows have templates too."""
    import numpy as np

    asked = _looked_at(asked, rule)
    different = {one.words: one for one in asked}
    usual = runs.template(levels.words_asked(list(different.values())), list(different))
    rule = replace(rule, left_out=np.union1d(rule.left_out, usual))
    hits = {
        "exact": {**levels.verbatim(asked, said), **levels.exact(asked, said)},
        "8-gram": levels.contained(asked, levels.words_seen(said), rule.left_out, rule.contained),
    }
    if kind != SYSTEM:
        hits = _with_meaning(hits, asked, said, rule)
    yield from _leaks(kind, asked, said, hits, _stock(asked), rule)


def _index(asked: Sequence[Asked], said: Sequence[Seen]) -> Found:
    prompts = [one for one in asked if one.side == "prompt"]
    answers = [one for one in asked if one.side == "answer"]
    for number, hit in levels.verbatim(prompts, said).items():
        yield True, _leak(INDEX, "exact", prompts[number], said, hit)
    stock = _stock(answers)
    for number, hit in levels.answered(answers, said).items():
        yield number not in stock, _leak(INDEX, "exact", answers[number], said, hit)


def _stock(asked: Sequence[Asked]) -> set[int]:
    """Answers that many held-out rows have: what a system turn prescribes, such as a refusal."""
    counts = Counter(one.words for one in asked if one.side == "answer")
    common = {words for words, count in counts.items() if count >= runs.FEWEST}
    return {n for n, one in enumerate(asked) if one.side == "answer" and one.words in common}


def _with_meaning(
    hits: dict[str, Hits], asked: Sequence[Asked], seen: Sequence[Seen], rule: _Rule
) -> dict[str, Hits]:
    if rule.semantic is None:
        return hits
    done = {number for level_hits in hits.values() for number in level_hits}
    return hits | {"semantic": levels.semantic(asked, seen, rule.semantic, done, rule.left_out)}


def _leaks(
    kind: str,
    asked: Sequence[Asked],
    seen: Sequence[Seen],
    hits: Mapping[str, Hits],
    stock: Collection[int],
    rule: _Rule,
) -> Found:
    """The strongest level of each side."""
    for number, one in enumerate(asked):
        level = next((level for level, level_hits in hits.items() if number in level_hits), None)
        if level is not None:
            blocks = level != "semantic" or rule.tests == "group"
            if level == "exact" and one.side == "answer":
                blocks = one.length >= runs.LEAST and number not in stock
            yield blocks, _leak(kind, level, one, seen, hits[level][number])


def _leak(kind: str, level: str, one: Asked, seen: Sequence[Seen], hit: Hit) -> Leak:
    return Leak(
        held_out=one.id,
        side=one.side,
        level=f"{kind}:{level}" if kind else level,
        seen_in=seen[hit.row].name,
        similarity=hit.similarity,
    )


def _groups(train: Iterable[ChatRow], held_out: Iterable[ChatRow]) -> Found:
    """Held-out rows of a group that has a training row."""
    ordered = sorted(train, key=lambda row: (natural(row.id), row.id), reverse=True)
    first = {row.group: row.id for row in ordered if row.group}
    for row in held_out:
        if seen := first.get(row.group or ""):
            leak = Leak(held_out=row.id, side="prompt", level="group", seen_in=seen, similarity=1)
            yield True, leak
