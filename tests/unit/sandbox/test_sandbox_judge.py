"""The judge: HumanEval and its kin are passed by their solutions, by nothing else."""

import gzip
import json
import os
from pathlib import Path
from typing import Any

import pytest

from kamerton.sandbox import (
    Checked,
    Job,
    Limits,
    Pool,
    available,
    check,
    check_all,
    close_enough,
    compare,
)
from kamerton.sandbox.wire import NotWritable

pytestmark = pytest.mark.skipif(not available(), reason="no sandbox: apt-get install bubblewrap")
DATA = Path(os.environ.get("KAMERTON_TEST_DATA") or Path(__file__).parents[4] / "shared" / "data")
TEST = "def check(candidate):\n    assert candidate(2, 3) == 5\n    assert add(1, 1) == 2, 'sum'\n"
ROOMY = Limits(cpu_seconds=60, memory_bytes=2**31, processes=4, output_bytes=2**26)


def rows(name: str) -> list[dict[str, Any]]:
    place = DATA / "humaneval" / f"{name}.jsonl.gz"
    if not place.is_file():
        pytest.skip(f"no test data at {place}: set KAMERTON_TEST_DATA")
    with gzip.open(place, "rt", encoding="utf-8") as stream:
        return [json.loads(line) for line in stream]


def job(source: str) -> Job:
    return Job(source, TEST, "add")


@pytest.mark.parametrize(
    ("source", "outcome", "detail"),
    [
        ("def add(a, b): return a + b", "passed", ""),
        ("def add(a, b): return 5", "failed", "sum"),
        ("def add(a, b): return None", "failed", ""),
        ("def add(a, b): return a / 0", "error", "ZeroDivisionError"),
        ("def plus(a, b): return a + b", "error", "KeyError"),
        ("def add(a, b)", "error", "SyntaxError"),
        ("def add(a, b):\n    while True: pass", "timeout", "cpu"),
        ("def add(a, b): return len(bytearray(2**31))", "limit", "memory"),
        ("def add(a, b): return 'x' * 2_000_000", "error", "too long"),
    ],
)
def test_the_word_of_the_judge(source: str, outcome: str, detail: str) -> None:
    checked = check(job(source), Limits(cpu_seconds=1, wall_seconds=10))
    assert checked.outcome == outcome
    assert detail in checked.detail
    assert checked.passed == (outcome == "passed")


def test_a_test_that_swallows_everything_is_not_passed_by_a_dead_box() -> None:
    test = "def check(candidate):\n    try: candidate()\n    except: pass\n"
    dead = Job("import os\ndef f(): os._exit(0)", test, "f")
    assert check(dead).outcome == "error"
    endless = Job("def f():\n    while True: pass", test, "f")
    assert check(endless, Limits(cpu_seconds=1)).outcome in ("error", "timeout")


def test_a_pass_that_took_too_long_is_a_timeout() -> None:
    slow = "import time\nwhile time.process_time() < 1.2: pass\ndef add(a, b): return a + b"
    assert check(job(slow), Limits(cpu_seconds=1)).outcome == "timeout"


def test_a_helper_of_the_test_is_not_the_candidate_s() -> None:
    """HumanEval/32 looks at the answer through `poly`, which the prompt defines."""
    test = "def check(candidate):\n    assert value(candidate()) == 0\n"
    forged = Job("def value(x): return 0\ndef f(): return 7", test, "f", "def value(x): return x")
    assert check(forged).outcome == "failed"


def test_a_test_may_call_other_functions_of_the_candidate() -> None:
    test = "def check(candidate):\n    assert half(candidate(4)) == 4\n"
    source = "def double(x): return 2 * x\ndef half(x): return x // 2"
    assert check(Job(source, test, "double", also=("half",))).passed


def test_a_candidate_may_have_the_name_of_its_test() -> None:
    test = "def check(candidate):\n    assert check(3) == 9\n"
    assert check(Job("def check(x): return x * x", test, "check")).passed


def test_many_are_judged_in_their_order() -> None:
    sources = [f"def add(a, b): return a + b + {i % 2}" for i in range(6)]
    expected = ["passed", "failed"] * 3
    with Pool(2) as pool:
        found = [c.outcome for c in check_all(map(job, sources), workers=2, pool=pool)]
    assert found == expected


def test_a_broken_test_is_no_fault_of_the_candidate() -> None:
    with pytest.raises(SyntaxError):
        check(Job("def f(): pass", "def check(", "f"))


@pytest.mark.parametrize(
    ("expected", "given", "good"),
    [
        (1.0, 1.0 + 1e-9, True), (1.0, 1.001, False), (1, 1.0, True), ([1.0], [1.0 + 1e-9], True),
        ([1.0], (1.0,), False), ([1.0, 2.0], [1.0], False), (float("nan"), float("nan"), True),
        ("a", None, False), ([[0.1]], [[0.1 + 1e-9]], True),
    ],
)  # fmt: skip
def test_floats_may_be_near(expected: Any, given: Any, good: bool) -> None:
    assert close_enough(0)([], expected, given) is good


def test_a_fault_of_ours_is_not_the_candidate_s() -> None:
    """The test hands over what cannot be written, and swallows the error."""
    test = "def check(candidate):\n    try: candidate(object())\n    except Exception: pass\n"
    with pytest.raises(NotWritable):
        check(Job("def f(x): return 1", test, "f"))


def humaneval(body: str | None) -> list[Checked]:
    jobs = [
        Job(
            r["prompt"] + (r["canonical_solution"] if body is None else body),
            r["test"],
            r["entry_point"],
            r["prompt"],
        )
        for r in rows("HumanEval")
    ]
    return list(check_all(jobs))


@pytest.mark.timeout(120)
def test_the_solutions_of_humaneval_pass() -> None:
    found = humaneval(None)
    assert [c for c in found if not c.passed] == []
    assert len(found) == 164


@pytest.mark.timeout(120)
def test_empty_bodies_pass_nowhere() -> None:
    assert [c.outcome for c in humaneval("    pass\n")].count("passed") == 0


def plus(row: dict[str, Any], body: str, inputs: int | None) -> Checked:
    """One candidate of HumanEval+; `find_zero` has many zeros, so its value is looked at."""

    def is_zero(arguments: Any, expected: Any, given: Any) -> bool:
        return abs(sum(c * given**i for i, c in enumerate(arguments[0]))) <= 1e-4

    agree = is_zero if row["entry_point"] == "find_zero" else close_enough(row["atol"])
    asked = row["base_input"] + row["plus_input"][:inputs]
    reference = row["prompt"] + row["canonical_solution"]
    return compare(row["prompt"] + body, reference, row["entry_point"], asked, agree, ROOMY)


def test_humaneval_plus_on_a_few_inputs_of_every_eighth_task() -> None:
    chosen = rows("HumanEvalPlus")[::8]
    assert all(plus(row, row["canonical_solution"], 5).passed for row in chosen)
    assert not any(plus(row, "    pass\n", 5).passed for row in chosen)


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_humaneval_plus_whole() -> None:
    found = {r["task_id"]: plus(r, r["canonical_solution"], None) for r in rows("HumanEvalPlus")}
    assert {name: c for name, c in found.items() if not c.passed} == {}
    assert len(found) == 164
    assert not any(plus(row, "    pass\n", 5).passed for row in rows("HumanEvalPlus"))
