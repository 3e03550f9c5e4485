"""What a completion says, in every form that servers give it."""

import json
from typing import Any

import pytest

from kamerton.client.replies import (
    NULL_CONTENT,
    Completion,
    Unreadable,
    chat_completion,
    text_completion,
)
from model_server import completion


@pytest.mark.parametrize(
    ("content", "message", "text", "reason"),
    [
        ("yes", {}, "yes", "stop"),
        ("", {}, "", "stop"),
        ({"type": "text", "text": "a"}, {}, "a", "stop"),
        ([{"type": "text", "text": "a"}, {"type": "image_url"}, "b"], {}, "ab", "stop"),
        (None, {}, "", NULL_CONTENT),
        (None, {"refusal": "I will not"}, "I will not", "stop"),
        (None, {"tool_calls": [{"id": "1", "function": {"name": "f"}}]}, "", "tool_calls"),
        ("so", {"tool_calls": None}, "so", "stop"),
    ],
)
def test_content_is_text_parts_or_null(
    content: Any, message: dict[str, Any], text: str, reason: str
) -> None:
    found = chat_completion(completion(content, **message))
    assert (found.text, found.finish_reason) == (text, reason)
    assert len(found.tool_calls) == len(message.get("tool_calls") or [])
    assert (found.prompt_tokens, found.completion_tokens) == (7, 3)


@pytest.mark.parametrize(
    "usage", [None, [], {"prompt_tokens": 1}, {"prompt_tokens": -1, "completion_tokens": 2}]
)
def test_tokens_that_are_not_counted_are_not_made_up(usage: Any) -> None:
    reply = json.loads(completion("yes")) | {"usage": usage}
    found = chat_completion(json.dumps(reply).encode())
    assert (found.prompt_tokens, found.completion_tokens) == (None, None)


def test_a_text_completion() -> None:
    reply = {"choices": [{"text": "yes", "finish_reason": None}], "usage": None}
    assert text_completion(json.dumps(reply).encode()) == Completion("yes", "", None, None)
    for text in (None, ["yes"]):
        with pytest.raises(Unreadable):
            text_completion(json.dumps({"choices": [{"text": text}]}).encode())


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b"{}", b'{"choices": []}', b'{"choices": [1]}', b"\xff", completion(7)],
)
def test_what_is_no_completion_is_unreadable(content: bytes) -> None:
    with pytest.raises(Unreadable):
        chat_completion(content)
