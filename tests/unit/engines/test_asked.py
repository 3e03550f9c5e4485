"""What the transformers engine reads of a request, and what it refuses instead of ignoring."""

import pytest

from kamerton.engines.asked import Asked, read
from kamerton.engines.errors import ApiError


def body(**more: object) -> dict[str, object]:
    return {"adapter": "soft", "messages": [{"role": "user", "content": "?"}], **more}


@pytest.mark.parametrize(
    ("more", "field"),
    [
        ({"messages": []}, "messages"),
        ({"temperature": "hot"}, "temperature"),
        ({"top_p": 2}, "top_p"),
        ({"max_tokens": "many"}, "max_tokens"),
        ({"response_format": {"type": "json_schema"}}, "response_format"),
        ({"logprobs": True}, "logprobs"),
        ({"frequency_penalty": 0.5}, "frequency_penalty"),
        ({"tools": [{}]}, "tools"),
    ],
)
def test_a_field_that_is_wrong_or_not_known_is_named(more: dict[str, object], field: str) -> None:
    with pytest.raises(ApiError) as caught:
        read(body(**more))
    assert caught.value.status == 400 and str(caught.value.param).startswith(field)


def test_fields_that_ask_for_nothing_pass() -> None:
    harmless = {"logprobs": False, "tools": [], "frequency_penalty": 0, "user": "u", "n": 1}
    assert read(body(**harmless, id_slot=3, cache_prompt=True)).adapter == "soft"


def test_lengths_and_stops() -> None:
    def most(**more: object) -> int | None:
        return read(body(**more)).most

    assert most() is None and most(max_tokens=-1) is None and most(max_tokens=7) == 7
    assert most(max_tokens=7, max_completion_tokens=5) == 5
    for zero in ("max_tokens", "max_completion_tokens"):
        with pytest.raises(ApiError):
            read(body(**{zero: 0}))
    assert read(body(stop="a")).stops == ["a"] and read(body(stop=["a", "b"])).stops == ["a", "b"]
    assert read(body()).stops == [] and isinstance(read(body(stop=None)), Asked)
