"""Files of code tasks, programs in answers, and judging with the candidate elsewhere."""

import copy
import gzip
import json
import os
from pathlib import Path
from typing import Any

import pytest

from kamerton.experiment.code.extract import extract, program
from kamerton.experiment.code.judge import Called, judge, plain, same
from kamerton.experiment.code.tasks import CodeTask, humaneval, humaneval_plus, mbpp
from kamerton.formats.errors import InputError

ROOT = Path(__file__).resolve().parents[4]
SHARED = Path(os.environ.get("KAMERTON_TEST_DATA") or ROOT.parent / "shared" / "data")
PROMPT = 'import math\n\n\ndef area(r):\n    """Area of a circle."""\n'
CHECK = """def check(candidate):
    assert abs(candidate(1) - math.pi) < 1e-6
    assert candidate(0) == 0
"""
BODY = "    return math.pi * r ** 2\n"
TASK = CodeTask("own/1", PROMPT, "area", CHECK, BODY)


def _plainly(value: Any) -> Any:
    """As a box sends results: what extends a plain type becomes one."""
    for kind in (dict, list, tuple, set):
        if isinstance(value, kind):
            if kind is dict:
                return {_plainly(k): _plainly(v) for k, v in value.items()}
            return kind(map(_plainly, value))
    return value


def call(source: Any, function: Any, args: Any) -> Any:
    """Runs what this test wrote itself or knows to be right; no box."""
    space = {}
    try:
        exec(source, space)
        return Called(_plainly(space[function](*copy.deepcopy(list(args)))))
    except Exception as error:
        return Called(fault="error", detail=f"{type(error).__name__}: {error}")


def _data(name: Any) -> Any:
    path = SHARED / name
    if not path.is_file():
        pytest.skip(f"no test data at {path}: set KAMERTON_TEST_DATA")
    return path


def test_humaneval_known_solutions_pass_and_empty_bodies_fail() -> None:
    tasks = humaneval(_data("humaneval/HumanEval.jsonl.gz"))
    passed = [judge(task, program(task), call).passed for task in tasks]
    empty = [judge(task, task.prompt + "    pass\n", call).passed for task in tasks]
    assert (len(tasks), sum(passed), sum(empty)) == (164, 164, 0)


def test_humaneval_solutions_are_found_in_answers() -> None:
    tasks = humaneval(_data("humaneval/HumanEval.jsonl.gz"))
    wrap = "Sure! Here it is:\n\n```python\n{}\n```\nIt runs in O(n)."
    for form in ("{}", wrap, "Here it is.\n\n{}\n\nIt runs in O(n)."):
        answers = [form.format(program(task)) for task in tasks]
        passed = [
            judge(task, extract(task, answer).source, call).passed
            for task, answer in zip(tasks, answers, strict=True)
        ]
        assert sum(passed) == 164


def test_humaneval_plus_on_its_quick_tasks() -> None:
    tasks = humaneval_plus(_data("humaneval/HumanEvalPlus.jsonl.gz"))
    assert (len(tasks), sum(len(task.inputs) for task in tasks)) == (164, 124_253)
    for task in tasks[:3] + tasks[31:33]:
        assert judge(task, program(task), call).passed, task.id
        assert not judge(task, task.prompt + "    pass\n", call).passed, task.id


def test_mbpp_known_solutions() -> None:
    tasks = mbpp(_data("mbpp/mbpp_sanitized.jsonl"))
    failed = {task.id for task in tasks if not judge(task, program(task), call).passed}
    # These return a Match object, which no box can send as a value of a plain type.
    assert failed == {"MbppEval/737", "MbppEval/787", "MbppEval/794"}
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
    assert judge(task, program(task), call).passed
    assert judge(task, "def add(a, b):\n    return a - b", call).status == "failed"


@pytest.mark.parametrize(
    "answer",
    [
        BODY,
        "return math.pi * r ** 2",
        "  return math.pi * r ** 2\n",
        BODY + "\n\nprint(area(2))\nassert area(0) == 1\n",
        f"```python\n{PROMPT}{BODY}```",
        f"```\n{BODY}```",
        f"```py\n{PROMPT}{BODY}",
        f"An example:\n```python\narea(1)\n```\nThe function:\n```python\ndef area(r):\n{BODY}```",
        f"Of course.\n\ndef area(r):\n{BODY}\nThis is right because it's so.",
        f"~~~python\ndef area(r):\n{BODY}~~~",
        BODY + "<|im_end|>",
        f"Конечно!\r\n\r\n```python\r\ndef area(r):\r\n{BODY}```\r\n",
    ],
)
def test_answers_of_many_forms(answer: Any) -> None:
    found = extract(TASK, answer)
    assert judge(TASK, found.source, call).passed, found


@pytest.mark.parametrize("answer", ["", "  \n", "I cannot help with that.", "```python\n\n```"])
def test_answers_without_a_program_do_not_pass(answer: Any) -> None:
    assert not judge(TASK, extract(TASK, answer).source, call).passed


def test_wrong_programs_and_faults_are_told_apart() -> None:
    assert judge(TASK, PROMPT + "    return 3\n", call).status == "failed"
    assert judge(TASK, PROMPT + "    return 'x'\n", call).status == "failed"
    assert judge(TASK, PROMPT + "    return 1 / 0\n", call).status == "error"
    assert judge(TASK, PROMPT + BODY, lambda *_: Called(fault="timeout")).status == "timeout"
    assert judge(TASK, PROMPT + BODY, lambda *_: Called(fault="limit")).status == "limit"


def test_a_result_that_equals_everything_is_refused() -> None:
    class Yes:
        def __eq__(self, other: Any) -> Any:
            return True

        __sub__ = __abs__ = __lt__ = lambda self, *_: self

    class Text(str):
        pass

    assert judge(TASK, "source", lambda *_: Called(Yes())).status == "error"
    assert not plain([Text("a")]) and not plain({"a": Yes()}) and plain([{1: (None, {2.5})}])


def test_a_check_cannot_turn_a_timeout_into_a_pass() -> None:
    check = """def check(candidate):
    try:
        candidate(1)
    except BaseException:
        pass
"""
    task = CodeTask("own/2", PROMPT, "area", check)
    assert judge(task, "source", lambda *_: Called(fault="timeout")).status == "timeout"


def test_a_check_that_calls_nothing_passes_nobody() -> None:
    task = CodeTask("own/3", PROMPT, "area", "def check(candidate):\n    pass\n")
    with pytest.raises(InputError, match="own/3"):
        judge(task, PROMPT + BODY, call)


def test_a_candidate_cannot_change_the_checks_lists() -> None:
    check = "def check(candidate):\n    a = [1, 2]\n    candidate(a)\n    assert a == [1, 2]\n"
    task = CodeTask("own/4", "def f(a):\n", "f", check)

    def spoil(source: Any, function: Any, args: Any) -> Any:
        args[0].clear()
        return Called(None)

    assert judge(task, "source", spoil).passed


def test_inputs_are_compared_with_the_known_solution() -> None:
    task = CodeTask("own/5", PROMPT, "area", CHECK, BODY, inputs=([2], [3.0]))
    assert judge(task, program(task), call).calls == 4
    wrong = PROMPT + "    return math.pi * r ** 2 if r < 3 else 0.0\n"
    assert judge(task, wrong, call).detail.startswith("input 1")


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
