"""Rows on disk: what is refused, with file and line, and writes that are whole or not at all."""

import os
from pathlib import Path

import pytest
from pydantic import BaseModel

from kamerton.formats.chat import ChatRow, chat
from kamerton.formats.errors import InputError
from kamerton.formats.jsonl import (
    append_row,
    insist_file,
    read_rows,
    restored,
    write_rows,
    write_text,
)

GOOD = '{"id": "a", "messages": [{"role": "user", "content": "hi"}]}\n'


class Answer(BaseModel):
    """A row that takes any text."""

    texts: list[str]


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
        (GOOD.replace('"a"', '"a", "extra": 1').encode(), ":1: extra: Extra inputs"),
        (GOOD.replace('"a"', '"a", "id": "b"').encode(), ":1: this line is not JSON (the name id"),
        (GOOD.replace('"a"', "0").encode(), ":1: id: Input should be a valid string (it is 0)"),
        ("я".encode("cp1251"), "byte 0 is not UTF-8"),
    ],
)
def test_bad_files_name_file_and_line(tmp_path: Path, content: bytes, expected: str) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_bytes(content)
    with pytest.raises(InputError) as caught:
        read_rows(path, ChatRow)
    assert str(caught.value).startswith(str(path)) and expected in str(caught.value)


def test_half_a_character_is_written_and_read_again(tmp_path: Path) -> None:
    row = Answer(texts=["\ud83d is 7", "я"])
    write_rows(tmp_path / "rows.jsonl", [row])
    append_row(tmp_path / "rows.jsonl", row)
    assert read_rows(tmp_path / "rows.jsonl", Answer) == [row, row]
    assert restored(tmp_path / "rows.jsonl", Answer, "formats.not_json") == [row, row]


def test_a_failed_write_leaves_the_old_file_and_nothing_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "file.txt"
    write_text(path, "old")
    with pytest.raises(UnicodeEncodeError):
        write_text(path, "new \ud800")
    assert path.read_text() == "old" and list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("name", [".", "folder", "file.txt/below", "file.txt/very/far/below"])
def test_where_no_file_can_be_written(tmp_path: Path, name: str) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "file.txt").write_text("old")
    for write in (insist_file, lambda path: write_text(path, "new"), lambda p: write_rows(p, [])):
        with pytest.raises(InputError) as caught:
            write(tmp_path / name)
        assert str(caught.value).startswith(str(tmp_path / name))
    assert (tmp_path / "file.txt").read_text() == "old"


def test_a_pipe_is_written_to_and_stays(tmp_path: Path) -> None:
    place = tmp_path / "pipe"
    os.mkfifo(place)
    end = os.open(place, os.O_RDONLY | os.O_NONBLOCK)
    write_text(place, "told")
    assert os.read(end, 99) == b"told" and place.is_fifo()
    os.close(end)
