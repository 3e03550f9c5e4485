"""Programs in answers: wherever they stand, whatever stands around them."""

import ast
import os
from pathlib import Path
from typing import Any

import pytest

from kamerton.experiment.code.extract import extract, program
from kamerton.experiment.code.tasks import CodeTask, humaneval, mbpp

ROOT = Path(__file__).resolve().parents[4]
SHARED = Path(os.environ.get("KAMERTON_TEST_DATA") or ROOT.parent / "shared" / "data")
PROMPT = 'import math\n\n\ndef area(r):\n    """Area of a circle."""\n'
BODY = "    return math.pi * r ** 2\n"
GOOD = f"def area(r):\n{BODY}"
BAD = "def area(r):\n    return 0\n"
TASK = CodeTask("own/1", PROMPT, "area", "", BODY)
FENCED = f"```python\n{GOOD}```"


def right(source: str, name: str = "area") -> bool:
    """Whether a program of this file gives areas of circles; it is run here."""
    space: dict[str, Any] = {}
    exec(source, space)
    return all(abs(space[name](r) - 3.141592653589793 * r * r) < 1e-6 for r in (0, 1, 2.5))


def indented(text: str, by: str) -> str:
    return "".join(f"{by}{line}\n" for line in text.rstrip("\n").split("\n"))


FORMS = {
    "continuation": [
        BODY, "return math.pi * r ** 2", "  return math.pi * r ** 2\n", f"{BODY}<|im_end|>",
        f"{BODY}\n\nprint(area(2))\nassert area(0) == 1\n", f"```\n{BODY}```",
        f"{BODY}```\n\nThe body multiplies.", f"{BODY}It squares the radius.",
        f"{BODY}\n\n{BAD}", f"{BODY}\n\ndef area(r):\n    return (", f"{BODY}\n\n# {BAD}",
        "pi = math.pi\n    return pi * r * r",
        "for _ in 'x':\n        s = r * r\n    return math.pi * s",
        "s = math.pi\nfor _ in range(2):\n    s *= r\nreturn s\n\nIt loops twice.",
        f"Only the body:\n\n```python\n{BODY}```\nUse it so:\n```python\narea(3)\n```",
        "    return square(r) * math.pi\n\n\ndef square(r):\n    return r * r\n",
        f"{BODY}\nif __name__ == '__main__':\n    print(area(1))\n",
    ],
    "program": [
        GOOD, f"{PROMPT}{BODY}", f"Of course.\n\n{GOOD}\nThis is right because it's so.",
        f"{GOOD}```\n\nThat's all.", f"{GOOD}```\n\nCall it:\n\n```python\nprint(area(1))\n```",
        f"{GOOD}~~~\nSo it goes.", "K = 2\n\ndef area(r):\n    return math.pi * r ** K\n",
        f"[BEGIN]\n{GOOD}[DONE]\n\nNext task: circles.\n[BEGIN]\n{BAD}[DONE]", f"\ufeff{GOOD}",
        indented(GOOD, "    "), f"So:\n\n{indented(GOOD, '    ')}", indented(GOOD, "> "),
        ">>> def area(r):\n...     return math.pi * r * r\n...\n>>> area(0)\n0.0",
        f"{GOOD}\nn = int(input())\nprint(area(n))\n", f"{GOOD}\nassert area(1) == 7\n",
        f"<code>\n{GOOD}</code>", f"[PYTHON]\n{GOOD}[/PYTHON]", f"{GOOD}\n### End",
        f"@staticmethod\ndef helper():\n    pass\n\n{GOOD}", f"PI = 3\n{GOOD}\nPI = 4\n",
        f"from __future__ import annotations\n{GOOD}", f"{BAD}\nNo, that is wrong.\n\n{GOOD}",
        f"```text\nr -> pi r r\n```\n{GOOD}", f"area = 3 means this:\n\n{GOOD}\nNote: done",
        f"<think>\n{BAD}</think>\n{GOOD}", f"It is {BAD}</think>\n{GOOD}",
        f"analysisThe user wants\n{BAD}\nassistantfinal{GOOD}", f"{GOOD}\n\nHope it <|helps|>.",
        f"Here it is: {FENCED}",
    ],
    "fence": [
        f"{FENCED}", f"```py\n{GOOD}", f"~~~python\n{GOOD}~~~", f"Да!\r\n\r\n{FENCED}\r\n",
        f"Try it:\n```python\narea(1)\n```\nIt is:\n{FENCED}",
        f"1. So:\n\n{indented(FENCED, '   ')}",
        indented(FENCED, "> "), f"- a\n{indented(FENCED, '  ')}", f"````md\n{FENCED}\n````",
        f"```python\n{GOOD.rstrip()}```\nDone.",
        f"<details>\n<summary>Code</summary>\n{FENCED}\n</details>",
        f'```python\ndef area(r):\n    """Do\n\n```\narea(1)\n```\n    """\n{BODY}```',
        f"```python\n{BAD}```\nThe sign is wrong. Corrected:\n{FENCED}",
        f"```python\n{BAD}```\nCorrected:\n```\n{GOOD}```",
        f"{FENCED}\nSignature:\n```python\ndef area(r):\n    ...\n```",
        f"{FENCED}\nUsage:\n```python\nfrom circles import area\narea = area(3)\n```",
        f"{FENCED}\nIn C:\n```c\ndouble area(double r);\n```", f"```js\nlet area\n```\n{FENCED}",
        f"{FENCED}<|im_end|>\n<|im_start|>user\nand so?\n```python\n{BAD}```",
        f"<think>\n```python\n{BAD}```\nHmm, no.\n</think>\n\n{FENCED}",
        f"◁think▷{BAD}◁/think▷\n{FENCED}", f"[THINK]{BAD}[/THINK]{FENCED}",
        f"<|channel|>analysis<|message|>{BAD}<|end|><|start|>assistant<|channel|>final<|message|>"
        f"{FENCED}<|return|>",
        "```python\narea = lambda r: math.pi * r * r\n```",
        "```python\ndef disc(r):\n    return math.pi * r * r\n\narea = disc\n```",
        "```python\nfrom functools import partial\ndef p(k, r):\n    return math.pi * r ** k\n"
        "area = partial(p, 2)\n```",
        "```python\nclass Area:\n    def __call__(self, r):\n        return math.pi * r * r\n\n"
        "area = Area()\n```",
        "```python\nT = {}\ndef fill():\n    for r in (0, 1, 2.5): T[r] = r * r * math.pi\nfill()\n"
        "def area(r):\n    return T[r]\n```",
        "```python\nfrom functools import lru_cache\n@lru_cache(None)\ndef area(r):\n"
        "    return area.k * r * r\narea.k = math.pi\nprint(area(1))\n```",
        f"```python\n{GOOD}\nimport circles\nprint(area(float(input())))\n```",
        f"```python\nif True:\n{indented(GOOD, '    ')}```",
        f"```python\nTAG = '<|im_end|>'\n{GOOD.replace('return', 'return len(TAG) / 10 *')}```",
        "`area = lambda r: math.pi * r * r`", "```def area(r): return math.pi * r * r```",
    ],
    "fences": [
        "```python\ndef square(r):\n    return r * r\n```\nand\n```python\ndef area(r):\n"
        "    return math.pi * square(r)\n```",
        "```python\nfrom math import tau\n```\n\n```python\ndef area(r):\n"
        "    return tau / 2 * r * r\n```",
        "```python\n@twice\ndef area(r):\n    return math.pi * r * r / 2\n```\nwith\n```python\n"
        "def twice(f):\n    return lambda r: 2 * f(r)\n```",
        "```python\ndef k(): return 1\ndef area(r):\n    return k() * r * r\n```\n`k` was wrong:\n"
        "```python\ndef k():\n    return math.pi\n```",
        "```python\nclass Circle:\n    def __init__(self, r): self.r = r\n```\n```python\n"
        "def area(r):\n    return math.pi * Circle(r).r ** 2\n```",
    ],
    "cut": [f"```python\n{GOOD}    print(area("],
}  # fmt: skip
ANSWERS = [(how, answer) for how, answers in FORMS.items() for answer in answers]


@pytest.mark.parametrize(("how", "answer"), ANSWERS)
def test_a_right_program_is_found(how: str, answer: str) -> None:
    found = extract(TASK, answer)
    assert found.how == how, found
    if "TAG" not in answer:
        assert right(found.source), found


@pytest.mark.parametrize(
    "answer",
    [
        "", "  \n", "I cannot help with that.", "```python\n\n```", "Sure", "Note: this\nx y z",
        f"<think>\nFirst\n{GOOD}", f"<|channel|>analysis<|message|>{GOOD}", "[DONE]",
        "```bash\npip install circles\n```",
    ],
)  # fmt: skip
def test_an_answer_without_a_program_gives_none(answer: str) -> None:
    assert extract(TASK, answer).how == "nothing"


def test_a_mark_inside_a_string_is_none() -> None:
    answer = "```python\ndef area(r):\n    return '<|im_end|>' + f'{r}</think>\\n'\n```"
    assert "<|im_end|>" in extract(TASK, answer).source
    assert "</think>" in extract(TASK, answer).source


def test_a_cut_version_does_not_win_over_a_whole_one() -> None:
    assert right(extract(TASK, f"{FENCED}\nFaster:\n```python\ndef area(r):\n    x = (").source)


def test_without_a_prompt_to_go_on_from_the_whole_program_is_read() -> None:
    task = CodeTask("own/2", "Write area(r).", "area", "", GOOD, continues=False)
    assert right("import math\n" + extract(task, f"Here:\n{FENCED}").source)
    assert extract(task, "    return 1\n").how == "nothing"


@pytest.mark.parametrize(
    "kind",
    [
        "(" * 50_000, "x = (\n" * 20_000, "> " * 40_000, "if x:\n" * 30_000, '"""' * 30_000,
        "def f(:\n  x\n" * 15_000, "f = g(f)\n" * 20_000, "```\n" * 40_000, "- " * 50_000,
        "<think>" * 20_000, "a<|x|>'" * 20_000, "\n    x" * 20_000,
    ],
)  # fmt: skip
def test_no_answer_takes_long(kind: str) -> None:
    """A minute is the test's own limit; without bounds these take hours."""
    extract(TASK, kind + GOOD)


def nodes(source: str) -> dict[str, str]:
    """Functions and classes of a program, docstrings left out."""
    tops = [n for n in ast.parse(source).body if isinstance(n, ast.FunctionDef | ast.ClassDef)]
    for one in tops:
        if isinstance(one.body[0], ast.Expr) and len(one.body) > 1:
            del one.body[0]
    return {one.name: ast.dump(one) for one in tops}


PUBLISHED = {
    "as it is": lambda task: task.solution,
    "with prose": lambda task: f"{task.solution.rstrip()}\nIt's a function that works well.\n",
    "again": lambda task: f"{task.solution.rstrip()}\n\n\n{task.prompt}    return 0\n",
    "again, cut": lambda task: f"{task.solution.rstrip()}\n\n{task.prompt}    return (",
    "body in a fence": lambda task: f"```python\n{task.solution.rstrip()}\n```",
    "body before a fence's end": lambda task: f"{task.solution.rstrip()}\n```\n\nIt is fine.",
    "whole": program,
    "in a fence": lambda task: f"Sure:\n\n```python\n{program(task)}\n```\nIt runs in O(n).",
    "among prose": lambda task: f"Here it is.\n\n{program(task)}\n\nIt runs in O(n).",
}


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of the published solutions
@pytest.mark.parametrize("form", PUBLISHED)
@pytest.mark.parametrize("set_", ["humaneval/HumanEval.jsonl.gz", "mbpp/mbpp_sanitized.jsonl"])
def test_published_solutions_are_found_in_every_form(set_: str, form: str) -> None:
    if not (SHARED / set_).is_file():
        pytest.skip(f"no test data at {SHARED / set_}: set KAMERTON_TEST_DATA")
    tasks = (mbpp if set_.startswith("mbpp") else humaneval)(SHARED / set_)
    wrong = []
    for task in tasks:
        known, found = nodes(program(task)), nodes(extract(task, PUBLISHED[form](task)).source)
        if not known.items() <= found.items():
            wrong.append(task.id)
    assert len(tasks) in {164, 427} and wrong == []
