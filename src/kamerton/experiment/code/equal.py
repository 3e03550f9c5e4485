"""Whether a result is right, where a known solution says what right is (HumanEval+).

The rules are those of evalplus (Liu et al. 2023): equal values, and floats within a tolerance.
"""

import copy
from collections.abc import Sequence
from typing import Any

from kamerton.experiment.code.extract import program
from kamerton.experiment.code.tasks import CodeTask


def expected(task: CodeTask) -> list[Any]:
    """What the known solution gives on all inputs. It is trusted and runs in this process."""
    space: dict[str, Any] = {"__name__": "solution"}
    exec(compile(program(task), task.id, "exec"), space)
    return [space[task.entry_point](*copy.deepcopy(one)) for one in task.inputs]


FIND_ZERO = "find_zero"
"""HumanEval/32: any root is right, so its polynomial is computed instead of comparing roots."""


def right(task: CodeTask, number: int, found: Any, wanted: Any) -> bool:
    """Whether `found` is a right result for one of the task's inputs."""
    if task.entry_point == FIND_ZERO and task.tolerance:
        return _root(task.inputs[number][0], found, task.tolerance)
    return same(found, wanted, task.tolerance)


def _root(coefficients: Sequence[float], found: Any, tolerance: float) -> bool:
    if type(found) not in {int, float}:
        return False
    try:
        value = sum(c * found**power for power, c in enumerate(coefficients))
        return bool(abs(value) <= tolerance)
    except OverflowError:
        return False


FLOATS = 1e-6
"""Tolerance where results are floats and the task names none, as in evalplus."""
_RELATIVE = 1e-7


def same(found: Any, wanted: Any, tolerance: float = 0.0) -> bool:
    """Equal values; floats, and lists, tuples and dicts of them, within the tolerance.

    A list is no tuple; NaN equals NaN.
    """
    try:
        if found == wanted:
            return True
    except RecursionError:
        return False
    if isinstance(wanted, float):
        slack = tolerance or FLOATS
        return type(found) in {int, float} and _close(float(found), wanted, slack)
    if type(wanted) in {list, tuple} and type(found) is type(wanted):
        return len(found) == len(wanted) and all(
            same(one, other, tolerance) for one, other in zip(found, wanted, strict=True)
        )
    if type(wanted) is dict and type(found) is dict:
        return found.keys() == wanted.keys() and all(
            same(found[key], wanted[key], tolerance) for key in wanted
        )
    return False


def _close(found: float, wanted: float, slack: float) -> bool:
    if wanted != wanted:
        return found != found
    return abs(found - wanted) <= slack + _RELATIVE * abs(wanted)
