"""Tables row by row: places, charsets, separators; broken rows and lines without end."""

import gzip
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pyarrow
import pytest
from pyarrow import parquet

from kamerton.documents import tables
from kamerton.documents.tables import read_table
from kamerton.formats.errors import InputError

ROWS: list[dict[str, Any]] = [
    {"question": "Кто?", "answer": "Мастер, он же сторож"},
    {"question": "Где?", "answer": 'В "Твери"'},
]


def error(path: Path) -> InputError:
    with pytest.raises(InputError) as caught:
        list(read_table(path))
    assert str(caught.value)
    return caught.value


def put(path: Path, content: str | bytes) -> Path:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def jsonl(rows: list[dict[str, Any]]) -> str:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def test_jsonl_names_the_lines_and_passes_over_blank_ones(tmp_path: Path) -> None:
    first, second = jsonl(ROWS).splitlines()
    path = put(tmp_path / "a.jsonl", f"\ufeff{first}\n\n  \n{second}")
    assert list(read_table(path)) == [(f"{path}:1", ROWS[0]), (f"{path}:4", ROWS[1])]


def test_a_line_separator_inside_a_text_is_no_line_end(tmp_path: Path) -> None:
    row = {"text": "one\u2028two\u0085three"}
    path = put(tmp_path / "a.jsonl", jsonl([row, row]))
    assert list(read_table(path)) == [(f"{path}:1", row), (f"{path}:2", row)]


@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("charset", ["utf-8", "utf-8-sig", "cp1251", "utf-16"])
def test_csv_tells_separator_and_charset(tmp_path: Path, separator: str, charset: str) -> None:
    text = f'question{separator}"answer, full; long"\r\nКто?{separator}"Мастер, ""сторож"""\r\n\r\n'
    text += f'Где?{separator}"В доме\r\nу реки"\r\nЗачем?{separator}\r\n'
    path = put(tmp_path / "a.csv", text.encode(charset))
    found = list(read_table(path))
    assert [where for where, _ in found] == [f"{path}:2", f"{path}:4", f"{path}:6"]
    assert [list(row.values()) for _, row in found] == [
        ["Кто?", 'Мастер, "сторож"'],
        ["Где?", "В доме\r\nу реки"],
        ["Зачем?", ""],
    ]
    assert list(found[0][1]) == ["question", "answer, full; long"]


def test_a_cell_longer_than_the_librarys_own_limit_is_read(tmp_path: Path) -> None:
    article = "слово " * 50_000
    path = put(tmp_path / "a.csv", f"article,abstract\n{article},short\n")
    assert next(read_table(path))[1]["article"] == article


@pytest.mark.parametrize("wrapped", [False, True])
def test_json_is_a_list_or_an_object_with_one_list(tmp_path: Path, wrapped: bool) -> None:
    value = {"version": 1, "tags": ["a"], "data": ROWS} if wrapped else ROWS
    path = put(tmp_path / "a.json", json.dumps(value, indent=1))
    assert list(read_table(path)) == [(f"{path}#1", ROWS[0]), (f"{path}#2", ROWS[1])]


def test_json_lines_called_json_are_read_as_lines(tmp_path: Path) -> None:
    path = put(tmp_path / "a.json", jsonl(ROWS))
    assert list(read_table(path)) == [(f"{path}:1", ROWS[0]), (f"{path}:2", ROWS[1])]


def test_packed_files_are_read(tmp_path: Path) -> None:
    for name, text in (("a.jsonl.gz", jsonl(ROWS)), ("a.json.gz", json.dumps(ROWS))):
        found = list(read_table(put(tmp_path / name, gzip.compress(text.encode()))))
        assert [row for _, row in found] == ROWS
    table = gzip.compress("question,answer\nКто?,Я\n".encode("cp1251"))
    assert next(read_table(put(tmp_path / "a.csv.gz", table)))[1] == {
        "question": "Кто?",
        "answer": "Я",
    }


def test_a_packed_file_that_is_cut_short_is_refused(tmp_path: Path) -> None:
    data = gzip.compress(jsonl(ROWS * 500).encode())
    path = put(tmp_path / "a.jsonl.gz", data[: len(data) // 2])
    assert error(path).key == "documents.unreadable"


def table(path: Path, count: int) -> Path:
    rows = [
        {"id": n, "messages": [{"role": "user", "content": f"текст {n}"}]} for n in range(count)
    ]
    parquet.write_table(pyarrow.Table.from_pylist(rows), path, row_group_size=100)
    return path


def test_parquet_gives_nested_rows_with_their_numbers(tmp_path: Path) -> None:
    path = table(tmp_path / "a.parquet", 700)
    found = list(read_table(path))
    assert len(found) == 700
    messages = [{"role": "user", "content": "текст 699"}]
    assert found[699] == (f"{path}#700", {"id": 699, "messages": messages})


@pytest.mark.parametrize("share", [0.0, 0.3, 0.999])
def test_a_parquet_file_that_is_cut_short_is_refused(tmp_path: Path, share: float) -> None:
    data = table(tmp_path / "a.parquet", 700).read_bytes()
    path = put(tmp_path / "b.parquet", data[: int(len(data) * share)])
    caught = error(path)
    assert caught.key == "documents.bad_parquet" and caught.where == str(path)


def test_a_parquet_file_that_is_damaged_inside_is_refused(tmp_path: Path) -> None:
    data = bytearray(table(tmp_path / "a.parquet", 700).read_bytes())
    data[4:400] = b"\xff" * 396
    assert error(put(tmp_path / "b.parquet", bytes(data))).key == "documents.bad_parquet"


@pytest.mark.parametrize("name", ["a.jsonl", "a.csv"])
def test_a_line_over_the_limit_is_refused(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tables, "LINE_LIMIT", 200)
    fit = '{"a": "' + "x" * 191 + '"}' if name == "a.jsonl" else "a," + "x" * 197
    assert len(fit) == 200 - (name == "a.csv")
    path = put(
        tmp_path / name, f'{{"a": 1}}\n{fit[:-3]}"}}\n' if name == "a.jsonl" else f"a,b\n{fit}\n"
    )
    assert len(list(read_table(path))) == (2 if name == "a.jsonl" else 1)
    path = put(tmp_path / name, path.read_bytes() + b"y" * 201 + b"\n")
    caught = error(path)
    assert caught.key == "documents.long_line"
    assert caught.where == f"{path}:3" and caught.values["limit"] == 200


SPARSE = """
import resource, sys
from pathlib import Path
from kamerton.documents.tables import read_table
from kamerton.formats.errors import InputError
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
try:
    next(read_table(Path(sys.argv[1])))
except InputError as error:
    print(error.key, error.where.rsplit("/", 1)[-1])
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("a.jsonl", "documents.long_line a.jsonl:1"),
        ("a.json", "documents.big_json a.json"),
        ("a.csv", "documents.binary a.csv"),
    ],
)
def test_two_gigabytes_without_a_line_end_take_little_memory(
    tmp_path: Path, name: str, expected: str
) -> None:
    path = tmp_path / name
    with path.open("wb") as stream:
        stream.truncate(2 * 1024**3)
    command = [sys.executable, "-c", SPARSE, str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    said, kilobytes = done.stdout.splitlines()
    assert said == expected
    assert int(kilobytes) < 4 * tables.LINE_LIMIT / 1024


def test_a_packed_line_without_an_end_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tables, "LINE_LIMIT", 10_000)
    path = put(tmp_path / "a.jsonl.gz", gzip.compress(b"x" * 1_000_000))
    assert error(path).key == "documents.long_line"
    monkeypatch.setattr(tables, "JSON_LIMIT", 100_000)
    path = put(tmp_path / "a.json.gz", gzip.compress(b"[" * 1_000_000))
    assert error(path).key == "documents.big_json"


GOOD = '{"a": 1}\n'


@pytest.mark.parametrize(
    ("name", "content", "key", "place"),
    [
        ("a.jsonl", GOOD + '{"a": \n', "formats.not_json", ":2"),
        ("a.jsonl", GOOD + "[1, 2]\n", "formats.not_object", ":2"),
        ("a.jsonl", GOOD + "[" * 100_000 + "\n", "formats.not_json", ":2"),
        ("a.jsonl", GOOD + '{"a": 1, "b": 2, "a": 3}', "formats.not_json", ":2"),
        ("a.json", '[{"a": 1, "a": 1}]', "not_json", ""),
        ("a.jsonl", GOOD.encode() + b'{"a": "\xff"}\n', "damaged", ":2"),
        ("a.jsonl", "\n \n", "no_rows", ""),
        ("a.json", "", "not_json", ":1"),
        ("a.json", '[\n{"a": 1},\n{"a" 2}]', "not_json", ":3"),
        ("a.json", '[{"a": 1}, 2]', "formats.not_object", "#2"),
        ("a.json", '{"a": [{}], "b": [{}]}', "no_list", ""),
        ("a.json", '"text"', "no_list", ""),
        ("a.json", "[" * 100_000, "not_json", ""),
        ("a.csv", "", "no_rows", ""),
        ("a.csv", "a,b\n", "no_rows", ""),
        ("a.csv", "a,b\n1,2\n1,2,3\n", "ragged", ":3"),
        ("a.csv", 'a,b\n1,"2\n2\n', "bad_csv", ":2"),
        ("a.csv", "a,a\n1,2\n", "bad_header", ":1"),
        ("a.csv", "a,b, a \n1,2,3\n", "bad_header", ":1"),
        ("a.csv", "a,b\r1,2\r1,2,3\r", "ragged", ":3"),
        (
            "a.csv",
            b"a,b\n" + "ёлка,1\n".encode("cp1251") * 200_000 + b"\x98",
            "damaged",
            ":200002",
        ),
        ("a.csv", "a,b\nя,1\nя".encode("utf-16")[:-1], "damaged", ":3"),
        ("a.xls", "", "no_table", ""),
        ("parquet.gz", "", "no_table", ""),
    ],
)
def test_a_broken_table_names_file_and_row(
    tmp_path: Path, name: str, content: str | bytes, key: str, place: str
) -> None:
    path = put(tmp_path / name, content)
    caught = error(path)
    assert caught.key == (key if "." in key else f"documents.{key}")
    assert caught.where == f"{path}{place}"


def test_a_table_that_is_not_there_is_named(tmp_path: Path) -> None:
    caught = error(tmp_path / "nowhere.csv")
    assert caught.key == "documents.missing" and "nowhere.csv" in str(caught)


def test_rows_come_before_a_broken_one_is_met(tmp_path: Path) -> None:
    rows = read_table(put(tmp_path / "a.jsonl", GOOD + "no\n"))
    assert next(rows)[1] == {"a": 1}
    with pytest.raises(InputError, match=r"a\.jsonl:2"):
        next(rows)


LINES = [
    "id,answer,reference",
    "1,Да,Да",
    '2,"Два\x0bслова",Нет',
    '"3","a, ""b""",c',
    "4,,-",
    "5,x,y",
]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("charset", ["utf-8", "utf-8-sig", "cp1251", "utf-16"])
def test_lines_end_as_on_any_system(tmp_path: Path, end: str, charset: str) -> None:
    path = put(tmp_path / "a.csv", (end.join(LINES) + end + end).encode(charset))
    found = list(read_table(path))
    assert [where for where, _ in found] == [f"{path}:{n}" for n in range(2, 7)]
    assert [row["answer"] for _, row in found] == ["Да", "Два\x0bслова", 'a, "b"', "", "x"]
    if charset.startswith("utf-8"):
        rows = [{"text": "one\u2028two\u0085three\x1cfour\x0b"}, {"text": "\r\n"}]
        path = put(tmp_path / "a.jsonl", end.join(json.dumps(r, ensure_ascii=False) for r in rows))
        assert [row for _, row in read_table(path)] == rows


@pytest.mark.parametrize("last", [",,", ",,\n,,\n", "\n\n", '"","",""', ""])
def test_blank_rows_as_spreadsheets_leave_them_are_passed_over(tmp_path: Path, last: str) -> None:
    path = put(tmp_path / "a.csv", ",id,answer\n0,1,x\n1,2,y\n" + last)
    assert [row for _, row in read_table(path)] == [
        {"id": "1", "answer": "x"},
        {"id": "2", "answer": "y"},
    ]


PIPED = {
    "jsonl": jsonl(ROWS).encode(),
    "jsonl with a mark": b"\xef\xbb\xbf \n" + jsonl(ROWS).encode(),
    "json": json.dumps(ROWS).encode(),
    "csv": b"question,answer\n" + 'Кто?,"Мастер, он же сторож"\nГде?,"В ""Твери"""'.encode(),
    "cp1251": 'question;answer\rКто?;Мастер, он же сторож\rГде?;"В ""Твери"""'.encode("cp1251"),
}
READ = """
import sys
from pathlib import Path
from kamerton.documents.tables import read_table
from kamerton.formats.errors import InputError
try:
    print([row for _, row in read_table(Path(sys.argv[1]))], file=sys.stderr)
except InputError as error:
    print(error, file=sys.stderr)
"""


@pytest.mark.parametrize("place", ["-", "/dev/stdin"])
def test_standard_input_is_a_table_like_others(place: str) -> None:
    def read(content: bytes) -> str:
        command = [sys.executable, "-c", READ, place]
        done = subprocess.run(command, input=content, capture_output=True, check=True)
        return done.stderr.decode()

    for content in (PIPED["jsonl with a mark"], PIPED["cp1251"]):
        assert read(content) == f"{ROWS}\n"
    assert read(b'{"a": 1}\n{').startswith(f"{place}:2: ")
    assert read(b"").startswith(f"{place}: ")


@pytest.mark.parametrize("content", PIPED)
def test_a_name_without_a_kind_is_told_by_how_the_file_begins(tmp_path: Path, content: str) -> None:
    path = put(tmp_path / "answers.txt", PIPED[content])
    assert [row for _, row in read_table(path, any_name=True)] == ROWS
    with pytest.raises(InputError, match=r"answers\.txt"):
        list(read_table(path))


@pytest.mark.parametrize(
    ("cell", "text"),
    [
        *(("", ""), (" a ", " a "), (0, "0"), (1887, "1887"), (-0.5, "-0.5"), (2.0, "2.0")),
        *((None, ""), (float("nan"), ""), (True, None), ([], None), ({}, None), (b"a", None)),
    ],
)
def test_a_cell_as_a_text(cell: object, text: str | None) -> None:
    assert tables.text_of(cell) == text
    if text is None:
        with pytest.raises(InputError, match=r"a\.csv:1.*answer"):
            tables.whole_text(cell, "answer", "a.csv:1")
