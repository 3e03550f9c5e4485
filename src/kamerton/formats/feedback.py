"""What a person said of an answer: one JSON object a line, written where answers are served."""

from datetime import UTC, datetime
from hashlib import blake2b
from json import dumps
from typing import Annotated, Literal
from unicodedata import normalize

from pydantic import AfterValidator, AwareDatetime, Field, model_validator

from kamerton.formats.chat import Message
from kamerton.formats.jsonl import Record

Kind = Literal["vote", "edit", "pair"]


class Vote(Record):
    """The answer is good or bad."""

    kind: Literal["vote"] = "vote"
    vote: Literal["up", "down"]


class Edit(Record):
    """The answer as it should have been."""

    kind: Literal["edit"] = "edit"
    text: str = Field(min_length=1)


class Pair(Record):
    """Another model's answer to the same chat, and which of the two is better."""

    kind: Literal["pair"] = "pair"
    rival: str = Field(min_length=1)
    """The other answer."""
    rival_model: str
    """Its model id, as clients ask for it."""
    rival_adapter: str = ""
    """SHA-256 of its adapter file; empty: the base."""
    chosen: Literal["answer", "rival", "tie"]
    """`answer` is the one that ends the row's messages."""


def _utc(time: datetime) -> datetime:
    return time.astimezone(UTC)


class FeedbackRow(Record):
    """One rating of one answer by one person."""

    id: str = Field(min_length=1)
    time: Annotated[AwareDatetime, AfterValidator(_utc)]
    """ISO 8601 with its zone; kept in UTC."""
    model: str
    """Model id of the answer, as clients ask for it."""
    adapter: str = ""
    """SHA-256 of the adapter file that answered; empty: the base."""
    messages: list[Message]
    """The chat that was rated: a user turn somewhere, the assistant's answer at the end."""
    rating: Annotated[Vote | Edit | Pair, Field(discriminator="kind")]
    user: str = Field(min_length=1)
    """A pseudonym: the same for all ratings of one person, and nothing else about them."""
    consent: bool
    """Whether the person allows that a model learns from this."""
    held_out: bool = False
    """Whether this was set aside for tests when it was written down; true is true for good."""

    @model_validator(mode="after")
    def _ends_with_an_answer(self) -> "FeedbackRow":
        roles = [turn.role for turn in self.messages]
        if roles[-2:] != ["user", "assistant"]:
            raise ValueError("messages: the last two turns are the user's and the assistant's")
        return self

    @property
    def kind(self) -> Kind:
        """What sort of rating it is."""
        return self.rating.kind

    @property
    def prompt(self) -> list[Message]:
        """All turns before the rated answer; the last one is the user's."""
        return self.messages[:-1]

    @property
    def answer(self) -> str:
        """The rated answer."""
        return self.messages[-1].content

    @property
    def questions(self) -> list[str]:
        """The user's turns in their order, each as `same_prompt` writes it."""
        return [same_prompt(turn.content) for turn in self.messages if turn.role == "user"]


def same_prompt(text: str) -> str:
    """The spelling by which two prompts are one: no case, no spaces but single ones.

    Never change it: which rows were held out before follows from it.
    """
    return " ".join(normalize("NFC", text).casefold().split())


def is_held_out(user: str, prompt: str, share: float, seed: int) -> bool:
    """Whether what a user says of the answers to a prompt is set aside for tests.

    It follows from these four alone, so it is the same in every run, whatever else was said and in
    whatever order; a larger share holds out all that a smaller one does. `prompt` is the text of
    the last user turn. Never change the hash: rows that were held out would be learnt.
    """
    text = dumps([seed, user, same_prompt(prompt)], ensure_ascii=True)
    place = int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "big")
    return place < share * 2**64
