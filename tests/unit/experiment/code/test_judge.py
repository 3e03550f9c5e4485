"""Programs in boxes of their own, judged from outside: what came of them, in their order."""

import os
import re
from dataclasses import replace
from pathlib import Path

import pytest

from kamerton.experiment.code import workers
from kamerton.experiment.code.extract import extract, program
from kamerton.experiment.code.judge import judge
from kamerton.experiment.code.tasks import CodeTask, humaneval, humaneval_plus, mbpp
from kamerton.experiment.code.workers import Trial, judge_all, judge_one, solution, solved
from kamerton.formats.errors import InputError
from kamerton.sandbox import Limits, available

pytestmark = pytest.mark.skipif(not available(), reason="no sandbox: apt-get install bubblewrap")
ROOT = Path(__file__).resolve().parents[4]
DATA = Path(os.environ.get("KAMERTON_TEST_DATA") or ROOT.parent / "shared" / "data") / "humaneval"
PROMPT = 'def double(n):\n    """Twice n."""\n'
CHECK = "def check(candidate):\n    assert candidate(2) == 4\n    assert candidate(-3) == -6\n"
TASK = CodeTask("own/1", PROMPT, "double", CHECK, "    return n + n\n")
SHORT = Limits(cpu_seconds=1, wall_seconds=6, processes=4)
FORGED = (
    "class Yes(int):\n    def __eq__(self, other):\n        return True\n"
    "def double(n):\n    return Yes(7)\n"
)


@pytest.mark.parametrize(
    ("source", "status", "told"),
    [
        (program(TASK), "passed", ""),
        (PROMPT + "    return 4\n", "failed", ""),
        (FORGED, "failed", ""),
        (PROMPT + "    return n / 0\n", "error", "ZeroDivisionError"),
        ("def double(n:\n", "error", "SyntaxError"),
        ("def other(n):\n    return n\n", "error", "defines no double"),
        (PROMPT + "    while True:\n        pass\n", "timeout", "cpu"),
        (PROMPT + "    return len(bytearray(2**40))\n", "limit", ""),
        (PROMPT + "    import os\n    os._exit(0)\n", "error", "ended"),
        ("  \n", "failed", "no program"),
    ],
)
def test_what_comes_of_a_program(source: str, status: str, told: str) -> None:
    found = judge(TASK, source, SHORT)
    assert (found.status, told in found.detail) == (status, True), found


def test_many_programs_keep_their_order_past_one_that_hangs() -> None:
    hangs = PROMPT + "    while True:\n        pass\n"
    sources = [hangs, *(PROMPT + f"    return n * {k}\n" for k in (2, 3, 2, 2, 3, 2))]
    found = [one.status for one in judge_all([Trial(TASK, one, SHORT) for one in sources], 2)]
    assert found == ["timeout", "passed", "failed", "passed", "passed", "failed", "passed"]


def test_inputs_are_compared_and_the_known_solution_runs_once() -> None:
    counts = "calls = []\n"
    known = CodeTask("own/2", PROMPT, "double", CHECK, "    return n + n\n", inputs=([5], [7.5]))
    wrong = PROMPT + "    return n * 2 if n < 7 else 0\n"
    found = list(
        judge_all([Trial(known, one, SHORT) for one in (counts + program(known), wrong)], 1)
    )
    assert [one.status for one in found] == ["passed", "failed"]
    assert found[0].calls == 4 and found[1].detail.startswith("input 1")


def test_a_long_answer_is_no_fault() -> None:
    check = "def check(candidate):\n    assert len(candidate(7_000_000)) == 7_000_000\n"
    task = CodeTask("own/3", "def long(n):\n", "long", check)
    assert judge(task, "def long(n):\n    return 'a' * n\n").status == "passed"


def judged(source: str, check: str, entry_point: str = "f", prompt: str = "") -> str:
    return judge(CodeTask("own/4", prompt, entry_point, check), source, SHORT).status


def test_a_check_that_swallows_everything_is_not_passed_by_a_dead_box() -> None:
    check = "def check(candidate):\n    try: candidate()\n    except: pass\n"
    assert judged("import os\ndef f(): os._exit(0)", check) == "error"
    assert judged("def f():\n    while True: pass", check) == "timeout"


def test_a_pass_that_took_too_long_is_a_timeout() -> None:
    slow = "import time\nwhile time.process_time() < 1.2: pass\ndef f(): return 5"
    assert judged(slow, "def check(candidate):\n    assert candidate() == 5\n") == "timeout"


def test_a_helper_of_the_prompt_is_not_the_candidate_s() -> None:
    """HumanEval/32 looks at the answer through `poly`, which the prompt defines."""
    check = "def check(candidate):\n    assert value(candidate()) == 0\n"
    prompt = "def value(x): return x\ndef f():\n"
    assert judged("def value(x): return 0\ndef f(): return 7", check, prompt=prompt) == "failed"


def test_a_check_may_call_other_functions_of_the_candidate() -> None:
    check = "def check(candidate):\n    assert half(candidate(4)) == 4\n"
    source = "def double(x): return 2 * x\ndef half(x): return x // 2"
    assert judge(CodeTask("own/5", "", "double", check, source), source, SHORT).passed


def test_a_candidate_may_have_the_name_of_its_check() -> None:
    """MBPP/56."""
    check = "def check(candidate):\n    assert check(3) == 9\n"
    assert judged("def check(x): return x * x", check, "check") == "passed"


def test_a_check_that_does_not_run_is_not_the_candidate_s_fault() -> None:
    with pytest.raises(InputError, match="the check of this task does not run"):
        judged("def f(x): return 1", "def check(")


def test_a_check_that_calls_nothing_passes_nobody() -> None:
    with pytest.raises(InputError, match="own/4"):
        judged("def f(x): return 1", "def check(f): pass")


def test_a_candidate_cannot_change_the_check_s_lists() -> None:
    check = "def check(f):\n    a = [1, 2]\n    f(a)\n    assert a == [1, 2]\n"
    assert judged("def f(a): a.clear()", check) == "passed"


# Kinds of checks, each with a known solution and a wrong one.
CHECKS = dict(
    part.split("\n", 1)
    for part in (Path(__file__).parent / "checks.txt").read_text("utf-8").split("### ")[1:]
)


def of_kind(kind: str) -> tuple[CodeTask, str]:
    known, tests, wrong = re.split(r"--- (?:test|wrong)\n", CHECKS[kind].strip())
    check = "def check(candidate):\n" + "".join(f"    {line}\n" for line in tests.splitlines())
    return CodeTask(f"own/{kind}", "", "f", check, known, continues=False), wrong


def test_checks_of_every_kind_pass_their_known_solutions_and_no_others() -> None:
    pairs = [of_kind(kind) for kind in CHECKS]
    trials = list(solved([task for task, _ in pairs], SHORT))
    wrong = [
        replace(trial, source=source) for trial, (_, source) in zip(trials, pairs, strict=True)
    ]
    right = [replace(trial, source=trial.task.solution) for trial in trials]
    outcomes = list(judge_all([*right, *wrong]))
    kinds = list(CHECKS)
    assert [kind for kind, one in zip(kinds, outcomes, strict=False) if not one.passed] == []
    assert [
        kind for kind, one in zip(kinds, outcomes[len(kinds) :], strict=True) if one.passed
    ] == []


def test_a_check_that_its_known_solution_does_not_pass_is_named() -> None:
    bad = CodeTask("own/bad", PROMPT, "double", CHECK.replace("4", "5"), "    return n + n\n")
    swallowed = "def check(f):\n    try: f(object())\n    except Exception: pass\n"
    unfit = CodeTask("own/unfit", PROMPT, "double", swallowed, "    return n + n\n")
    with pytest.raises(InputError, match=r"own/bad, own/unfit: the known solution"):
        list(solved([TASK, bad, unfit], SHORT))


YES = """
class Yes:
    def __eq__(self, other): return True
    def __ne__(self, other): return False
    def __lt__(self, other): return True
    def __sub__(self, other): return 0
    def __abs__(self): return 0
    def __contains__(self, item): return True
    def __iter__(self): return iter([self])
    def __len__(self): return 2
"""


@pytest.mark.parametrize(
    "test",
    [
        "assert f() == 7", "assert not f() != 7", "assert abs(f() - 7) < 1", "assert 7 in f()",
        "assert list(f()) == [7]", "assert f() in [7]", "assert sorted([f(), 9]) == [7, 9]",
        "assert {f(): 1} == {7: 1}", "assert f() is True", "assert f() < 8",
    ],
)  # fmt: skip
def test_an_object_of_the_candidate_s_decides_no_comparison(test: str) -> None:
    assert judged(f"{YES}\ndef f(): return Yes()", f"def check(f):\n    {test}\n") != "passed"


@pytest.mark.parametrize(
    "source",
    [
        "raise ValueError('\ud800')", "raise Exception(*['\ud800'] * 9)", "return '\ud800' * 99",
        "return float('nan')", "return [f] * 99", "return 10 ** 5000", "return -10.0 ** 308 * 10",
        "return {1: {2: [f]}}", "x = []; x.append(x); return x", "return type('\ud800', (), {})()",
        "return iter(lambda: 1, 2)", "return range(10 ** 12)",
        "import sys; sys.setrecursionlimit(10**6); return f()",
        "from decimal import Decimal; return Decimal('1e999999')", "return (f() for _ in 'x')",
    ],
)  # fmt: skip
def test_whatever_an_answer_gives_is_judged_and_the_next_is_too(source: str) -> None:
    task = CodeTask("own/9", "", "f", "def check(f):\n    assert list(f()) == [0.5]\n")
    many = [
        Trial(task, f"def f():\n    {source}\n", SHORT),
        Trial(task, "def f(): return [0.5]", SHORT),
    ]
    assert [one.passed for one in judge_all(many, 1)] == [False, True]


def test_one_program_is_judged_after_another_by_the_same_worker() -> None:
    assert [judge_one(one).passed for one in (solution(TASK), Trial(TASK, FORGED))] == [True, False]


def test_a_result_that_is_hard_to_compare_costs_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers, "JUDGE_SECONDS", 1.0)
    check = "def check(candidate):\n    assert len(set(candidate())) == 50_000\n"
    task = CodeTask("own/6", "def f():\n", "f", check)
    one_hash = "def f():\n    return [i * (2**61 - 1) for i in range(50_000)]\n"
    right = "def f():\n    return list(range(50_000))\n"
    judged = list(judge_all([Trial(task, one) for one in (one_hash, right, one_hash)], 2))
    assert [one.status for one in judged] == ["timeout", "passed", "timeout"]


def test_a_result_too_large_for_the_judge_costs_no_other() -> None:
    check = "def check(candidate):\n    assert len(candidate() * 2**29) == 8 * 2**29\n"
    task = CodeTask("own/7", "def f():\n", "f", check)
    large, small = "def f():\n    return [1] * 8\n", "def f():\n    return [1]\n"
    judged = list(judge_all([Trial(task, large), solution(TASK), Trial(task, small)], 1))
    assert [one.status for one in judged] == ["limit", "passed", "limit"]


@pytest.mark.parametrize("huge", ["10 ** 400", "-(10 ** 5000)"])
def test_an_integer_above_all_floats_is_another_result(huge: str) -> None:
    task = CodeTask("own/8", "def f(x):\n", "f", "", "    return 0.5 * x\n", inputs=([1.0],))
    judged = list(judge_all([Trial(task, f"def f(x):\n    return {huge}\n", SHORT)], 1))
    assert [one.status for one in judged] == ["failed"]


def test_mbpp_s_own_solutions_pass_as_completions() -> None:
    path = DATA.parent / "mbpp" / "mbpp_sanitized.jsonl"
    if not path.is_file():
        pytest.skip(f"no test data at {path}: set KAMERTON_TEST_DATA")
    trials = [replace(solution(t), source=extract(t, t.solution).source) for t in mbpp(path)]
    wrong = [t.task.id for t, one in zip(trials, judge_all(trials), strict=True) if not one.passed]
    assert len(trials) == 427 and wrong == []


def published(plus: bool, step: int) -> list[CodeTask]:
    path = DATA / ("HumanEvalPlus.jsonl.gz" if plus else "HumanEval.jsonl.gz")
    if not path.is_file():
        pytest.skip(f"no test data at {path}: set KAMERTON_TEST_DATA")
    return (humaneval_plus if plus else humaneval)(path)[::step]


def solutions_pass_and_empty_bodies_do_not(tasks: list[CodeTask]) -> None:
    good = [one.passed for one in judge_all(map(solution, tasks))]
    empty = [one.passed for one in judge_all(Trial(t, t.prompt + "    pass\n") for t in tasks)]
    assert len(tasks) >= 5 and all(good) and not any(empty)


@pytest.mark.parametrize("plus", [False, True])
def test_published_solutions_pass_and_empty_bodies_do_not(plus: bool) -> None:
    solutions_pass_and_empty_bodies_do_not(published(plus, 40 if plus else 20))


@pytest.mark.long
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("plus", [False, True])
def test_all_published_solutions_pass_and_empty_bodies_do_not(plus: bool) -> None:
    solutions_pass_and_empty_bodies_do_not(published(plus, 1))
