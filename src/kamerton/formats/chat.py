"""One training row: a chat, in the `messages` form that the field's trainers read."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from pydantic import Field

from kamerton.formats.jsonl import Record

Role = Literal["system", "user", "assistant"]


class Message(Record):
    """One turn of a chat."""

    role: Role
    content: str = Field(min_length=1)


class ChatRow(Record):
    """One training example, with the origin that splits and reports go by."""

    id: str
    messages: list[Message]
    group: str | None = None
    """What belongs together: an exhibit, a document, a user."""
    origin: str = ""
    """File and line, or catalogue entry, that the row was made of."""

    @property
    def prompt(self) -> str:
        """The text of the last user turn."""
        return [m.content for m in self.messages if m.role == "user"][-1]

    @property
    def answer(self) -> str:
        """The text of the last assistant turn."""
        return [m.content for m in self.messages if m.role == "assistant"][-1]


def chat(system: str, user: str, assistant: str | None = None) -> list[Message]:
    """A one-turn chat; no system turn where `system` is empty."""
    turns = [Message(role="system", content=system)] if system else []
    turns.append(Message(role="user", content=user))
    if assistant is not None:
        turns.append(Message(role="assistant", content=assistant))
    return turns


def chat_ids(
    tokenizer: Any, messages: Sequence[Message | Mapping[str, Any]], **template: Any
) -> list[int]:
    """Token ids of a chat, [length]; `template`: what else `apply_chat_template` takes.

    Control tokens are those that the template writes. One that stands in somebody's text is text:
    no content opens a turn, or closes one.
    """
    turns = [m.model_dump() if isinstance(m, Message) else dict(m) for m in messages]
    options = {"tokenize": True, "return_dict": False, "sanitize_control_tokens": True}
    return list(tokenizer.apply_chat_template(turns, **options, **template))
