"""A user's own tables: CSV in its kinds, JSONL, columns by name, samples of one question."""

import csv
import json
import re
from pathlib import Path

import pytest

from kamerton.experiment.tasks.tables import Columns, read_answers, read_table
from kamerton.formats.errors import InputError


def write(path: Path, text: str) -> Path:
    path.write_text(text, "utf-8")
    return path


def test_one_row_with_samples_or_a_row_for_each_is_the_same(tmp_path: Path) -> None:
    one = write(tmp_path / "a.jsonl", '{"id": 7, "answers": ["x", "y"]}\n{"id": 8, "answer": "z"}')
    with pytest.raises(InputError, match=r"a\.jsonl:2.*answers"):
        read_answers(one, Columns())
    one = write(tmp_path / "a.jsonl", '{"id": 7, "answers": ["x", "y"]}\n')
    each = write(
        tmp_path / "b.jsonl",
        '{"task_id": "7", "completion": "x"}\n{"task_id": "7", "completion": "y"}\n',
    )
    first, second = read_answers(one, Columns()), read_answers(each, Columns())
    assert [(r.id, r.answers) for r in first] == [(r.id, r.answers) for r in second]
    assert first[0].answers == ("x", "y")


@pytest.mark.parametrize(("ending", "sign"), [(".csv", ","), (".csv", ";"), (".tsv", "\t")])
def test_csv_of_all_kinds(tmp_path: Path, ending: str, sign: str) -> None:
    rows = ("№", "ответ", "образец"), ("1", f'"две{sign} части,\nи строка"', "да"), ("2", "", "нет")
    text = "".join(sign.join(row) + "\n" for row in rows)
    path = write(tmp_path / f"own{ending}", "\ufeff" + text)
    columns = Columns(id="№", answer="ответ", reference="образец")
    first, second = read_answers(path, columns)
    assert first.answers == (f"две{sign} части,\nи строка",) and first.references == ("да",)
    assert second.answers == ("",) and (second.id, second.group) == ("2", "2")


def test_rows_without_ids_are_numbered_and_groups_are_read(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", "answer,group\nx,vase\ny,vase\n")
    found = read_answers(path, Columns())
    assert [(one.id, one.group) for one in found] == [("0", "vase"), ("1", "vase")]


@pytest.mark.parametrize(
    ("text", "columns", "told"),
    [
        ("a,b\n1,2\n", Columns(), "no column “answer”; the file has: a, b.*--answer-column"),
        ("id,answer\n1,x\n", Columns(answer="reply"), "no column “reply”.*id, answer"),
        ("id,answer\n1,x,y\n", Columns(), r"own\.csv:2: the row has 3 cells"),
        ("id,answer\n1\n", Columns(), r"own\.csv:2: the row has 1 cells"),
        ('id,answer\n1,"x"y\n', Columns(), r"own\.csv:2: the row that begins here is no CSV"),
        ("id,answer\n", Columns(), "no answers in this file"),
        ("id,answer,target\n1,x,a\n1,y,b\n", Columns(), r"own\.csv:3: 1 stands here twice"),
    ],
)
def test_broken_tables_are_named(tmp_path: Path, text: str, columns: Columns, told: str) -> None:
    with pytest.raises(InputError) as error:
        read_answers(write(tmp_path / "own.csv", text), columns)
    assert re.search(told, str(error.value)), str(error.value)


@pytest.mark.parametrize("cell", ["null", "[]", "[null]", "[[]]", "true", "{}", "NaN"])
def test_a_cell_that_is_no_text_is_named(tmp_path: Path, cell: str) -> None:
    path = write(tmp_path / "a.jsonl", f'{{"id": 1, "answers": {cell}}}\n')
    with pytest.raises(InputError, match=r"a\.jsonl:1: “answers”"):
        read_answers(path, Columns())


def test_a_small_table_leaves_larger_ones_readable(tmp_path: Path) -> None:
    """The limit of a field is one for the whole process."""
    (tmp_path / "a.csv").write_text("id,answer\n1,yes\n", "utf-8")
    before = csv.field_size_limit()
    read_answers(tmp_path / "a.csv", Columns(), references=False)
    assert csv.field_size_limit() >= before


@pytest.mark.parametrize(
    "ids", [["0", "1", ""], ["", "0"], ["a", None], [1, "  "], ["1", float("nan")], [None, None]]
)
@pytest.mark.parametrize("column", ["id", "task_id"])
def test_a_row_without_an_id_among_rows_with_ids_is_refused(
    tmp_path: Path, ids: list[object], column: str
) -> None:
    rows = [{column: id, "answer": "x", "question": "?"} for id in ids]
    path = write(tmp_path / "a.jsonl", "".join(json.dumps(row) + "\n" for row in rows))
    place = next(n for n, id in enumerate(ids, 1) if id is None or id != id or not str(id).strip())
    with pytest.raises(InputError, match=rf"a\.jsonl:{place}: .*{column}"):
        read_answers(path, Columns())
    with pytest.raises(InputError, match=rf"a\.jsonl:{place}: .*{column}"):
        list(read_table(path).keyed_texts("answer", column))


def test_an_id_of_nought_is_an_id(tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", '{"id": 0, "answer": 0}\n{"id": 1, "answer": 1.5}\n')
    assert [(one.id, one.answers) for one in read_answers(path, Columns())] == [
        ("0", ("0",)),
        ("1", ("1.5",)),
    ]


@pytest.mark.parametrize("text", ["a,a", "id,answer,answer", "answer, answer", "id,answer,,id"])
def test_equal_column_names_are_refused(tmp_path: Path, text: str) -> None:
    row = ",".join("x" * (text.count(",") + 1))
    with pytest.raises(InputError, match=r"own\.csv:1: every column needs a name of its own"):
        read_answers(write(tmp_path / "own.csv", f"{text}\n{row}\n"), Columns())


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("\ud83d", "\ufffd"),
        ("a\udc00b", "a\ufffdb"),
        ("\ud83d\ude00", "\U0001f600"),
        ("\ude00\ud83d", "\ufffd\ufffd"),
        ("x\ud83d", "x\ufffd"),
        ("\ud83dж\udfff", "\ufffdж\ufffd"),
        ("a\u2028b\u0085c\x1cd", "a\u2028b\u0085c\x1cd"),
    ],
)
def test_half_letters_become_a_letter_that_a_file_can_hold(
    tmp_path: Path, written: str, read: str
) -> None:
    rows = [{"id": written + "1", "answer": written}, {"id": "2", "answers": [written, "b"]}]
    path = write(tmp_path / "a.jsonl", "".join(json.dumps(row) + "\n" for row in rows[:1]))
    assert [(one.id, one.answers) for one in read_answers(path, Columns())] == [
        (read + "1", (read,))
    ]
    path = write(tmp_path / "a.jsonl", json.dumps(rows[1]))
    assert read_answers(path, Columns())[0].answers == (read, "b")
