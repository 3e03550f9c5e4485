"""What is read of a request, what is refused in words, and contents of every kind."""

from typing import Any

import pytest

from kamerton.engines.openai_api import (
    ApiError,
    ChatRequest,
    chunks,
    envelope,
    parse,
    parse_json,
    plain_messages,
    readable,
    refuse_unknown,
    text_of,
)
from kamerton.engines.protocol import Capabilities

USER = {"role": "user", "content": "?"}
CALL = {"id": "1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
CALLING = {"role": "assistant", "content": None, "tool_calls": [CALL]}
RESULT = {"role": "tool", "tool_call_id": "1", "content": "7"}
PICTURE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}
TEXTS = [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]


def chat(*messages: dict[str, Any], **more: object) -> ChatRequest:
    return parse({"model": "m", "messages": list(messages or [USER]), **more}, ChatRequest)


@pytest.mark.parametrize(
    ("more", "field"),
    [
        ({"messages": []}, "messages"),
        ({"messages": "?"}, "messages"),
        ({"messages": [{"content": "?"}]}, "messages.0.role"),
        ({"messages": [{"role": "user"}]}, "messages.0.content"),
        ({"messages": [USER, {"role": "user", "content": 7}]}, "messages.1.content"),
        ({"messages": [{"role": "user", "content": ["a"]}]}, "messages.0.content.0"),
        (
            {"messages": [{"role": "user", "content": [*TEXTS, {"type": "text", "text": None}]}]},
            "messages.0.content.2",
        ),
        ({"temperature": "hot"}, "temperature"),
        ({"temperature": -1}, "temperature"),
        ({"temperature": float("nan")}, "temperature"),
        ({"top_p": 2}, "top_p"),
        ({"max_tokens": "many"}, "max_tokens"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"max_completion_tokens": 0}, "max_completion_tokens"),
        ({"max_tokens": -2}, "max_tokens"),
        ({"stream": "yes"}, "stream"),
        ({"n": 0}, "n"),
    ],
)
def test_a_field_that_is_wrong_is_named(more: dict[str, object], field: str) -> None:
    with pytest.raises(ApiError) as caught:
        parse({"model": "m", "messages": [USER], **more}, ChatRequest)
    assert caught.value.status == 400 and caught.value.param == field


@pytest.mark.parametrize("content", [b"not json", b"", b"[" * 100_000])
def test_what_is_no_json_is_said(content: bytes) -> None:
    with pytest.raises(ApiError) as caught:
        parse_json(content)
    assert caught.value.status == 400


@pytest.mark.parametrize(
    "more",
    [
        {"response_format": {"type": "json_schema"}},
        {"logprobs": True},
        {"frequency_penalty": 0.5},
        {"tools": [{}]},
    ],
)
def test_a_field_that_would_be_ignored_is_refused(more: dict[str, object]) -> None:
    with pytest.raises(ApiError) as caught:
        refuse_unknown(chat(**more), "transformers")
    assert caught.value.status == 400 and caught.value.param == next(iter(more))


def test_fields_that_ask_for_nothing_pass() -> None:
    harmless = {"logprobs": False, "tools": [], "frequency_penalty": 0, "user": "u", "n": 1}
    refuse_unknown(chat(**harmless, id_slot=3, cache_prompt=True), "transformers")


def test_lengths_and_stops() -> None:
    def limit(**more: object) -> int | None:
        return chat(**more).limit

    assert limit() is None and limit(max_tokens=-1) is None and limit(max_tokens=7) == 7
    assert limit(max_tokens=7, max_completion_tokens=5) == 5
    assert chat(stop="a").stops == ["a"] and chat(stop=["a", "b"]).stops == ["a", "b"]
    assert chat().stops == [] == chat(stop=None).stops


def test_text_parts_are_one_text() -> None:
    (message,) = chat({"role": "user", "content": TEXTS}).messages
    assert text_of(message) == "ab"
    assert plain_messages(chat({"role": "user", "content": TEXTS}), "x")[0]["content"] == "ab"
    assert plain_messages(chat({"role": "assistant", "content": None}), "x")[0]["content"] == ""


@pytest.mark.parametrize(
    ("messages", "more", "able", "field"),
    [
        ([USER], {"tools": [{}]}, "tools", "tools"),
        ([USER, CALLING], {}, "tools", "messages.1.tool_calls"),
        ([USER, RESULT], {}, "tools", "messages.1.tool_calls"),
        ([{"role": "user", "content": [*TEXTS, PICTURE]}], {}, "images", "messages.0.content.2"),
        ([USER], {"response_format": {"type": "json_object"}}, "json_schema", "response_format"),
        ([USER], {"logprobs": True}, "logprobs", "logprobs"),
        ([USER], {}, "chat", "messages"),
    ],
)
def test_an_engine_gets_what_it_can_do_and_the_rest_is_refused(
    messages: list[dict[str, Any]], more: dict[str, object], able: str, field: str
) -> None:
    body = {"messages": messages, **more}
    with pytest.raises(ApiError) as caught:
        readable(body, Capabilities(chat=able != "chat"), "llama.cpp")
    assert caught.value.status == 400 and caught.value.param == field
    assert "llama.cpp" in caught.value.message
    assert readable(body, Capabilities(**{able: True}), "llama.cpp") == body


def test_scores_of_a_prompt_are_no_log_probabilities_of_an_answer() -> None:
    body = {"prompt": "a", "echo": True, "logprobs": 1}
    able = Capabilities(completions=True, prompt_logprobs=True)
    assert readable(body, able, "batched") == body
    for refused, field in ((body | {"echo": False}, "logprobs"), ({"prompt": "a"}, "prompt")):
        with pytest.raises(ApiError) as caught:
            readable(refused, able if field == "logprobs" else Capabilities(), "batched")
        assert caught.value.param == field


def test_a_plain_response_format_asks_for_nothing() -> None:
    body = {"messages": [USER], "response_format": {"type": "text"}}
    assert readable(body, Capabilities(), "x") == body


@pytest.mark.parametrize("is_chat", [True, False])
def test_a_whole_answer_as_a_stream(is_chat: bool) -> None:
    said = {"message": {"role": "assistant", "content": "Hi"}} if is_chat else {"text": "Hi"}
    answer = envelope("m", [{"index": 0, "finish_reason": "stop", **said}], 3, 1, is_chat)
    first, last = (chunk["choices"][0] for chunk in chunks(answer))
    assert (first["delta"]["content"] if is_chat else first["text"]) == "Hi"
    assert first["finish_reason"] is None and last["finish_reason"] == "stop"
    assert {chunk["id"] for chunk in chunks(answer)} == {answer["id"]}
