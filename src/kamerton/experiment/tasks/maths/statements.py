"""Where an answer says outright what it is: "The answer is 18", "#### 18", a box, "Ответ: 18"."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction

from kamerton.experiment.tasks.maths.numerals import Style
from kamerton.experiment.tasks.maths.plain import boxed, sentences
from kamerton.experiment.tasks.maths.reading import is_direct, read, says_number

_LINK = (
    r"(?:\s*[:=]|\s+[-–—]|\s+(?:is|are|was|equals|should be|would be|will be|must be|becomes"
    r"|comes out to|comes to)\b(?:\s*:)?)"
)
_ABOUT = (
    r"(?:\s*\([^()\n]{1,60}\)|,\s[^.,\n:=?\d]{1,40},)?"
    r"(?:\s+(?:to|for|of|in|here|на|к|в)\b[^.\n:=?]{0,80}?)?"
)
"""`(in dollars)`, `, in arabic numerals,` and `to the question` between the answer and its link."""
_FULL = re.compile(
    r"(?:(?P<sure>\bfinal\s+(?:answer|result)|\b(?:the|my|our|correct|right)\s+answers?"
    r"|\bboxed answer)"
    r"|(?P<label>\banswers?))[\"']?"
    + _ABOUT
    + _LINK
    + r"|(?P<heading>^[ \t#]*(?:the\s+)?(?:final\s+)?(?:answer|ответ)[ \t]*\n)"
    r"|^[ \t#]*(?:the\s+)?(?:final\s+)?(?:answer|ответ)[ \t]+(?=[$€₽]?\d)"
    r"|(?P<ru_sure>\b(?:итоговый|окончательный|правильный|верный)\s+ответ|\bответом)"
    + _ABOUT
    + r"(?:\s*[:=]|\s+[-–—]|\s+(?:равен|будет|является|составляет|это|есть)\b)"
    r"|(?P<ru>\bответ)\b[\"']?"
    + _ABOUT
    + r"(?:\s*[:=]|\s+[-–—]|\s+(?:равен|будет|является|составляет|это|есть)\b|\s+(?=[$€]?\d))"
    r"|(?P<short>^[ \t>#]*(?:A|О|Ans|Отв)\.?\s?:)"
    r"|(?P<hash>^[ \t]*#{3,6}[ \t]*(?=[-–$€£₽≈~=(\d.]))"
    r"|(?P<inline>(?<=\S)[ \t]*####[ \t]*(?=[-–$€£₽\d.]))",
    re.I | re.M,
)
_HASH_LINE = re.compile(r"[-–$€£₽≈~=(\s]*\.?\d[^\n:=]{0,48}$|[^\n]*=\s*[$€£₽]?\d[^\n:=]{0,24}$")
_HASH_HEADING = re.compile(r"\d{1,2}[.)]\s+[^\W\d]")
_SUPPOSED = re.compile(
    r"\b(?:if|whether|suppose|assume|assuming|might think|may think|check that|check if|not|wrong|"
    r"expected|если|предположим|допустим)\b[^.!?\n]{0,60}$",
    re.I,
)
_REFUSED = re.compile(
    r"\b(?:cannot|can't|can not|impossible to|unable to|нельзя|невозможно|не могу)\s+(?:be\s+)?"
    r"(?:determine|answer|solve|calculate|определить|ответить|решить|вычислить)"
    r"|\bnot enough information|\banswer\s*(?:is|:)\s*(?:unknown|none|undefined|not given)"
    r"|недостаточно (?:данных|информации)|\bответ\s*(?:[:—–-]\s*)?неизвест",
    re.I,
)


@dataclass(frozen=True)
class Statement:
    """One place where an answer is said outright."""

    value: Fraction | None
    """None where what is said is no single number."""
    start: int
    end: int
    text: str
    opening: bool = False
    """A label at the very beginning, which may open a solution as well as say its result."""


def with_boxes_told(text: str) -> str:
    r"""The raw text with `\boxed{18}` and `<answer>18</answer>` said in words, on own lines."""
    for start, content in reversed(boxed(text)):
        brace = text.index("{", start)
        told = f"\nThe boxed answer is: {content}\n"
        text = text[:start] + told + text[brace + len(content) + 2 :]
    return re.sub(
        r"<(?:final_?)?answer>(.*?)(?:</(?:final_?)?answer>|$)",
        r"\nFinal answer: \1\n",
        text,
        flags=re.I | re.S,
    )


def statements(body: str, style: Style) -> list[Statement]:
    """All statements of a plain text, in order; `40 000` is one number there in any language."""
    return list(_statements(body, replace(style, spaces=True)))


def _statements(body: str, style: Style) -> Iterator[Statement]:
    for found in _FULL.finditer(body):
        line_start = body.rfind("\n", 0, found.start()) + 1
        if _SUPPOSED.search(body[line_start : found.start()]):
            continue
        rest = body[found.end() :]
        told = _told(rest)
        if found["hash"] is not None and not _is_result(rest):
            continue
        if found["inline"] is not None and _HASH_HEADING.match(rest.partition("\n")[0]):
            continue
        if not told or told.endswith("?") or not says_number(told, style):
            continue
        statement = _of(found, told, body, style)
        if statement is not None:
            yield statement


def _of(found: re.Match[str], told: str, body: str, style: Style) -> Statement | None:
    """The statement, or None where a label such as `A:` only opens a solution."""
    value = read(told, style)
    end = found.end() + max(body[found.end() :].find(told), 0) + len(told)
    label = any(found[name] is not None for name in ("label", "ru", "short", "heading"))
    spoken = re.search(r"\b(?:is|are|was)\s*:?$", found[0], re.I) is not None
    # "The answer is" above a whole calculation opens it too, as a label does.
    above = body[found.end() :].lstrip(" \t:").startswith("\n")
    if (label and not spoken) or (above and spoken and not label and not is_direct(told, style)):
        plain_number = value is not None and is_direct(told, style)
        if not plain_number and re.search(r"\d", body[end:]):
            return None
        opening = label and not body[: found.start()].strip(" \t\n#>*")
        return Statement(value, found.start(), end, told, opening)
    return Statement(value, found.start(), end, told)


def _told(rest: str) -> str:
    """The first sentence behind a trigger; where the line says nothing, of the next line."""
    for line in rest.lstrip(" \t").split("\n")[:4]:
        if re.search(r"\w", line):
            found = sentences(line)
            # "No. 5" and "$ 18" may leave a first piece without a letter or figure.
            return next((part for part in found if re.search(r"\w", part)), "")
    return ""


def _is_result(rest: str) -> bool:
    """Whether `####` marks a result and not a heading such as `#### 1. Count the eggs`."""
    line = rest.split("\n", 1)[0].strip()
    return not _HASH_HEADING.match(line) and _HASH_LINE.match(sentences(line)[0]) is not None


def refused(body: str) -> bool:
    """Whether the text ends by saying that there is no answer."""
    return _REFUSED.search(" ".join(sentences(body)[-2:])) is not None
