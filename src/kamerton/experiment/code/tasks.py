"""Code tasks and the files that they come in: HumanEval, HumanEval+, MBPP.

A task is what a model is asked (`prompt`), the function that is called (`entry_point`), and how
its results are judged: by a `check(candidate)` in Python, or by inputs on which the known solution
gives the right results (HumanEval+). Checks and known solutions are trusted: they run in this
process. The code of models never does.
"""

import ast
import builtins
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from threading import RLock
from typing import Any

from pydantic import BaseModel, ConfigDict

from kamerton.documents.tables import read_table
from kamerton.formats.errors import InputError
from kamerton.formats.jsonl import check_row

MBPP_PROMPT = (
    "You are an expert Python programmer, and here is your task: {text} "
    "Your code should pass these tests:\n\n{tests}\n"
)
"""The prompt of Austin et al. 2021 (arXiv 2108.07732), section 3.2, for files that bring none."""
ONE_AT_A_TIME = RLock()
_PYTHON = frozenset(vars(builtins))
_BINDING = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.ExceptHandler


@dataclass(frozen=True)
class CodeTask:
    """One task."""

    id: str
    prompt: str
    """What the model goes on from, or is asked."""
    entry_point: str
    """The function that the check calls."""
    check: str = ""
    """Source that defines `check(candidate)`; empty where inputs are compared."""
    solution: str = ""
    """The known solution: goes on from the prompt where `continues`, else a program."""
    continues: bool = True
    """Whether the prompt is the beginning of a program."""
    inputs: tuple[list[Any], ...] = field(default=(), repr=False)
    """Arguments of the calls on which results are compared with the solution's."""
    tolerance: float = 0.0
    """Largest absolute difference of floats that counts as equal."""
    named: bool = True
    """Whether the prompt names the function that is tested; else nobody can know it."""


class _Row(BaseModel):
    """A row of HumanEval, and of MBPP in the same form (CodeT)."""

    model_config = ConfigDict(frozen=True, extra="ignore")
    task_id: str
    prompt: str
    entry_point: str
    canonical_solution: str
    test: str


class _PlusRow(_Row):
    """A row of HumanEval+."""

    base_input: list[list[Any]]
    plus_input: list[list[Any]]
    atol: float = 0.0


class _MbppRow(BaseModel):
    """A row of MBPP as Google published it; `prompt` in the sanitized half, else `text`."""

    model_config = ConfigDict(frozen=True, extra="ignore")
    task_id: int
    text: str = ""
    prompt: str = ""
    code: str
    test_list: list[str]
    test_imports: list[str] = []
    test_setup_code: str = ""


def parse(code: str, flags: int = 0) -> ast.Module:
    """The tree of a program; what `ast.parse` raises where it is none. `flags`: of `compile`.

    One thread at a time: before Python 3.11.5 all threads count the depth of the trees they build
    in one place, and when the garbage collector lets another thread in, they end with SystemError
    (python/cpython#106905).
    """
    with ONE_AT_A_TIME:
        tree = compile(code, "<program>", "exec", flags | ast.PyCF_ONLY_AST)
    assert isinstance(tree, ast.Module)
    return tree


def humaneval(path: Path) -> list[CodeTask]:
    """The tasks of HumanEval.jsonl(.gz) (Chen et al. 2021), or of a file in the same form."""
    return _tasks(path, _from_row)


def humaneval_plus(path: Path) -> list[CodeTask]:
    """The tasks of HumanEvalPlus.jsonl(.gz) (Liu et al. 2023): base and further inputs.

    A program must pass HumanEval's own check first, then agree with the known solution on all
    inputs.
    """
    return _tasks(path, _from_plus)


def mbpp(path: Path) -> list[CodeTask]:
    """The tasks of MBPP, in Google's form (`test_list`) or in HumanEval's (CodeT's sanitized).

    The function that the tests call is the entry point, whatever the row says: in 12 of the 427
    rows of the sanitized file it names a helper.
    """
    return _tasks(path, _from_mbpp)


def called(check: str, solution: str, helpers: frozenset[str] = frozenset()) -> list[str]:
    """Names that a check takes from a solution: those that it calls first, in their order.

    That is, what neither the check, nor `helpers`, nor Python defines, and what `solution` defines
    even so: there are solutions named `sum`, and one named `check` as the check itself.
    """
    own = set(re.findall(r"^\s*(?:def|class) (\w+)", solution, re.M))
    nodes = list(ast.walk(parse(check)))
    names = [node for node in nodes if isinstance(node, ast.Name)]
    bound = {node.id for node in names if isinstance(node.ctx, ast.Store)}
    bound |= {node.arg for node in nodes if isinstance(node, ast.arg)}
    bound |= {node.name for node in nodes if isinstance(node, _BINDING) and node.name}
    bound |= {
        (alias.asname or alias.name).split(".")[0]
        for node in nodes
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in node.names
    }
    calls = {id(node.func) for node in nodes if isinstance(node, ast.Call)}
    names.sort(key=lambda node: (id(node) not in calls, node.lineno, node.col_offset))
    known = (bound | helpers | _PYTHON) - own | caught(check)
    return list(dict.fromkeys(node.id for node in names if node.id not in known))


def caught(check: str) -> set[str]:
    """Names of errors that a check expects and that Python does not know."""
    nodes = list(ast.walk(parse(check)))
    types = [node.type for node in nodes if isinstance(node, ast.ExceptHandler) and node.type]
    for node in nodes:
        if isinstance(node, ast.Call) and ast.unparse(node.func).lower().endswith("raises"):
            types += node.args[:1]
    names = (one for type in types for one in ast.walk(type) if isinstance(one, ast.Name))
    return {one.id for one in names} - _PYTHON


def imports(check: str) -> str:
    """Imports of the modules of Python that a check takes for granted (`math.isclose`)."""
    nodes = [node.value for node in ast.walk(parse(check)) if isinstance(node, ast.Attribute)]
    names = {node.id for node in nodes if isinstance(node, ast.Name)}
    return "".join(f"import {name}\n" for name in sorted(names & sys.stdlib_module_names))


def _tasks(path: Path, read: Callable[[dict[str, object], str], CodeTask]) -> list[CodeTask]:
    tasks: dict[str, CodeTask] = {}
    for where, row in read_table(path, any_name=True):
        task = read(row, where)
        if task.id in tasks:
            raise InputError("experiment.code_task_twice", where=where, task=task.id)
        tasks[task.id] = task
    return list(tasks.values())


def _from_row(row: dict[str, object], where: str) -> CodeTask:
    one = check_row(row, _Row, where)
    _compiles(one.test, where)
    return CodeTask(one.task_id, one.prompt, one.entry_point, one.test, one.canonical_solution)


def _from_plus(row: dict[str, object], where: str) -> CodeTask:
    one = check_row(row, _PlusRow, where)
    inputs = tuple(one.base_input + one.plus_input)
    return replace(_from_row(row, where), inputs=inputs, tolerance=one.atol)


def _from_mbpp(row: dict[str, object], where: str) -> CodeTask:
    if "test_list" in row:
        return _from_google(row, where)
    one = check_row(row, _Row, where)
    _compiles(one.test, where)
    check = imports(one.test) + one.test
    tested = _tested(check, one.prompt + one.canonical_solution, where)
    name = one.entry_point if one.entry_point in tested else tested[-1]
    named = f"def {name}" in one.prompt or name in one.prompt.split()
    return CodeTask(one.task_id, one.prompt, name, check, one.canonical_solution, named=named)


def _from_google(row: dict[str, object], where: str) -> CodeTask:
    one = check_row(row, _MbppRow, where)
    head = "\n".join([*one.test_imports, one.test_setup_code])
    body = "\n".join(f"    {line}" for test in one.test_list for line in test.split("\n"))
    check = f"{head}\n\ndef check(candidate):\n{body or '    pass'}\n"
    _compiles(check, where)
    prompt = MBPP_PROMPT.format(text=one.prompt or one.text, tests="\n".join(one.test_list))
    own = [node.name for node in parse(one.code).body if isinstance(node, ast.FunctionDef)]
    tested = [name for name in _tested(check, one.code, where) if name in own]
    if not tested:
        raise InputError("experiment.code_no_tests", where=where)
    return CodeTask(f"MBPP/{one.task_id}", prompt, tested[0], check, one.code, continues=False)


def _tested(check: str, solution: str, where: str) -> list[str]:
    names = called(check, solution)
    if not names:
        raise InputError("experiment.code_no_tests", where=where)
    return names


def _compiles(check: str, where: str) -> None:
    try:
        parse(check)
    except (SyntaxError, ValueError) as error:
        raise InputError("experiment.code_bad_check", where=where, why=error) from error
