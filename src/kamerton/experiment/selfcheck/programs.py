"""Known truth of code: published solutions pass, empty bodies do not, pass@k and CodeBLEU."""

from collections.abc import Callable, Iterator, Sequence
from itertools import combinations
from math import prod
from pathlib import Path

from kamerton.experiment.code.tasks import CodeTask, humaneval, humaneval_plus
from kamerton.experiment.code.workers import Trial, judge_all, solution
from kamerton.experiment.scorers.pass_at_k import pass_at_k
from kamerton.experiment.selfcheck.comparison import (
    Comparison,
    Setting,
    Tell,
    equal,
    farthest,
    skipped,
    small,
)
from kamerton.experiment.tasks.programs import HUMANEVAL, HUMANEVAL_PLUS
from kamerton.formats.errors import InputError
from kamerton.formats.language import say
from kamerton.sandbox import require

_CHEN = "Chen et al. 2021, arXiv 2107.03374"
_LIU = "Liu et al. 2023, arXiv 2305.01210"
TASKS = 164
EVERY = 8
"""Without --all every eighth task of HumanEval+ is run, with all of its inputs."""


def check_humaneval(setting: Setting, tell: Tell) -> Iterator[Comparison]:
    """All solutions of HumanEval in boxes: 164 of 164; and 164 empty bodies: 0."""
    return _both("humaneval", HUMANEVAL, humaneval, 1, _CHEN, setting, tell)


def check_humaneval_plus(setting: Setting, tell: Tell) -> Iterator[Comparison]:
    """The same of HumanEval+; every eighth task unless everything is wanted."""
    every = 1 if setting.everything else EVERY
    return _both("humaneval_plus", HUMANEVAL_PLUS, humaneval_plus, every, _LIU, setting, tell)


def check_pass_at_k(setting: Setting, tell: Tell) -> Iterator[Comparison]:
    """pass@k by counting subsets, for all n up to 8; and by the product of the paper for n 200."""
    wanted, found = [], []
    for n in range(1, 9):
        for c in range(n + 1):
            sample = [True] * c + [False] * (n - c)
            for k in range(1, n + 1):
                subsets = list(combinations(sample, k))
                wanted.append(sum(map(any, subsets)) / len(subsets))
                found.append(pass_at_k(n, c, k))
    yield small("pass_at_k", farthest(found, wanted), 1e-12, _CHEN)
    counts = (1, 10, 60, 100)
    products = [1 - prod(1 - 100 / n for n in range(200 - c + 1, 201)) for c in counts]
    ours = [pass_at_k(200, c, 100) for c in counts]
    yield small("pass_at_k_product", farthest(ours, products), 1e-12, _CHEN)
    tell(1)


def _both(
    name: str,
    published: str,
    read: Callable[[Path], Sequence[CodeTask]],
    every: int,
    source: str,
    setting: Setting,
    tell: Tell,
) -> Iterator[Comparison]:
    count = -(-TASKS // every)
    expected = {name: f"{count}/{count}", f"{name}_empty": f"0/{count}"}
    path = (setting.data or Path()) / published
    if why := _missing(path, published, setting):
        for what, wanted in expected.items():
            yield skipped(what, wanted, source, why)
        return
    tasks = read(path)[::every]
    solutions = [solution(one) for one in tasks]
    bodies = [Trial(one, f"{one.prompt}    pass\n") for one in tasks]
    for (what, wanted), trials in zip(expected.items(), (solutions, bodies), strict=True):
        yield _passed(what, trials, wanted, source, tell)


def _passed(
    what: str, trials: Sequence[Trial], expected: str, source: str, tell: Tell
) -> Comparison:
    odd: list[str] = []
    passed = 0
    for trial, judged in zip(trials, judge_all(trials), strict=True):
        passed += judged.passed
        if judged.passed is what.endswith("_empty"):
            odd.append(f"{trial.task.id}: {judged.status} {judged.detail}".strip())
        tell(1)
    return equal(what, f"{passed}/{len(trials)}", expected, source, "; ".join(odd[:3]))


def _missing(path: Path, published: str, setting: Setting) -> str:
    """Why the check cannot be made: no data, or no sandbox; empty where it can."""
    if setting.data is None or not path.is_file():
        return say("experiment.selfcheck_no_data", file=published)
    try:
        require()
    except InputError as error:
        return str(error)
    return ""
