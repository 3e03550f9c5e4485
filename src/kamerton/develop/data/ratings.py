"""What a rating says in each form of training rows, and the row that it becomes."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from kamerton.formats.chat import ChatRow, Message
from kamerton.formats.feedback import Edit, FeedbackRow, Pair, Vote
from kamerton.formats.preference import KtoRow, PreferenceRow

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


def _chat(claim: Claim) -> ChatRow | None:
    if not claim.holds:
        return None
    answer = Message(role="assistant", content=claim.texts[0])
    return ChatRow(messages=[*claim.row.prompt, answer], **_origin(claim.row))


def _preference(claim: Claim) -> PreferenceRow:
    chosen, rejected = claim.texts if claim.holds else claim.texts[::-1]
    return PreferenceRow(
        prompt=claim.row.prompt, chosen=chosen, rejected=rejected, **_origin(claim.row)
    )


def _labelled(claim: Claim) -> KtoRow:
    return KtoRow(
        prompt=claim.row.prompt,
        completion=claim.texts[0],
        label=claim.holds,
        **_origin(claim.row),
    )


def _origin(row: FeedbackRow) -> dict[str, Any]:
    return {"id": row.id, "group": row.user, "origin": f"feedback:{row.id}"}


ROWS: dict[Form, Callable[[Claim], TrainingRow | None]] = {
    "sft": _chat,
    "dpo": _preference,
    "kto": _labelled,
}
"""The row that a claim becomes; None where the form learns nothing from it: a bad answer in sft."""
