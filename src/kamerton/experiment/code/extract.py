"""The program in a model's answer: out of fences, after a friendly sentence, or as a continuation.

How a program is cut out decides scores as much as the model does (eval.md, section 1), so the way
that was taken is kept beside it.
"""

import re
import textwrap
from dataclasses import dataclass
from typing import Literal

from kamerton.experiment.code.tasks import CodeTask, parse

How = Literal["fence", "program", "continuation", "nothing"]
STOPS = ("\nclass", "\ndef", "\n#", "\nif", "\nprint", "\n@", "\nassert", "\n```", "\n<")
"""Where the continuation of a function ends: those of Chen et al. 2021, and those that HumanEval's
users added (a decorator, a test, a fence, a mark of the chat)."""
_FENCE = re.compile(
    r"^[ \t]*(`{3,}|~{3,})[ \t]*([\w+.#-]*)[^\n]*\n(.*?)(?:^[ \t]*\1[ \t]*$|\Z)", re.M | re.S
)
_START = re.compile(r"^(?:async def|def|class|import|from|@\w)", re.M)
_PYTHON = {"", "python", "python3", "py", "py3"}
_MARKS = re.compile(r"<\|[^|\n]{1,40}\|>|</?s>")
LONGEST = 100_000
"""Characters of an answer that are read; no solution is as long."""


@dataclass(frozen=True)
class Extracted:
    """A program, ready to be called."""

    source: str
    """The whole program; empty where the answer holds none."""
    how: How


def extract(task: CodeTask, answer: str) -> Extracted:
    """The program that an answer to `task` stands for.

    In this order: the fenced block that defines the entry point (else the longest one in Python,
    as what it is); a program without fences, from its first statement on to the last line with
    which it still parses; a continuation of the prompt, cut at the first of STOPS and indented as
    a body. What the prompt has before the entry point (imports, helpers) comes first.
    """
    plain = _MARKS.sub("", answer.replace("\r\n", "\n"))[:LONGEST]
    blocks = [(match[2].lower(), match[3]) for match in _FENCE.finditer(plain)]
    blocks = [(tag, code) for tag, code in blocks if tag in _PYTHON and code.strip()]
    if blocks:
        best = max(blocks, key=lambda block: (_defines(block[1], task.entry_point), len(block[1])))
        return Extracted(_source(task, best[1]), "fence")
    if _defines(plain, task.entry_point):
        start = _START.search(plain)
        return Extracted(_whole(task, plain[start.start() if start else 0 :]), "program")
    return _continued(task, plain)


def _continued(task: CodeTask, plain: str) -> Extracted:
    if not plain.strip():
        return Extracted("", "nothing")
    if not task.continues:
        return Extracted(_parsing(plain), "continuation")
    return Extracted(_joined(task, _cut(plain)), "continuation")


def _source(task: CodeTask, code: str) -> str:
    """A block of code: a program where it defines the function, else its body."""
    return _whole(task, code) if _defines(code, task.entry_point) else _joined(task, _cut(code))


def _whole(task: CodeTask, code: str) -> str:
    return f"{preamble(task)}\n{_parsing(textwrap.dedent(code))}"


def preamble(task: CodeTask) -> str:
    """What a prompt that begins a program has before the entry point: imports and helpers."""
    if not task.continues:
        return ""
    start = re.search(rf"^(?:async )?def {re.escape(task.entry_point)}\b", task.prompt, re.M)
    return task.prompt[: start.start()] if start else ""


def program(task: CodeTask) -> str:
    """The known solution as a program."""
    return _joined(task, task.solution) if task.continues else task.solution


def _joined(task: CodeTask, body: str) -> str:
    """Prompt and body; where the indents do not fit, the body gets that of the prompt."""
    if not task.continues:
        return body
    start = task.prompt if task.prompt.endswith("\n") else f"{task.prompt}\n"
    first = next((line for line in body.split("\n") if line.strip()), "")
    forms = [start + _indented(body)]
    if first.startswith((" ", "\t")):  # else a `return` would stand outside, and still parse
        forms = [start + body, _own_indent(start, body, first), *forms]
    for form in forms:
        if _parses(form):
            return form
    return start + _parsing_body(start, _indented(body))


def _indented(body: str) -> str:
    """A body indented by four; a first line that lost its indent gets that of the second."""
    lines = body.rstrip().strip("\n").split("\n")
    rest = textwrap.dedent("\n".join(lines[1:]))
    if not lines[0].startswith((" ", "\t")) and len(lines) > 1 and lines[1].startswith((" ", "\t")):
        first_deeper = lines[0].rstrip().endswith(":")
        own = rest if not first_deeper else textwrap.indent(rest, "    ")
        return textwrap.indent(f"{lines[0]}\n{own}\n", "    ")
    return textwrap.indent(textwrap.dedent("\n".join(lines)), "    ") + "\n"


def _own_indent(start: str, body: str, first: str) -> str:
    """The prompt's docstring moved to the indent of the body (files mix two and four)."""
    lead = first[: len(first) - len(first.lstrip())]
    head, doc = _split_docstring(start)
    return head + textwrap.indent(textwrap.dedent(doc), lead) + body


def _split_docstring(start: str) -> tuple[str, str]:
    """The prompt up to its last `def` line, and what stands below it."""
    lines = start.split("\n")
    places = [place for place, line in enumerate(lines) if line.startswith("def ")]
    if not places:
        return start, ""
    cut = places[-1] + 1
    return "\n".join(lines[:cut]) + "\n", "\n".join(lines[cut:])


def _cut(text: str) -> str:
    """A continuation up to the first stop."""
    ends = [place for place in (text.find(stop, 1) for stop in STOPS) if place > 0]
    return text[: min(ends)] + "\n" if ends else text


def _parsing(code: str) -> str:
    """The most lines from the beginning that parse; all of them where none do."""
    lines = code.split("\n")
    for end in range(len(lines), 0, -1):
        head = "\n".join(lines[:end])
        if lines[end - 1].strip() and _parses(head):
            return head + "\n"
    return code


def _parsing_body(start: str, body: str) -> str:
    lines = body.split("\n")
    for end in range(len(lines), 0, -1):
        head = "\n".join(lines[:end]) + "\n"
        if lines[end - 1].strip() and _parses(start + head):
            return head
    return body


def _defines(code: str, name: str) -> bool:
    return re.search(rf"^[ \t]*(?:async )?def {re.escape(name)}\b", code, re.M) is not None


def _parses(code: str) -> bool:
    try:
        parse(code)
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        return False
    return True
