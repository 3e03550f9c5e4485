"""Rows out of files of every kind, and public benchmarks as they were published."""

import json
import os
from pathlib import Path
from typing import Any

import pyarrow
import pytest
from pyarrow import parquet

from kamerton.develop.data.leaks.check import check
from kamerton.develop.data.leaks.files import BENCHMARKS, benchmark, benchmarks, read
from kamerton.formats.chat import ChatRow, chat
from kamerton.formats.errors import InputError

ROOT = Path(__file__).resolve().parents[5]
SHARED = Path(os.environ.get("KAMERTON_TEST_DATA") or ROOT.parent / "shared" / "data")
QUESTION = {"question": "Of what?", "answer": "Of bronze."}
TASK = {"task_id": "T/1", "prompt": "def f():\n", "canonical_solution": "    return 1\n"}


def write(path: Path, *rows: dict[str, Any]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".parquet":
        parquet.write_table(pyarrow.Table.from_pylist(rows), path)
    elif path.suffix == ".csv":
        lines = [",".join(rows[0]), *(",".join(map(str, row.values())) for row in rows)]
        path.write_text("\n".join(lines) + "\n", "utf-8")
    elif path.suffix == ".json":
        path.write_text(json.dumps(rows), "utf-8")
    else:
        path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    return path


def refused(call: Any, *args: Any) -> InputError:
    with pytest.raises(InputError) as caught:
        call(*args)
    assert str(caught.value)
    return caught.value


@pytest.mark.parametrize("suffix", [".json", ".jsonl", ".csv", ".parquet"])
def test_rows_of_every_kind_of_file_are_read_with_ids_and_groups(
    tmp_path: Path, suffix: str
) -> None:
    other = {"question": "Where?", "answer": "Here.", "id": "q2", "group": "cat"}
    path = write(tmp_path / f"rows{suffix}", QUESTION | {"id": "q1", "group": " god "}, other)
    made = read(path)
    assert [(row.id, row.group) for row in made] == [("q1", "god"), ("q2", "cat")]
    assert made[0].messages == chat("", "Of what?", "Of bronze.")


def test_rows_without_an_id_of_their_own_are_called_by_file_and_line(tmp_path: Path) -> None:
    twice, bare = QUESTION | {"id": 7}, QUESTION | {"id": None, "group": ""}
    path = write(tmp_path / "rows.jsonl", QUESTION, twice, twice, QUESTION | {"id": 8}, bare)
    names = [row.id for row in read(path)]
    assert names == ["rows.jsonl:1", "rows.jsonl:2", "rows.jsonl:3", "8", "rows.jsonl:5"]
    assert {row.group for row in read(path)} == {None}


def test_rows_of_several_forms_may_stand_in_one_file(tmp_path: Path) -> None:
    rows: list[dict[str, Any]] = [
        QUESTION,
        {"instruction": "Of what?", "input": "", "output": "Of bronze."},
        {"messages": [m.model_dump() for m in chat("", "Of what?", "Of bronze.")]},
    ]
    path = write(tmp_path / "rows.jsonl", *rows)
    assert {(row.prompt, row.answer) for row in read(path)} == {("Of what?", "Of bronze.")}


def test_an_unknown_form_is_told_with_its_line_and_the_known_forms(tmp_path: Path) -> None:
    path = write(tmp_path / "rows.jsonl", QUESTION, {"frage": "?", "antwort": "!"})
    error = refused(read, path)
    assert error.where == f"{path}:2" and "question + answer" in str(error)


def test_benchmarks_are_read_by_the_names_of_their_folders(tmp_path: Path) -> None:
    write(tmp_path / "humaneval" / "HumanEval.jsonl", TASK)
    write(tmp_path / "gsm8k" / "train.jsonl", QUESTION)
    write(tmp_path / "gsm8k" / "main" / "test-00000.parquet", {"question": "2?", "answer": "2"})
    write(tmp_path / "mbpp" / "latest.jsonl", {"task_id": 5, "text": "Add.", "code": "a + b"})
    write(tmp_path / "other" / "x.jsonl", QUESTION)
    found = benchmarks(tmp_path)
    assert {name: [row.id for row in rows] for name, rows in found.items()} == {
        "humaneval": ["humaneval:T/1"],
        "gsm8k": ["gsm8k:test-00000.parquet#1"],
        "mbpp": ["mbpp:5"],
    }
    assert found["humaneval"][0].answer == "    return 1\n"
    assert benchmark("mbpp", tmp_path / "mbpp" / "latest.jsonl") == found["mbpp"]


@pytest.mark.parametrize(
    "row",
    [
        {"task_id": 1, "prompt": "Add.", "code": "a + b"},
        {"task_id": 1, "text": "Add.", "code": "a + b"},
        {"task_id": "1", "prompt": "Add.", "canonical_solution": "a + b"},
    ],
)
def test_all_columns_that_mbpp_was_published_with_are_known(
    tmp_path: Path, row: dict[str, Any]
) -> None:
    made = benchmark("mbpp", write(tmp_path / "m.jsonl", row))
    assert made == [ChatRow(id="mbpp:1", messages=chat("", "Add.", "a + b"), origin=made[0].origin)]


def test_tasks_that_two_files_have_stand_there_once(tmp_path: Path) -> None:
    write(tmp_path / "a.jsonl", TASK)
    write(tmp_path / "b.jsonl", TASK, TASK | {"canonical_solution": "    return 2\n"})
    assert [row.answer.strip() for row in benchmark("humaneval", tmp_path)] == [
        "return 1",
        "return 2",
    ]


def test_bad_benchmarks_are_told(tmp_path: Path) -> None:
    path = write(tmp_path / "mbpp" / "x.jsonl", TASK, QUESTION)
    unknown = refused(benchmark, "mmlu", path)
    assert unknown.key == "develop.leaks_unknown_benchmark" and "gsm8k" in str(unknown)
    columns = refused(benchmark, "mbpp", path)
    assert columns.where == f"{path}:2" and "text + code" in str(columns)
    assert refused(benchmark, "mbpp", tmp_path / "no").key == "documents.missing"
    (tmp_path / "empty" / "deep").mkdir(parents=True)
    assert refused(benchmark, "mbpp", tmp_path / "empty").key == "develop.leaks_no_tables"
    none = refused(benchmarks, tmp_path / "empty")
    assert none.where == str(tmp_path / "empty") and ", ".join(BENCHMARKS) in str(none)


COUNTS = {"humaneval": 328, "gsm8k": 1319, "mbpp": 427}


@pytest.mark.parametrize("name", list(BENCHMARKS))
def test_a_benchmark_as_published_leaks_only_where_it_was_planted(name: str) -> None:
    place = SHARED / name
    if not place.is_dir():
        pytest.skip(f"no test data at {place}: set KAMERTON_TEST_DATA")
    tasks = benchmark(name, place)
    assert len(tasks) == COUNTS[name]
    clean = [ChatRow(id=f"t{n}", messages=chat("", f"Say {n}.", f"{n}.")) for n in range(200)]
    assert check(clean, tasks, "group").blocking == []
    task = tasks[3]
    fenced = f"Sure!\n```python\n{task.prompt}{task.answer}```"
    train = [*clean, ChatRow(id="seen", messages=chat("", f"Write code: {name}", fenced))]
    result = check(train, tasks, "group")
    planted = {leak.side for leak in result.blocking if leak.held_out == task.id}
    assert "prompt" in planted and {leak.seen_in for leak in result.blocking} == {"seen"}
