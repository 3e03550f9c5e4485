"""Rated answers to training rows: good answers, preferences, or answers with good and bad on them.

What is held out for tests follows from the user and the prompt alone (`is_held_out`), so it stays
held out in every later run, whatever is rated meanwhile. Ratings are counted in the order of their
time and id, not of the file.
"""

import json
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from kamerton.formats.chat import ChatRow, Message
from kamerton.formats.errors import InputError
from kamerton.formats.feedback import Edit, FeedbackRow, Pair, Vote, is_held_out
from kamerton.formats.jsonl import write_rows, write_text
from kamerton.formats.language import say
from kamerton.formats.preference import KtoRow, PreferenceRow
from kamerton.formats.progress import note

Form = Literal["sft", "dpo", "kto"]
TrainingRow = ChatRow | PreferenceRow | KtoRow
Silent = Literal["unused", "ties", "unchanged"]
"""Why a rating says nothing: not in this form; neither answer is better; both are the same."""


@dataclass(frozen=True)
class Claim:
    """A rating as a form reads it: something of a prompt that holds or does not hold."""

    row: FeedbackRow
    texts: tuple[str, ...]
    """The answer that is good, or two answers in the order of letters: the first is better."""
    holds: bool

    @property
    def about(self) -> tuple[object, ...]:
        """What is claimed, for or against."""
        return (*((turn.role, turn.content) for turn in self.row.prompt), *self.texts)


def _vote(row: FeedbackRow) -> Claim | Silent:
    if not isinstance(row.rating, Vote):
        return "unused"
    return Claim(row, (row.answer,), row.rating.vote == "up")


def _vote_or_edit(row: FeedbackRow) -> Claim | Silent:
    """A vote on the answer, or the answer as it was edited."""
    if not isinstance(row.rating, Edit):
        return _vote(row)
    text = row.rating.text
    return Claim(row, (text,), True) if text != row.answer else "unchanged"


def _choice(row: FeedbackRow) -> Claim | Silent:
    """Which answer of a pair was chosen; an edit is better than what it edits."""
    match row.rating:
        case Edit(text=text):
            better, worse = text, row.answer
        case Pair(chosen="tie"):
            return "ties"
        case Pair(rival=rival, chosen=chosen):
            better, worse = (row.answer, rival) if chosen == "answer" else (rival, row.answer)
        case _:
            return "unused"
    if better == worse:
        return "unchanged"
    first, second = sorted((better, worse))
    return Claim(row, (first, second), better == first)


CLAIMS: dict[Form, Callable[[FeedbackRow], Claim | Silent]] = {
    "sft": _vote_or_edit,
    "dpo": _choice,
    "kto": _vote,
}
"""How each form reads a rating."""


def _row(claim: Claim, form: Form) -> TrainingRow | None:
    """The row that a claim becomes; None where nothing is learnt from it: a bad answer in sft."""
    of = claim.row
    origin: dict[str, Any] = {"id": of.id, "group": of.user, "origin": f"feedback:{of.id}"}
    if form == "kto":
        return KtoRow(prompt=of.prompt, completion=claim.texts[0], label=claim.holds, **origin)
    if form == "dpo":
        chosen, rejected = claim.texts if claim.holds else claim.texts[::-1]
        return PreferenceRow(prompt=of.prompt, chosen=chosen, rejected=rejected, **origin)
    if not claim.holds:
        return None
    answer = Message(role="assistant", content=claim.texts[0])
    return ChatRow(messages=[*of.prompt, answer], **origin)


Left = Literal[
    "no_consent", "unused", "ties", "unchanged", "held_out_context", "duplicates", "cancelled"
]
"""Why a rating that was read is in neither part."""
TRAIN, HELD_OUT, REPORT = "train.jsonl", "held_out.jsonl", "feedback.json"


@dataclass(frozen=True)
class Report:
    """What became of the ratings: `train` to `cancelled` add up to `read`."""

    form: Form
    share_held_out: float
    seed: int
    read: int
    train: int
    held_out: int
    no_consent: int
    """The person does not allow that a model learns from it."""
    unused: int
    """The form makes no rows of these: votes in dpo, pairs in sft and kto, bad answers in sft."""
    ties: int
    """Pairs of which neither answer is better."""
    unchanged: int
    """Edits that change nothing, and pairs of two equal answers."""
    held_out_context: int
    """Chats that go on from a prompt that is held out."""
    duplicates: int
    """The same was said of the same answer before, by anybody."""
    cancelled: int
    """Ratings that contradict each other, those for and those against."""
    shared_prompts: int
    """Prompts of held-out rows that training has from other users: tests on them are easier."""


@dataclass(frozen=True)
class Converted:
    """Rows for training, and rows for tests, which no training may see."""

    train: tuple[TrainingRow, ...]
    held_out: tuple[TrainingRow, ...]
    report: Report


def convert(rows: Iterable[FeedbackRow], form: Form, share_held_out: float, seed: int) -> Converted:
    """Rows of a form for training and for tests.

    Share and seed must stay the same from run to run; what was written down as `held_out` is
    held out with any. Raises InputError: a share below 0 or not below 1, two different rows with
    one id.
    """
    if not 0 <= share_held_out < 1:
        raise InputError("develop.feedback_share", where="share_held_out", value=share_held_out)
    read, left = list(rows), Counter[Left]()
    by_id: dict[str, FeedbackRow] = {}
    for row in read:
        if by_id.setdefault(row.id, row) != row:
            raise InputError("develop.feedback_same_id", where=row.id)
    left["duplicates"] += len(read) - len(by_id)
    ordered = sorted(by_id.values(), key=lambda row: (row.time, row.id))
    flagged = {(row.user, row.questions[-1]) for row in ordered if row.held_out}

    def held(user: str, question: str) -> bool:
        return (user, question) in flagged or is_held_out(user, question, share_held_out, seed)

    parts = _parts(_claims(ordered, form, left), held, left)
    made = [[_row(claim, form) for claim in _agreed(part, left)] for part in parts]
    left["unused"] += sum(row is None for rows in made for row in rows)
    train, tests = (tuple(row for row in rows if row is not None) for rows in made)
    report = Report(
        form=form,
        share_held_out=share_held_out,
        seed=seed,
        read=len(read),
        train=len(train),
        held_out=len(tests),
        shared_prompts=len(_prompts(train) & _prompts(tests)),
        **{reason: left[reason] for reason in get_args(Left)},
    )
    return Converted(train, tests, report)


def write(converted: Converted, out: Path) -> None:
    """Write train.jsonl, held_out.jsonl (empty where nothing is held out) and feedback.json.

    Raises InputError, with nothing written, where no row is left for training.
    """
    counts = asdict(converted.report)
    if not converted.train:
        raise InputError("develop.feedback_nothing", **counts)
    write_rows(out / TRAIN, converted.train)
    write_rows(out / HELD_OUT, converted.held_out)
    write_text(out / REPORT, json.dumps(counts, indent=2) + "\n")
    note(say("develop.feedback_done", **counts))


def _claims(rows: Sequence[FeedbackRow], form: Form, left: Counter[Left]) -> list[Claim]:
    """What the ratings of people who consented say in a form; the others are counted."""
    claims = []
    for row in rows:
        claim = CLAIMS[form](row) if row.consent else "no_consent"
        if isinstance(claim, Claim):
            claims.append(claim)
        else:
            left[claim] += 1
    return claims


def _parts(
    claims: Sequence[Claim], held: Callable[[str, str], bool], left: Counter[Left]
) -> tuple[list[Claim], list[Claim]]:
    """Claims to learn from, and claims to test with: the last user turn decides.

    A chat that goes on from a held-out prompt is in neither part: its earlier turns would teach
    that prompt.
    """
    train: list[Claim] = []
    tests: list[Claim] = []
    for claim in claims:
        *before, last = claim.row.questions
        if held(claim.row.user, last):
            tests.append(claim)
        elif any(held(claim.row.user, question) for question in before):
            left["held_out_context"] += 1
        else:
            train.append(claim)
    return train, tests


def _agreed(claims: Sequence[Claim], left: Counter[Left]) -> list[Claim]:
    """One claim for each thing that more people say than deny; equal numbers cancel.

    A person who says the same twice counts once. Parts are settled one by one: what is held out
    must not decide what is learnt.
    """
    said: dict[tuple[object, ...], dict[tuple[str, bool], Claim]] = {}
    for claim in claims:
        raters = said.setdefault(claim.about, {})
        left["duplicates"] += raters.setdefault((claim.row.user, claim.holds), claim) is not claim
    agreed = []
    for raters in said.values():
        sides = [[c for c in raters.values() if c.holds is holds] for holds in (True, False)]
        fewer, more = sorted(sides, key=len)
        left["cancelled"] += 2 * len(fewer)
        if rest := more[len(fewer) :]:
            left["duplicates"] += len(rest) - 1
            agreed.append(rest[0])
    return agreed


def _prompts(rows: Iterable[TrainingRow]) -> set[tuple[str, ...]]:
    chats = (row.messages[:-1] if isinstance(row, ChatRow) else row.prompt for row in rows)
    return {tuple(turn.content for turn in chat) for chat in chats}
