"""The chat that an engine sees: the system prompt, and passages for the last question."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from kamerton.engines.openai_api import ApiError, Message, is_text, text_of
from kamerton.formats.errors import InputError
from kamerton.formats.language import say
from kamerton.formats.progress import note
from kamerton.formats.retrieval import DEFAULT, Chunk, How, with_context
from kamerton.retrieval.search import ForeignIndex, find, load


class Retriever:
    """An index in memory; the encoder is loaded with it, so that no visitor waits for it."""

    def __init__(self, folder: Path, how: How = DEFAULT) -> None:
        """Load the index in `folder`; InputError for a damaged one or one of another encoder."""
        try:
            self._index = load(folder, how)
        except ForeignIndex as error:
            raise InputError(
                "serve.index_encoder", where=error.where, has=error.has, wanted=error.wanted
            ) from error
        at = self._index.meta.endpoint
        if at and how != "bm25":
            note(say("serve.questions_leave", url=at.base_url, model=at.model))

    def find(self, question: str, count: int) -> list[Chunk]:
        """The `count` passages that suit the question best, the best first.

        Raises ApiError (503) where the index's endpoint does not answer.
        """
        try:
            hits = find(self._index, question, count)
        except InputError as error:
            raise ApiError(503, f"retrieval: {error}", type="server_error") from error
        return [hit.chunk for hit in hits]


def question(messages: Sequence[Message]) -> str:
    """The text of the last user turn: what retrieval searches for."""
    texts = [text_of(message) for message in messages if message.role == "user"]
    if not texts:
        raise ApiError(400, "messages: a user turn is needed", param="messages")
    return texts[-1]


def build_chat(
    messages: Sequence[Message], system: str, passages: Sequence[Chunk]
) -> list[dict[str, Any]]:
    """The chat for the engine; a system turn of the client's own stays as it is."""
    chat = [message.model_dump(exclude_unset=True) for message in messages]
    if passages:
        last = max(i for i, message in enumerate(messages) if message.role == "user")
        text = with_context(text_of(messages[last]), [passage.text for passage in passages])
        content = messages[last].content
        if not isinstance(content, str):  # pictures beside the text stay
            others = [part for part in content if not is_text(part)]
            chat[last]["content"] = [{"type": "text", "text": text}, *others]
        else:
            chat[last]["content"] = text
    if system and messages[0].role != "system":
        chat.insert(0, {"role": "system", "content": system})
    return chat
