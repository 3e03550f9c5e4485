"""Text out of tokens: whole characters only, and nothing from a stop text on."""

import pytest

from kamerton.engines.detokenizer import Detokenizer

HALF = "\ufffd"
RUSSIAN = "Где хранится идол — в Никосии? 🏺"


def of_bytes(ids: list[int]) -> str:
    """A tokenizer whose tokens are bytes, the hardest for whole characters."""
    return bytes(ids).decode("utf-8", "replace")


def told(content: bytes, *stops: str) -> list[str]:
    """The pieces of an answer, its end included; empty ones left out."""
    pieces, found = Detokenizer(of_bytes, stops), []
    for byte in content:
        found.append(pieces.add(byte))
        if pieces.stopped:
            break
    return [piece for piece in [*found, pieces.rest()] if piece]


def test_no_piece_has_half_a_character() -> None:
    naive = [of_bytes([byte]) for byte in RUSSIAN.encode()]
    assert any(HALF in piece for piece in naive), "each token by itself would be broken"
    assert told(RUSSIAN.encode()) == list(RUSSIAN), "one piece as soon as a character is whole"


def test_an_answer_cut_within_a_character_ends_before_it() -> None:
    assert "".join(told("идол".encode()[:-1])) == "идо"


def test_bytes_that_are_no_text_do_not_hold_up_what_follows() -> None:
    assert "".join(told(b"a\xd0b\xff\xffc")) == f"a{HALF}b{HALF}{HALF}c"


@pytest.mark.parametrize(
    ("text", "stops", "given"),
    [
        ("one\n\ntwo", ["\n\n"], "one"),
        ("one\ntwo", ["\n\n"], "one\ntwo"),
        ("one\n", ["\n\n"], "one\n"),
        ("aab", ["ab"], "a"),
        ("xyabc", ["abc", "ya"], "x"),
        ("идол и лев", ["и л"], "идол "),
        ("stop", ["stop"], ""),
        ("text", [""], "text"),
    ],
)
def test_a_stop_text_ends_the_answer_and_is_no_part_of_it(
    text: str, stops: list[str], given: str
) -> None:
    assert "".join(told(text.encode(), *stops)) == given


def test_a_stop_text_inside_one_token() -> None:
    words = ["The idol", " is. And", " then"]
    pieces = Detokenizer(lambda ids: "".join(words[i] for i in ids), [". A"])
    assert [pieces.add(0), pieces.add(1)] == ["The idol", " is"]
    assert pieces.stopped and pieces.rest() == ""


def test_what_may_begin_a_stop_text_waits() -> None:
    pieces = Detokenizer(of_bytes, ["END"])
    assert [pieces.add(byte) for byte in b"aENx"] == ["a", "", "", "ENx"]
