"""Correct format: one clean sentence in the language of the question.

1 where the answer is one line with no more sentences than the reference has, ends with . ! or ?,
is written in the question's script (at least half of its letters), and has no markup, no role
markers and no loop (the same three words three times, or one word four times running).
"""

import re
from collections import Counter
from collections.abc import Callable

from kamerton.experiment.metrics.context import Context, Score
from kamerton.formats.matching import words
from kamerton.formats.questions import Question

SAME_SCRIPT = 0.5
_ENDS = re.compile(r"[.!?][\"'»”)]?$")
_BREAK = re.compile(r"(\S+)[.!?][\"'»”)]?\s+(?=[\"'«“(]?[A-ZА-ЯЁ])")
_SHORT = re.compile(
    r"^\W*(?:\w|st|mt|dr|mr|mrs|no|ca|cf|approx|e\.g|i\.e|b\.c|a\.d|св|гг|вв|им|ок|н\.\s?э)$", re.I
)
_MARKUP = re.compile(
    r"\*\*|__|`|^\s*(?:#+|[-*•]|\d+[.)])\s|</?[a-z]\w*[^>]*>|\]\(|\|\s*-{2,}", re.M
)
_ROLE = re.compile(
    r"<\|[^|]*\|>|(?:^|\s)(?:user|assistant|system|question|answer|q|a"
    r"|пользователь|ассистент|помощник|система|вопрос|ответ)\s*:",
    re.I,
)


def format_(question: Question, answer: str, finish_reason: str, context: Context) -> Score | None:
    """Score the form of one answer; the first fault found is the reason."""
    text = answer.strip()
    faults: dict[str, Callable[[], bool]] = {
        "empty": lambda: not text,
        "role": lambda: bool(_ROLE.search(text)),
        "markup": lambda: bool(_MARKUP.search(text)),
        "loop": lambda: _loops(words(text)),
        "sentences": lambda: "\n" in text or _sentences(text) > _sentences(question.answer),
        "no_end": lambda: not _ENDS.search(text),
        "script": lambda: not _same_script(question.question, text),
    }
    reason = next((name for name, found in faults.items() if found()), "")
    return (0.0, reason) if reason else (1.0, "")


def _sentences(text: str) -> int:
    """Sentences of a text; initials and abbreviations (`St. Hilarion`, `н. э.`) end none."""
    return 1 + sum(not _SHORT.match(found.group(1)) for found in _BREAK.finditer(text.strip()))


def _same_script(question: str, answer: str) -> bool:
    cyrillic = _cyrillic(answer)
    return cyrillic is None or (cyrillic if _asks_cyrillic(question) else 1 - cyrillic) >= (
        SAME_SCRIPT
    )


def _asks_cyrillic(question: str) -> bool:
    return (_cyrillic(question) or 0) >= 0.5


def _cyrillic(text: str) -> float | None:
    """Share of Cyrillic among the letters; None where there is no letter."""
    letters = [letter for letter in text.casefold() if letter.isalpha()]
    return sum("а" <= x <= "я" or x == "ё" for x in letters) / len(letters) if letters else None


def _loops(found: list[str]) -> bool:
    triples = Counter(zip(found, found[1:], found[2:], strict=False))
    runs = zip(found, found[1:], found[2:], found[3:], strict=False)
    return max(triples.values(), default=0) >= 3 or any(len(set(run)) == 1 for run in runs)
