"""Rows on disk: what is refused, with file and line, and writes that are whole or not at all."""

from pathlib import Path

import pytest

from kamerton.formats.chat import ChatRow, chat
from kamerton.formats.errors import InputError
from kamerton.formats.jsonl import read_rows, write_rows, write_text

GOOD = '{"id": "a", "messages": [{"role": "user", "content": "hi"}]}\n'


def test_rows_come_back_as_they_were(tmp_path: Path) -> None:
    rows = [ChatRow(id="я", messages=chat("s", "вопрос\n", "ответ"), group="g")]
    write_rows(tmp_path / "rows.jsonl", rows)
    assert read_rows(tmp_path / "rows.jsonl", ChatRow) == rows


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", "the file is empty"),
        (GOOD.encode() + b"{", ":2: this line is not JSON"),
        (GOOD.encode() + b"[1]", ":2: this line is JSON but not an object"),
        (GOOD.encode() + b'{"id": "b"}', ":2: field messages"),
        (GOOD.replace('"a"', '"a", "extra": 1').encode(), ":1: field extra"),
        ("я".encode("cp1251"), "byte 0 is not UTF-8"),
    ],
)
def test_bad_files_name_file_and_line(tmp_path: Path, content: bytes, expected: str) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_bytes(content)
    with pytest.raises(InputError) as caught:
        read_rows(path, ChatRow)
    assert str(caught.value).startswith(str(path)) and expected in str(caught.value)


def test_a_failed_write_leaves_the_old_file_and_nothing_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "file.txt"
    write_text(path, "old")
    with pytest.raises(UnicodeEncodeError):
        write_text(path, "new \ud800")
    assert path.read_text() == "old" and list(tmp_path.iterdir()) == [path]
