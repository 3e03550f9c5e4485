"""Whether a text contains a key fact: `a | b` are alternatives, `stem*` any ending.

The same rule as the experiment platform's; the two meet in the form of the data, not in code.
"""

import re

_WORD = re.compile(r"\d+(?:[.,]\d+)*|[^\W\d_]+")


def words(text: str) -> list[str]:
    """Lower-case words and numbers; ё is read as е."""
    return _WORD.findall(text.casefold().replace("ё", "е"))


def contains(text: str, item: str) -> bool:
    """Whether any alternative of `item` stands in `text` as whole words."""
    haystack = words(text)
    return any(_stands(haystack, alternative) for alternative in item.split("|"))


def _stands(haystack: list[str], alternative: str) -> bool:
    needle = re.findall(
        r"(\d+(?:[.,]\d+)*|[^\W\d_]+)(\*?)", alternative.casefold().replace("ё", "е")
    )
    spans = range(len(haystack) - len(needle) + 1)
    return bool(needle) and any(
        all(_equal(haystack[i + j], word, star) for j, (word, star) in enumerate(needle))
        for i in spans
    )


def _equal(word: str, wanted: str, star: str) -> bool:
    return word.startswith(wanted) if star else word == wanted
