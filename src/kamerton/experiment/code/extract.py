"""The program in a model's answer: in fences or outside of them, whole or a continuation.

How a program is cut out decides scores as much as the model does (eval.md, section 1). What
decides here is the last complete definition of the entry point, joined with what it needs of the
whole answer; where the answer goes on from the prompt, it is the first one, as with the stop lists
of Chen et al. 2021. The way that was taken is kept beside the program.
"""

import ast
import re
import textwrap
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING, Literal

from kamerton.experiment.code.definitions import Definitions
from kamerton.experiment.code.statements import Line, Statement, statements
from kamerton.experiment.code.tasks import CodeTask, parse

if TYPE_CHECKING:
    from markdown_it import MarkdownIt

How = Literal["fence", "fences", "program", "continuation", "cut", "nothing"]
_READ, _LONGEST = 4_000_000, 200_000
"""Characters of an answer that are read, with its thoughts and without; no solution is as long."""
_BODIES = 8
"""Fences that are tried as a body alone, from the last."""
_PYTHON = re.compile(r"[{.\s]*(?:i?py|sage|code|te?xt|plain|tool_code|$)")
"""Info strings of fences that may hold Python."""
_MARKDOWN = re.compile(r"[{.\s]*(?:markdown|md)\b")
_NAMES = "think|thinking|thoughts?|reasoning|reflection|scratchpad|analysis|seed:think"
_OPENED = (
    rf"<(?:{_NAMES})>|◁think▷|\[THINK\]|<\|begin_of_thought\|>|<\|START_THINKING\|>"
    r"|<unused94>|<\|channel>thought"
)
_CLOSED = (
    rf"</(?:{_NAMES})>|◁/think▷|\[/THINK\]|<\|end_of_thought\|>|<\|END_THINKING\|>"
    r"|<unused95>|<channel\|>"
)
_THOUGHT = re.compile(rf"^[ \t]*(?:{_OPENED}).*?(?:{_CLOSED}|\Z)", re.M | re.S | re.I)
_CLOSES = re.compile(_CLOSED, re.I)
_FINAL = re.compile(
    r"<\|channel\|>\s*final[^\n]{0,80}?<\|message\|>(.*?)"
    r"(?=<\|(?:end|return|start|channel)\|>|\Z)",
    re.S,
)
_UNMARKED_FINAL = re.compile(r"\Aanalysis.*assistantfinal", re.S)
_ENDS = re.compile(
    r"<\|(?:im_end|endoftext|end_of_text|eot_id|eom_id|end|return|end_of_solution|END_RESPONSE)\|>"
    r"|</s>|<end_of_turn>|<turn\|>|<eos>|<EOT>|<｜end▁of▁sentence｜>|^[ \t]*\[DONE\][ \t]*$",
    re.M,
)
_MARKS = re.compile(r"<\|[^|\n]{1,40}\|>|</?s>|<start_of_turn>(?:model)?|<｜[^｜\n]{1,40}｜>")
_QUOTED = re.compile(r"^ {0,3}(?:(?:>>>|\.\.\.)(?: |$)|(?:> ?)+)")
_FUTURE = "from __future__"
_ALIAS, _CUT = 3, 2
_SPANS = re.compile(r"(?<!`)(`{1,3})(?!`)(?:py(?:thon)?3?\s+)?([^`\n]+)\1")
_GLUED = re.compile(r"^([^`\n]*[^`\s\"'])[ \t]*(`{3,}[\w+.#-]*)[ \t]*$", re.M)
"""A fence that does not begin its line."""


@dataclass(frozen=True)
class Extracted:
    """A program, ready to be called."""

    source: str
    """The whole program; empty where the answer holds none."""
    how: How
    """`fences`: joined from several places; `program`: outside of fences; `cut`: it breaks off."""
    region: int = 0
    """Of the answer: 0 outside of fences."""


def extract(task: CodeTask, answer: str) -> Extracted:
    """The program that an answer to `task` stands for.

    What the prompt has before the entry point (imports, helpers) comes first. Where nothing defines
    the entry point, the statements that there are, so that its absence is what is complained of.
    """
    text = final(answer)[:_LONGEST]
    lines = _lines(text)
    found = _defined(task, lines, _ALIAS)
    if found is None and _GLUED.search(text):
        lines = _lines(_GLUED.sub(r"\1\n\2", text))
        found = _defined(task, lines, _ALIAS)
    if found is not None:
        around = text if found.region == 0 else _region(lines, found.region)
        return (_continued(task, [around]) if _breaks_off(around) else None) or found
    fenced = sorted({line.region for line in lines if line.fenced}, reverse=True)
    bodies = [text, *(_region(lines, one) for one in fenced[:_BODIES])]
    spans = [Line(span, place, True) for place, (_, span) in enumerate(_SPANS.findall(text))]
    return (
        _continued(task, bodies)
        or _defined(task, spans, _ALIAS)
        or _defined(task, lines, 1)
        or _remains(task, lines)
    )


def _defined(task: CodeTask, lines: Sequence[Line], least: int) -> Extracted | None:
    """The program of the surest definition, of the last among equals."""
    every = Definitions(statements(lines))
    ranked = [(every.strength(one, task.entry_point), one) for one in reversed(every.every)]
    strength, best = max(ranked, key=lambda pair: pair[0], default=(0, None))
    if best is None or strength < least:
        return None
    those = every.needed(best, task.entry_point)
    how: How = "fence" if best.line.fenced else "program"
    if best.line.fenced and len({one.line.region for one in those}) > 1:
        how = "fences"
    how = "cut" if strength == _CUT else how
    return Extracted(_joined(task, those), how, best.line.region)


def _remains(task: CodeTask, lines: Sequence[Line]) -> Extracted:
    rest = [one for one in statements(lines) if one.line.fenced or one.binds]
    if not rest:
        return Extracted("", "nothing")
    return Extracted(_joined(task, rest), "fence" if rest[-1].line.fenced else "program")


def _continued(task: CodeTask, bodies: Sequence[str]) -> Extracted | None:
    """The program of a prompt that one of these goes on from: surely with a `return`, or whole.

    Its first definition of the entry point counts.
    """
    if not task.continues:
        return None
    height = (start := task.prompt.rstrip() + "\n").count("\n")
    found: list[tuple[int, Definitions, Statement]] = []
    for whole in (whole for body in bodies if body.strip() for whole in _wholes(start, body)):
        every = Definitions(_until_again(statements([Line(one, 0) for one in whole.split("\n")])))
        opened = next((one for one in every.every if one.last > height), None)
        if opened and (sure := _goes_on(opened, height, task.entry_point)):
            found.append((sure, every, opened))
    if not found:
        return None
    _, every, opened = max(found, key=lambda one: one[0])
    strengths = {one: every.strength(one, task.entry_point) for one in every.every}
    first = opened if strengths[opened] else max(strengths, key=strengths.__getitem__)
    if not strengths[first]:
        return None
    above = preamble(task).count("\n")
    those = [one for one in every.needed(first, task.entry_point) if one.first > above]
    return Extracted(_joined(task, those), "continuation")


def _until_again(those: list[Statement]) -> list[Statement]:
    """The statements before a function is defined once more: there a model has lost its end."""
    seen: set[str] = set()
    for place, one in enumerate(those):
        name = getattr(one.node, "name", "")
        if name in seen:
            return those[:place]
        seen |= {name} - {""}
    return those


def _goes_on(opened: Statement, height: int, name: str) -> int:
    """How surely a function of the prompt has a body behind its `height` lines; 0: it has none.

    A whole program, indented, is none, nor is a word that happens to parse.
    """
    body = [one for one in getattr(opened.node, "body", ()) if one.lineno > height]
    if opened.first > height or any(getattr(one, "name", "") == name for one in body):
        return 0
    functions = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
    plain = [one for one in body if not isinstance(one, functions)]
    ends = ast.Return | ast.Raise | ast.Yield | ast.YieldFrom
    if any(isinstance(each, ends) for one in plain for each in ast.walk(one)):
        return 3 + opened.whole
    acts = plain == body and any(
        isinstance(one.value, ast.Call | ast.Await)
        if isinstance(one, ast.Expr)
        else not (isinstance(one, ast.AnnAssign) and one.value is None)
        for one in body
    )
    return (1 + opened.whole) * acts


def _wholes(start: str, text: str) -> Iterator[str]:
    """A prompt with what may go on from it: as it is, then with the indents that it lost."""
    lines = text.rstrip().lstrip("\n").split("\n")
    first, body = lines[0], ""
    inner = _indent(start.rstrip().rpartition("\n")[2]) or "    "
    if first[:1].isspace():
        yield start + "\n".join([*lines, ""])
        yield _with_indent(start, _indent(first)) + "\n".join([*lines, ""])
        return
    outside = (n for n, one in enumerate(lines) if n and one[:1].strip() and one[0] != "#")
    end = next(outside, len(lines))
    body, rest = "\n".join(lines[1:end]), "\n".join(["", *lines[end:], ""])
    own = textwrap.dedent(body)
    tails = [body, textwrap.indent(own, inner), textwrap.indent(own, f"{inner}    ")]
    yield from (f"{start}{inner}{first}\n{tail}{rest}" for tail in tails if end > 1)
    yield start + textwrap.indent("\n".join(lines), inner) + "\n"
    yield f"{start}{inner}{first}{rest}"


def _indent(line: str) -> str:
    return line[: len(line) - len(line.lstrip())]


def _with_indent(start: str, indent: str) -> str:
    """A prompt whose docstring is indented as the body is (files mix two and four)."""
    head, last, below = start.rpartition("\ndef ") if "\ndef " in start else ("", "", start)
    line, _, doc = below.partition("\n")
    return f"{head}{last}{line}\n{textwrap.indent(textwrap.dedent(doc), indent)}"


def _region(lines: Sequence[Line], region: int) -> str:
    return "\n".join(line.text for line in lines if line.region == region)


def _breaks_off(text: str) -> bool:
    """Whether an answer begins with what begins no program, such as `return x`."""
    lines = [Line(line, 0) for line in text.strip("\n").split("\n")]
    begin = (one for one in statements(lines) if one.first == 1 and one.whole)
    return _indent(lines[0].text) != "" or next(begin, None) is None


def _joined(task: CodeTask, those: Sequence[Statement]) -> str:
    """The source of a program; imports from `__future__` must come first."""
    future = [one.source for one in those if one.source.startswith(_FUTURE)]
    others = [one.source for one in those if not one.source.startswith(_FUTURE)]
    return "\n\n".join(filter(None, [*future, preamble(task).strip(), *others])) + "\n"


def preamble(task: CodeTask) -> str:
    """What a prompt that begins a program has before the entry point: imports and helpers."""
    if not task.continues:
        return ""
    start = re.search(rf"^(?:async )?def {re.escape(task.entry_point)}\b", task.prompt, re.M)
    return task.prompt[: start.start()] if start else ""


def program(task: CodeTask) -> str:
    """The known solution as a program."""
    if not task.continues:
        return task.solution
    wholes = _wholes(task.prompt.rstrip() + "\n", task.solution)
    return next(filter(_compiles, wholes), task.solution)


def _compiles(code: str) -> bool:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            compile(parse(code), "<program>", "exec")
        except (SyntaxError, ValueError, MemoryError, RecursionError):
            return False
    return True


def final(answer: str) -> str:
    """An answer without thoughts, channels before the last, and what follows the end of a turn."""
    # Halves of surrogate pairs stand in no program: a model was stopped within a letter.
    text = answer[:_READ].encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    text = re.sub(r"\r\n?", "\n", text).removeprefix("\ufeff")
    if "<|channel|>" in text:
        text = "\n".join(_FINAL.findall(text)) or text.partition("<|channel|>")[0]
    text = _THOUGHT.sub("", _UNMARKED_FINAL.sub("", text))
    closed = next(_outside_strings(_CLOSES, text), None)  # of a thought that the prompt opened
    text = text[closed.end() :] if closed else text
    for end in _outside_strings(_ENDS, text):
        if text[: end.start()].strip():
            text = text[: end.start()]
            break
    marks = [match.span() for match in _outside_strings(_MARKS, text)]
    ends, starts = [0, *(end for _, end in marks)], [*(start for start, _ in marks), len(text)]
    return "".join(text[a:b] for a, b in zip(ends, starts, strict=True))


def _outside_strings(marks: re.Pattern[str], text: str) -> Iterator[re.Match[str]]:
    """Marks that stand in no string of their line."""
    for match in marks.finditer(text):
        before = text[text.rfind("\n", 0, match.start()) + 1 : match.start()]
        behind = text[match.end() :].partition("\n")[0]
        if not any(before.count(quote) % 2 and quote in behind for quote in "\"'`"):
            yield match


@cache
def _markdown() -> "MarkdownIt":
    from markdown_it import MarkdownIt

    # HTML would hide the fences in it; what stands within a line does not matter here.
    return MarkdownIt("commonmark").disable(["html_block", "reference", "lheading", "inline"])


def _lines(text: str, before: int = 0) -> list[Line]:
    """The lines of an answer in Markdown, without its marks of quotes and fences.

    `before`: lines above the text, where it stands in a fence itself.
    """
    lines = [Line(line, before) for line in text.split("\n")]
    for token in _markdown().parse(text):
        if token.map is None:
            continue
        first, end = token.map
        if token.type == "blockquote_open":
            lines[first:end] = [_unquoted(line) for line in lines[first:end]]
        elif token.type == "fence":
            region, content = before + first + 1, token.content.removesuffix("\n")
            held = [Line(line, region, True) for line in content.split("\n") if token.content]
            if content.startswith(">>>"):
                held = [_unquoted(line) for line in held]
            if _MARKDOWN.match(token.info.lower()):
                held = _lines(content, region)
            elif not _PYTHON.match(token.info.lower()):
                held = []
            outside = [replace(line, region=-1) for line in lines[first:end]]
            lines[first:end] = [outside[0], *held, *outside[1 + len(held) :]]
    return lines


def _unquoted(line: Line) -> Line:
    return replace(line, text=_QUOTED.sub("", line.text)) if line.region >= 0 else line
