"""Files of code tasks, what their checks name, and when results are equal."""

import gzip
import json
import os
from pathlib import Path
from typing import Any

import pytest

from kamerton.experiment.code.extract import program
from kamerton.experiment.code.judge import same
from kamerton.experiment.code.tasks import called, caught, humaneval, humaneval_plus, mbpp
from kamerton.formats.errors import InputError

ROOT = Path(__file__).resolve().parents[4]
SHARED = Path(os.environ.get("KAMERTON_TEST_DATA") or ROOT.parent / "shared" / "data")
PROMPT = 'import math\n\n\ndef area(r):\n    """Area of a circle."""\n'
CHECK = """def check(candidate):
    assert abs(candidate(1) - math.pi) < 1e-6
    assert candidate(0) == 0
"""
BODY = "    return math.pi * r ** 2\n"


def _data(name: Any) -> Any:
    path = SHARED / name
    if not path.is_file():
        pytest.skip(f"no test data at {path}: set KAMERTON_TEST_DATA")
    return path


def test_published_files_are_read() -> None:
    assert len(humaneval(_data("humaneval/HumanEval.jsonl.gz"))) == 164
    plus = humaneval_plus(_data("humaneval/HumanEvalPlus.jsonl.gz"))
    assert (len(plus), sum(len(task.inputs) for task in plus)) == (164, 124_253)
    tasks = mbpp(_data("mbpp/mbpp_sanitized.jsonl"))
    assert len(tasks) == 427 and sum(not task.named for task in tasks) == 9


def test_mbpp_in_googles_form(tmp_path: Any) -> None:
    row = {
        "task_id": 9,
        "text": "Write a function to add two numbers.",
        "code": "def helper(a):\n    return a\n\ndef add(a, b):\n    return helper(a) + b",
        "test_list": ["assert add(1, 2) == 3", "assert math.isclose(add(0.1, 0.2), 0.3)"],
        "test_imports": ["import math"],
    }
    (tmp_path / "mbpp.jsonl").write_text(json.dumps(row), "utf-8")
    (task,) = mbpp(tmp_path / "mbpp.jsonl")
    assert task.entry_point == "add" and "assert add(1, 2) == 3" in task.prompt
    assert program(task) == row["code"]


@pytest.mark.parametrize(
    ("check", "names", "errors"),
    [
        ("assert f(1) == 2", ["f"], set()),
        ("assert list(map(f, [1])) == [2]", ["f"], set()),
        ("assert sum([1]) == 1", [], set()),
        ("assert total([1]) == g(2)", ["total", "g"], set()),
        ("try:\n    f(-1)\nexcept Negative as e:\n    assert e", ["f"], {"Negative"}),
        ("try:\n    f(-1)\nexcept (Late, ValueError):\n    pass", ["f"], {"Late"}),
        ("with pytest.raises(Late):\n    f(1)", ["f", "pytest"], {"Late"}),
        ("import math as m\nassert m.isclose(f(1), 2)", ["f"], set()),
        ("def half(x): return x / 2\nassert f(half) == half(2)", ["f"], set()),
        ("assert [x for x in f(3)] == [k for k in (1,)]", ["f"], set()),
    ],
)
def test_names_that_a_check_takes_from_a_solution(check: str, names: Any, errors: Any) -> None:
    assert called(check, "") == names
    assert caught(check) == errors


@pytest.mark.parametrize(
    ("found", "wanted", "equal"),
    [
        (0.1 + 0.2, 0.3, True),
        (3, 3.0, True),
        ([1.0, 2.0000001], [1.0, 2.0], True),
        ([1.0, 2.1], [1.0, 2.0], False),
        ((1, 2), [1, 2], False),
        ("0.3", 0.3, False),
        (float("nan"), float("nan"), True),
        (float("nan"), 1.0, False),
        ({"a": 0.1 + 0.2}, {"a": 0.3}, True),
        (None, 0.0, False),
        (5, 5.1, False),
    ],
)
def test_equal_results(found: Any, wanted: Any, equal: Any) -> None:
    assert same(found, wanted) is equal


def test_broken_files_are_named(tmp_path: Any) -> None:
    row = {"task_id": "a", "prompt": PROMPT, "entry_point": "area", "canonical_solution": BODY}
    path = tmp_path / "tasks.jsonl"
    path.write_text(json.dumps(row) + "\n", "utf-8")
    with pytest.raises(InputError, match=r"tasks.jsonl:1.*test"):
        humaneval(path)
    path.write_text(json.dumps(row | {"test": "def check(:"}) + "\n", "utf-8")
    with pytest.raises(InputError, match=r"tasks.jsonl:1.*does not run"):
        humaneval(path)
    path.write_text(2 * (json.dumps(row | {"test": CHECK}) + "\n"), "utf-8")
    with pytest.raises(InputError, match=r"tasks.jsonl:2.*twice"):
        humaneval(path)
    bad = tmp_path / "tasks.jsonl.gz"
    bad.write_bytes(b"no gzip")
    with pytest.raises(InputError, match="gzip"):
        humaneval(bad)
    bad.write_bytes(gzip.compress((json.dumps(row | {"test": CHECK}) + "\n").encode()))
    assert humaneval(bad)[0].id == "a"
