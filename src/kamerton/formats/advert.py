"""What a rule can see of an advertising text beside its brief.

The one set of rules for choosing a teacher's texts and for scoring a model's. Words and figures are
those of `matching`; of Russian, which inflects, words count by their first letters.
"""

import re

from kamerton.formats.brief import Brief
from kamerton.formats.matching import words

COPIED = 12
"""Words in a row from which on a text has copied."""
STEM = 5
"""Words of the facts count from this length on, and by as many letters."""
_COMMON = {
    *("когда", "после", "через", "может", "можно", "чтобы", "котор", "нужно", "очень", "также"),
    *("более", "менее", "перед", "which", "about", "after", "their", "there", "these", "those"),
    *("where", "while", "every", "other", "until", "under", "witho", "withi", "befor", "betwe"),
}
"""Beginnings of longer words that any text has."""
_GAP = re.compile(r"\[[^\]\n]*\](?!\()|\{[^}\n]*\}|<(?![A-Z_]+>)[^\s<>\d][^<>\n]*>|_{3,}")
"""Not the marks of masked personal data (<PHONE>), nor links, nor comparisons (< 45 dB)."""
_SPACE = "[ \u00a0\u2009\u202f]"
_SPACED = re.compile(rf"(?<![\w.,])(\d{{1,3}})((?:{_SPACE}\d{{3}})+)(?!\d)")
_NUMBER = r"\d+(?:[.,]\d+)?"
_TIMES = re.compile(
    rf"({_NUMBER})(?:(\s*[-–—]\s*)({_NUMBER}))?{_SPACE}*"
    r"(тыс(?:яч(?:ами|[аиу]|ей|ам|ах)?|\.)?|thousand|млн\.?|миллион(?:ов|ами|[ау]|ам|ах)?|million)"
    r"(?!\w)",
    re.IGNORECASE,
)
_NUMBERED = re.compile(r"^[^\S\n]*[(*#_]*\d{1,2}[.)][*_)]*[^\S\n]*(?=[^\s\d])", re.MULTILINE)


def begins(text: str, brief: Brief) -> bool:
    """Whether the text begins to the letter as the brief says."""
    return text.startswith(brief.beginning)


def misfit(text: str, shortest: int, longest: int) -> str:
    """`short` or `long`, by characters with spaces; empty between the limits."""
    if len(text) < shortest:
        return "short"
    return "long" if len(text) > longest else ""


def gap(text: str) -> str:
    """The first gap that somebody should fill in ([имя], {name}, <имя>, ____); else empty."""
    found = _GAP.search(text)
    return found.group() if found else ""


def told(text: str, brief: Brief) -> int:
    """How many facts of the brief the text tells, the given beginning aside.

    A fact is told where one of its figures or longer words stands in the text, words of the
    product's name aside; where it has none, one of its short words. This much a rule can see, and
    not whether it is told rightly.
    """
    rest = text.removeprefix(brief.beginning)
    own = fact_words(rest) | set(words(rest))
    return sum(bool(_signs(fact, brief.product) & own) for fact in brief.facts)


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

    Numbers that begin the lines of a list are none; figures in words are not seen.
    """
    said = (brief.beginning, brief.task, brief.product, brief.about, brief.audience, brief.tone)
    known = {figure for field in (*said, *brief.facts) for figure in _figures(field)}
    own = _figures(_NUMBERED.sub("", text))
    return list(dict.fromkeys(figure for figure in own if figure not in known))


def fact_words(text: str) -> set[str]:
    """Figures, and the first letters of longer words that are not in everybody's mouth.

    >>> sorted(fact_words("Подача 40 м³/ч, когда надо"))
    ['40', 'подач']
    """
    found = filter(_counts, words(_spelled(text)))
    return {word[:STEM] if word.isalpha() else word for word in found} - _COMMON


def runs(text: str, size: int) -> list[tuple[str, ...]]:
    """All runs of `size` words, in their order."""
    found = words(text)
    return [tuple(found[i : i + size]) for i in range(len(found) - size + 1)]


def _signs(fact: str, product: str) -> set[str]:
    """By what a fact is known: its figures and longer words, else its short ones."""
    return fact_words(fact) - fact_words(product) or set(words(fact)) - set(words(product))


def _counts(word: str) -> bool:
    return word[0].isdigit() or len(word) >= STEM


def _figures(text: str) -> list[str]:
    return [word for word in words(_spelled(text)) if word[0].isdigit()]


def _spelled(text: str) -> str:
    """Large numbers in one spelling: `10 000` and `10 тыс.` are 10000, `1,5 млн` 1500000."""
    plain = _SPACED.sub(lambda found: re.sub(r"\D", "", found.group()), text)
    return _TIMES.sub(_written_out, plain)


def _written_out(found: re.Match[str]) -> str:
    first, dash, second, unit = found.groups()
    times = 1000 if unit.lower().startswith(("т", "th")) else 1_000_000
    ends = (f"{times * float(one.replace(',', '.')):.12g}" for one in (first, second) if one)
    return (dash or "").join(ends)
