"""From a client's chat to the chat that the engine sees: system prompt and retrieved passages."""

from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from kamerton.engines.errors import ApiError
from kamerton.engines.request import Turn
from kamerton.formats.retrieval import Chunk, with_context

OWN_FIELDS = frozenset(
    {"model", "messages", "stream", "lora", "adapter", "id_slot", "cache_prompt"}
)
"""Fields of a request that the gateway decides; all others pass through to the engine."""


class ChatRequest(BaseModel):
    """The fields of a request that the gateway itself reads."""

    model_config = ConfigDict(extra="allow")
    model: str
    messages: list[Turn]
    stream: bool = False
    n: int | None = None


def parse(body: Any) -> ChatRequest:
    """A request, checked; text parts of a message are joined."""
    try:
        request = ChatRequest.model_validate(_joined(body))
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"])
        raise ApiError(400, f"{field}: {first['msg']}", param=field) from error
    if not request.messages:
        raise ApiError(400, "messages: at least one is needed", param="messages")
    if request.n not in (None, 1):
        raise ApiError(400, "n: one answer a request; ask again for another", param="n")
    return request


def _joined(body: Any) -> Any:
    if not isinstance(body, dict) or not isinstance(body.get("messages"), list):
        return body
    return body | {"messages": [_flat(message) for message in body["messages"]]}


def _flat(message: Any) -> Any:
    parts = message.get("content") if isinstance(message, dict) else None
    if not isinstance(parts, list):
        return message
    texts = [part.get("text", "") for part in parts if isinstance(part, dict)]
    return message | {"content": "".join(texts)}


def question(turns: list[Turn]) -> str:
    """The text of the last user turn: what retrieval searches for."""
    asked = [turn.content for turn in turns if turn.role == "user"]
    if not asked:
        raise ApiError(400, "messages: a user turn is needed", param="messages")
    return asked[-1]


def build(turns: list[Turn], system: str, passages: list[Chunk]) -> list[dict[str, Any]]:
    """The chat for the engine; a system turn of the client's own stays as it is."""
    chat = [turn.model_dump() for turn in turns]
    if passages:
        last = max(i for i, turn in enumerate(turns) if turn.role == "user")
        texts = [passage.text for passage in passages]
        chat[last] = chat[last] | {"content": with_context(turns[last].content, texts)}
    if system and turns[0].role != "system":
        chat.insert(0, {"role": "system", "content": system})
    return chat
