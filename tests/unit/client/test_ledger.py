"""The ledger: a line for each request, good after a kill; and the key of a request."""

from pathlib import Path

import pytest
from pydantic import BaseModel

from kamerton.client.ledger import Ledger, request_key
from kamerton.formats.errors import InputError


class Row(BaseModel):
    key: str
    text: str = "Ёж\u2028и уж\nвместе"


def ledger(path: Path) -> Ledger[Row]:
    return Ledger(path, Row, "key")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    book = ledger(tmp_path / "new" / "ledger.jsonl")
    for name in "abc":
        book.append(Row(key=name))
    return book.path


def test_rows_come_back_as_they_were(path: Path) -> None:
    assert path.read_bytes().count(b"\n") == 3
    assert ledger(path).rows == [Row(key=name) for name in "abc"]
    assert ledger(path).get("b") == Row(key="b") and ledger(path).get("x") is None


def test_a_row_is_in_the_file_before_the_next_is_asked(path: Path) -> None:
    ledger(path).append(Row(key="d"))
    assert [row.key for row in ledger(path).rows] == list("abcd")


def test_a_line_cut_anywhere_is_dropped_and_what_follows_is_whole(path: Path) -> None:
    whole = path.read_bytes()
    start = whole.rindex(b"\n", 0, -1) + 1
    letter = whole.index("Ё".encode(), start)
    for cut in (start + 1, letter + 1, len(whole) - 2):
        path.write_bytes(whole[:cut])
        book = ledger(path)
        assert [row.key for row in book.rows] == ["a", "b"] and book.get("c") is None
        book.append(Row(key="d"))
        assert [row.key for row in ledger(path).rows] == ["a", "b", "d"]


def test_a_last_line_that_lacks_only_its_end_is_kept(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])
    ledger(path).append(Row(key="d"))
    assert [row.key for row in ledger(path).rows] == list("abcd")


def test_a_broken_line_in_the_middle_is_no_kill(path: Path) -> None:
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(lines[0] + lines[1][:20] + b"\n" + lines[2])
    with pytest.raises(InputError, match=r"ledger\.jsonl:2: this line is no row"):
        ledger(path)


def test_the_last_row_of_a_request_counts(path: Path) -> None:
    book = ledger(path)
    book.append(Row(key="a", text="again"))
    for one in (book, ledger(path)):
        found = one.get("a")
        assert found is not None and found.text == "again" and len(one.rows) == 4
    book.replace([Row(key="z")])
    assert book.get("a") is None and ledger(path).rows == [Row(key="z")]


def test_the_same_request_has_the_same_key() -> None:
    body = {"model": "m", "prompt": "text", "temperature": 0.7, "seed": 1, "max_tokens": 9}
    keys = {
        request_key("w", body),
        request_key("v", body),
        request_key("w", body, sample=1),
        request_key("w", body | {"prompt": "other"}),
        request_key("w", body | {"seed": 2}),
        request_key("w", body | {"max_tokens": 8}),
        request_key("w", body | {"temperature": 0}),
    }
    assert len(keys) == 7
    assert request_key("w", body | {"model": "an alias"}) == request_key("w", body)
    greedy = body | {"temperature": 0}
    assert request_key("w", greedy | {"seed": 2}) == request_key("w", greedy)
