"""What of a statement speaks of what the question asks: of its period, of each or of all."""

import re
from collections.abc import Sequence

_PERIODS = (
    ("day", "daily", r"день|сутки"),
    ("week", "weekly", "неделю"),
    ("month", "monthly", "месяц"),
    ("year", "yearly|annually", "год"),
    ("hour", "hourly", "час"),
    ("minute", "every minute", "минуту"),
)
_SCOPES = (
    {
        name: re.compile(
            rf"(?:\b(?:per|every|each|an?|one|(?:in|over|during) the)\s|/\s?){name}\b"
            rf"|\b(?:{adverb})\b|\b(?:в|за|кажд\w+)\s(?:{russian})\b",
            re.I,
        )
        for name, adverb, russian in _PERIODS
    },
    {
        "each": re.compile(
            r"\b(?:each|apiece|кажд\w+)\b(?!\s(?:day|week|month|year|hour|minute|день|недел|месяц|год))",
            re.I,
        ),
        "total": re.compile(
            r"\b(?:total|altogether|in all|combined|всего|вместе|итого|в сумме)\b", re.I
        ),
    },
)
"""What an amount may be said of: a period; each, or all of them."""
_ASKING = re.compile(r"\b(?:how|what|сколько|как\w*|чему)\b")
_WORD = re.compile(r"[^\W\d]{3,}")
_COMMON_WORDS = (
    "the and are was for did does how many much what will have has she her his they this that with"
)
_COMMON = frozenset(_COMMON_WORDS.split())
TERMS = re.compile(
    r"\(|\b(?:if|when|assuming|given that|(?:by|from|after) [a-z]+ing|after (?:an?|the)"
    r"|(?:down|up) from|compared|если|когда|при условии)\b",
    re.I,
)
"""What stands behind these words, behind an amount, says on which terms."""


def in_scope(pieces: Sequence[str], asks: str) -> list[str]:
    """The clauses of a statement without those that speak of another period than `asks` does.

    Nothing is left out where no clause with a figure speaks of the one that is asked for.
    """
    kept = list(pieces)
    for scopes in _SCOPES:
        asked = {name for name, pattern in scopes.items() if pattern.search(_question(asks))}
        if len(asked) != 1 or len(kept) < 2:
            continue
        said = [{name for name, one in scopes.items() if one.search(piece)} for piece in kept]
        if any(asked & of and re.search(r"\d", p) for p, of in zip(kept, said, strict=True)):
            both = zip(kept, said, strict=True)
            kept = [p for p, of in both if not of or asked & of or "=" in p]
    return kept


def _question(asks: str) -> str:
    """The question itself, without the terms in its sentence: `if …, how many …, when …?`."""
    return TERMS.split(_ASKING.split(asks)[-1])[0]


def agreement(sentence: str, asks: str) -> int:
    """How many words of the question itself stand in a sentence, by their first four letters."""
    asked, said = (
        {word[:4] for word in _WORD.findall(text.casefold().replace("$", " dollars "))}
        for text in (_question(asks), sentence)
    )
    return len((asked & said) - _COMMON)
