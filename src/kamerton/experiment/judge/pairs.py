"""Two answers to one question, as a judge or a person compares them."""

from collections.abc import Sequence
from typing import Literal

from pydantic import Field

from kamerton.formats.errors import InputError
from kamerton.formats.jsonl import Record
from kamerton.formats.scores import Sample
from kamerton.formats.serving import BASE

Choice = Literal["base", "tuned", "tie", "unrated"]
SCORE: dict[Choice, float] = {"base": -1.0, "tie": 0.0, "tuned": 1.0}
"""Of a rated choice; "unrated" has none on purpose."""


class Pair(Record):
    """One question with the answers of both arms."""

    id: str = Field(min_length=1)
    question: str = Field(min_length=1)
    base: str
    """Answer of the arm compared against; may be empty, which is an answer too."""
    tuned: str
    group: str = ""
    """Exhibit, document or user that the question is about: the unit of the tests. Empty: the
    question stands alone."""
    reference: str = ""
    """What is known to be right, for whoever compares; may be empty."""

    @property
    def unit(self) -> str:
        """The unit of the tests."""
        return self.group or self.id

    @property
    def identical(self) -> bool:
        """Whether there is nothing to compare: a tie that nobody is asked about."""
        return self.base.split() == self.tuned.split()


def pairs_of(samples: Sequence[Sample], tuned: str, base: str = BASE) -> list[Pair]:
    """The questions that both arms answered, in their order.

    InputError where there is none.
    """
    against = {sample.question_id: sample for sample in samples if sample.arm == base}
    found = [
        Pair(
            id=sample.question_id,
            question=sample.question,
            base=against[sample.question_id].answer,
            tuned=sample.answer,
            group=sample.group,
            reference=sample.reference,
        )
        for sample in samples
        if sample.arm == tuned and sample.question_id in against
    ]
    if not found:
        raise InputError("experiment.judge_no_pairs", arm=tuned, against=base)
    return found


def distinct(pairs: Sequence[Pair]) -> None:
    """InputError where two pairs have one id: their ratings could not be told apart."""
    seen: set[str] = set()
    for pair in pairs:
        if pair.id in seen:
            raise InputError("experiment.judge_pair_twice", where=pair.id)
        seen.add(pair.id)
