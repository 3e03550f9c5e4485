"""Rows that say which answer is better, in the forms that the field's trainers read."""

from pydantic import Field

from kamerton.formats.chat import Message
from kamerton.formats.jsonl import Record


class PreferenceRow(Record):
    """One prompt with a better and a worse answer."""

    id: str
    prompt: list[Message]
    """All turns before the answer; the last one is the user's."""
    chosen: str = Field(min_length=1)
    rejected: str = Field(min_length=1)
    group: str | None = None
    """What belongs together: a document, a user."""
    origin: str = ""
    """File and line that the row was made of."""


class KtoRow(Record):
    """One prompt with an answer that is good or bad (Ethayarajh et al. 2024, KTO)."""

    id: str
    prompt: list[Message]
    """All turns before the answer; the last one is the user's."""
    completion: str = Field(min_length=1)
    label: bool
    """Whether the answer is good."""
    group: str | None = None
    """What belongs together: a document, a user."""
    origin: str = ""
    """File and line, or rating, that the row was made of."""
