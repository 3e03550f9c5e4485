"""What a rule can see of an advertising text beside its brief.

The one set of rules for choosing a teacher's texts and for scoring a model's. Words and figures
are those of `matching`; of Russian, which inflects, words count by their first letters.
"""

import re
from collections.abc import Iterable

from kamerton.formats.brief import Brief
from kamerton.formats.matching import words

COPIED = 12
"""Words in a row from which on a text has copied."""
STEM = 5
"""Words of the facts count from this length on, and by as many letters."""
_GAP = re.compile(r"\[[^\]\n]*\]|\{[^}\n]*\}|<[^>\n]*>|_{3,}")
_SPACED = re.compile(r"(?<![\d.,])(\d{1,3})((?:[ \u00a0\u202f]\d{3})+)(?![\d])")
_THOUSANDS = re.compile(
    r"(\d+(?:[.,]\d+)?)[ \u00a0\u202f]*(?:тыс(?:яч\w*|\.)?|thousand)(?!\w)", re.I
)
_NUMBERED = re.compile(r"^\s*\d{1,2}[.)]\s", re.M)


def gap(text: str) -> str:
    """The first gap that somebody should fill in ([имя], {name}, <…>, ____); else empty."""
    found = _GAP.search(text)
    return found.group() if found else ""


def told(text: str, brief: Brief) -> int:
    """How many facts of the brief the text tells, the given beginning aside.

    A fact is told where one of its figures or longer words stands in the text, words of the
    product's name aside: this much a rule can see, and not whether it is told rightly.
    """
    own = fact_words([text.removeprefix(brief.beginning)])
    named = fact_words([brief.product])
    return sum(bool((fact_words([fact]) - named) & own) for fact in brief.facts)


def copied(text: str, brief: Brief) -> str:
    """The first twelve words in a row from one field of the brief; else empty.

    The given beginning may stand there: it was asked for.
    """
    given = (brief.task, brief.about, brief.audience, " ".join(brief.facts))
    taken = {run for field in given for run in runs(field, COPIED)}
    own = runs(text.removeprefix(brief.beginning), COPIED)
    return next((" ".join(run) for run in own if run in taken), "")


def invented(text: str, brief: Brief) -> list[str]:
    """Figures of the text that the brief does not have, each once, in their order.

    Numbers of a list are none; figures in words are not seen.
    """
    said = (brief.beginning, brief.task, brief.product, brief.about, brief.audience, *brief.facts)
    known = set(_figures(" ".join(said)))
    own = _figures(_NUMBERED.sub("", text))
    return list(dict.fromkeys(figure for figure in own if figure not in known))


def fact_words(texts: Iterable[str]) -> set[str]:
    """Figures, and the first letters of longer words.

    >>> sorted(fact_words(["Подача 40 м³/ч"]))
    ['40', 'подач']
    """
    found = (word for text in texts for word in words(_spelled(text)))
    return {word[:STEM] if word.isalpha() else word for word in found if _counts(word)}


def runs(text: str, size: int) -> list[tuple[str, ...]]:
    """All runs of `size` words, in their order."""
    found = words(text)
    return [tuple(found[i : i + size]) for i in range(len(found) - size + 1)]


def _counts(word: str) -> bool:
    return word[0].isdigit() or len(word) >= STEM


def _figures(text: str) -> list[str]:
    return [word for word in words(_spelled(text)) if word[0].isdigit()]


def _spelled(text: str) -> str:
    """Thousands in one spelling: `10 000` and `10 тыс.` are 10000."""
    plain = _SPACED.sub(lambda found: re.sub(r"\D", "", found.group()), text)
    return _THOUSANDS.sub(lambda found: _times_thousand(found.group(1)), plain)


def _times_thousand(number: str) -> str:
    return f"{1000 * float(number.replace(',', '.')):.10g}"
