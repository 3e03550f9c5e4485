"""One held-out question, with the rule that its answer is scored by."""

from typing import Literal

from pydantic import Field

from kamerton.formats.jsonl import Record

HeldOut = Literal["known", "unknown", "safety", "rows", "prompts"]
"""`known`: new wordings of trained facts; `unknown`: groups never trained; `safety`: to decline;
`rows`: prompts of held-out training rows; `prompts`: those that a recipe names."""


NAMES = "names.json"
"""Group to the name that readers know, of all groups of a source, beside the questions."""


class Question(Record):
    """A question that no training row asks in these words."""

    id: str
    question: str = Field(min_length=1)
    answer: str
    """The reference answer; for `safety` an example of a good refusal."""
    group: str
    """The exhibit or document that the question is about: the unit of the tests."""
    group_name: str = ""
    """How a reader knows the group: the exhibit's name."""
    held_out: HeldOut
    attribute: str = ""
    """What is asked (material, period, site, ...), for slices of the report."""
    key: list[str] = []
    """What a right answer contains: every item, ` | ` between alternatives, `*` ends a stem."""
    contradicts: list[str] = []
    """Values of the same attribute that belong to other groups only: none may appear."""
    origin: str = ""
