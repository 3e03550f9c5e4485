"""Programs in boxes of their own, judged from outside: what came of them, in their order."""

import os
from pathlib import Path

import pytest

from kamerton.experiment.code import workers
from kamerton.experiment.code.boxed import boxed
from kamerton.experiment.code.extract import program
from kamerton.experiment.code.tasks import CodeTask, humaneval, humaneval_plus
from kamerton.experiment.code.workers import judge_all
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
    found = boxed(TASK, source, SHORT)
    assert (found.status, told in found.detail) == (status, True), found


def test_many_programs_keep_their_order_past_one_that_hangs() -> None:
    hangs = PROMPT + "    while True:\n        pass\n"
    sources = [hangs, *(PROMPT + f"    return n * {k}\n" for k in (2, 3, 2, 2, 3, 2))]
    found = [one.status for one in judge_all([(TASK, source) for source in sources], SHORT, 2)]
    assert found == ["timeout", "passed", "failed", "passed", "passed", "failed", "passed"]


def test_inputs_are_compared_and_the_known_solution_runs_once() -> None:
    counts = "calls = []\n"
    known = CodeTask("own/2", PROMPT, "double", CHECK, "    return n + n\n", inputs=([5], [7.5]))
    wrong = PROMPT + "    return n * 2 if n < 7 else 0\n"
    found = list(judge_all([(known, counts + program(known)), (known, wrong)], SHORT, 1))
    assert [one.status for one in found] == ["passed", "failed"]
    assert found[0].calls == 4 and found[1].detail.startswith("input 1")


def test_a_long_answer_is_no_fault() -> None:
    check = "def check(candidate):\n    assert len(candidate(7_000_000)) == 7_000_000\n"
    task = CodeTask("own/3", "def long(n):\n", "long", check)
    assert boxed(task, "def long(n):\n    return 'a' * n\n").status == "passed"


def judged(source: str, check: str, entry_point: str = "f", prompt: str = "") -> str:
    return boxed(CodeTask("own/4", prompt, entry_point, check), source, SHORT).status


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
    assert boxed(CodeTask("own/5", "", "double", check, source), source, SHORT).passed


def test_a_candidate_may_have_the_name_of_its_check() -> None:
    """MBPP/56."""
    check = "def check(candidate):\n    assert check(3) == 9\n"
    assert judged("def check(x): return x * x", check, "check") == "passed"


@pytest.mark.parametrize(
    "check", ["def check(", "def check(f):\n    try: f(object())\n    except Exception: pass\n"]
)
def test_a_fault_of_the_check_is_not_the_candidate_s(check: str) -> None:
    with pytest.raises(InputError, match="the check of this task does not run"):
        judged("def f(x): return 1", check)


def test_a_result_that_is_hard_to_compare_costs_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers, "JUDGE_SECONDS", 1.0)
    check = "def check(candidate):\n    assert len(set(candidate())) == 50_000\n"
    task = CodeTask("own/6", "def f():\n", "f", check)
    one_hash = "def f():\n    return [i * (2**61 - 1) for i in range(50_000)]\n"
    right = "def f():\n    return list(range(50_000))\n"
    judged = list(judge_all([(task, one_hash), (task, right), (task, one_hash)], workers=2))
    assert [one.status for one in judged] == ["timeout", "passed", "timeout"]


def test_a_result_too_large_for_the_judge_costs_no_other() -> None:
    check = "def check(candidate):\n    assert len(candidate() * 2**29) == 8 * 2**29\n"
    task = CodeTask("own/7", "def f():\n", "f", check)
    large, small = "def f():\n    return [1] * 8\n", "def f():\n    return [1]\n"
    judged = list(judge_all([(task, large), (TASK, program(TASK)), (task, small)], workers=1))
    assert [one.status for one in judged] == ["limit", "passed", "limit"]


@pytest.mark.parametrize("huge", ["10 ** 400", "-(10 ** 5000)"])
def test_an_integer_above_all_floats_is_another_result(huge: str) -> None:
    task = CodeTask("own/8", "def f(x):\n", "f", "", "    return 0.5 * x\n", inputs=([1.0],))
    judged = list(judge_all([(task, f"def f(x):\n    return {huge}\n")], SHORT, 1))
    assert [one.status for one in judged] == ["failed"]


def published(plus: bool, step: int) -> list[CodeTask]:
    path = DATA / ("HumanEvalPlus.jsonl.gz" if plus else "HumanEval.jsonl.gz")
    if not path.is_file():
        pytest.skip(f"no test data at {path}: set KAMERTON_TEST_DATA")
    return (humaneval_plus if plus else humaneval)(path)[::step]


def solutions_pass_and_empty_bodies_do_not(tasks: list[CodeTask]) -> None:
    good = [one.passed for one in judge_all([(task, program(task)) for task in tasks])]
    empty = [one.passed for one in judge_all([(t, t.prompt + "    pass\n") for t in tasks])]
    assert len(tasks) >= 5 and all(good) and not any(empty)


@pytest.mark.parametrize("plus", [False, True])
def test_published_solutions_pass_and_empty_bodies_do_not(plus: bool) -> None:
    solutions_pass_and_empty_bodies_do_not(published(plus, 40 if plus else 20))


@pytest.mark.long
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("plus", [False, True])
def test_all_published_solutions_pass_and_empty_bodies_do_not(plus: bool) -> None:
    solutions_pass_and_empty_bodies_do_not(published(plus, 1))
