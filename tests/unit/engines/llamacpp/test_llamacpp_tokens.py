"""What llama.cpp tells of tokens stands at the tokens that it tells it of."""

import pytest

from kamerton.engines.llamacpp.tokens import _placed, unfinished


def entry(token: int) -> dict[str, object]:
    return {"id": token, "top_logprobs": [{"id": token, "logprob": -1.0}]}


def test_probabilities_are_placed_at_the_tokens_that_they_were_told_for() -> None:
    # The engine tells none while a character is cut: three bytes of a three-byte sign, twice 0x80.
    pieces = {7: b"\xe2", 8: b"\x80", 9: b"a"}
    found = _placed([9, 7, 8, 8, 9], [entry(9), entry(8), entry(9)], pieces)
    assert [None if one is None else dict(one) for one in found] == [
        {9: -1.0},
        None,
        None,
        {8: -1.0},
        {9: -1.0},
    ]
    with pytest.raises(RuntimeError):
        _placed([9, 9], [entry(9), entry(8)], pieces)


@pytest.mark.parametrize("text", ["№", "я", "🏺", "a", "🏺я№"])
def test_a_text_is_unfinished_until_its_last_byte(text: str) -> None:
    whole, last = text.encode(), len(text[-1].encode())
    assert not unfinished(whole)
    for missing in range(1, last):
        assert unfinished(whole[:-missing])
