"""What a server's JSON says: the text of a chat or text completion, and its tokens.

A message has its content as text, as a list of parts, or as null, which is said and is no error.
"""

import json
from dataclasses import dataclass
from typing import Any

NULL_CONTENT = "null_content"
"""The finish reason that we give where a message has neither text nor tool calls."""


class Unreadable(ValueError):
    """A reply that is no completion; its text says what is wrong."""


@dataclass(frozen=True)
class Completion:
    """One answer of a model."""

    text: str
    """Empty where there is none: `finish_reason` says why."""
    finish_reason: str
    prompt_tokens: int | None
    """None where the server does not count."""
    completion_tokens: int | None
    tool_calls: tuple[dict[str, Any], ...] = ()


def chat_completion(content: bytes) -> Completion:
    """The first choice of a reply of /chat/completions; Unreadable where there is none."""
    reply, choice = _choice(content)
    message = choice.get("message")
    if not isinstance(message, dict):
        raise Unreadable(f"message: {type(message).__name__}")
    text = content_text(message.get("content"))
    if text is None and isinstance(message.get("refusal"), str):
        text = message["refusal"]
    calls = tuple(call for call in message.get("tool_calls") or () if isinstance(call, dict))
    reason = str(choice.get("finish_reason") or "")
    if text is None:
        reason = "tool_calls" if calls else NULL_CONTENT
    return Completion(text or "", reason, *_usage(reply), calls)


def text_completion(content: bytes) -> Completion:
    """The first choice of a reply of /completions; Unreadable where there is none."""
    reply, choice = _choice(content)
    if not isinstance(choice.get("text"), str):
        raise Unreadable(f"text: {type(choice.get('text')).__name__}")
    return Completion(choice["text"], str(choice.get("finish_reason") or ""), *_usage(reply))


def delta(chunk: dict[str, Any]) -> str:
    """The text that a chunk of a streamed chat completion adds."""
    choices = chunk.get("choices") or [{}]
    return content_text((choices[0].get("delta") or {}).get("content")) or ""


def _choice(content: bytes) -> tuple[dict[str, Any], dict[str, Any]]:
    try:
        reply = json.loads(content)
    except ValueError as error:
        raise Unreadable(f"{type(error).__name__} {error}") from error
    choices = reply.get("choices") if isinstance(reply, dict) else None
    if not isinstance(choices, list) or not choices or not isinstance(choices[0], dict):
        raise Unreadable("choices")
    return reply, choices[0]


def content_text(content: Any) -> str | None:
    """The text of a message's content: text, parts of which some may be text, or null."""
    if content is None or isinstance(content, str):
        return content
    if isinstance(content, dict):
        content = [content]
    if not isinstance(content, list):
        raise Unreadable(f"content: {type(content).__name__}")
    parts = [part.get("text") if isinstance(part, dict) else part for part in content]
    return "".join(part for part in parts if isinstance(part, str))


def _usage(reply: dict[str, Any]) -> tuple[int | None, int | None]:
    """Tokens of prompt and answer; none where not both are counted."""
    usage = reply.get("usage")
    counts = [
        usage.get(name) if isinstance(usage, dict) else None
        for name in ("prompt_tokens", "completion_tokens")
    ]
    if all(isinstance(count, int) and count >= 0 for count in counts):
        return counts[0], counts[1]
    return None, None
