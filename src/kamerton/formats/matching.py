"""Whether a key fact stands in a text: the one rule for checking data and for scoring answers.

A word is a run of letters, or a number with its decimals (`2.2`, `2,2`); `3,000` is 3000. Words
have one spelling (`formats.spelling`); case, and е for ё, make no difference. A phrase matches
whole words only; `stem*` matches any ending.
"""

import re
from collections.abc import Sequence

from kamerton.formats.spelling import folded

_TOKEN = re.compile(r"(\d+(?:[.,]\d+)*|[^\W\d_]+)(\*?)")
_THOUSANDS = re.compile(r"(?<![\d.,])(\d{1,3})((?:,\d{3})+)(?![\d])")


def words(text: str) -> list[str]:
    """Words and numbers of a text, in one spelling."""
    return [word for word, _ in _tokens(text)]


def contains(text: str, item: str) -> bool:
    """Whether one of the ` | ` alternatives of `item` stands in `text`."""
    found = words(text)
    return any(stands(found, alternative) for alternative in item.split("|"))


def stands(found: Sequence[str], phrase: str) -> bool:
    """Whether `phrase` stands in a list of words, in order and without a gap."""
    wanted = _tokens(phrase)
    starts = range(len(found) - len(wanted) + 1)
    return bool(wanted) and any(
        all(
            found[i + j].startswith(word) if star else found[i + j] == word
            for j, (word, star) in enumerate(wanted)
        )
        for i in starts
    )


def same_lemma(one: str, other: str) -> bool:
    """Whether two words are forms of one: equal, or alike but for at most two last letters."""
    if one == other:
        return True
    shorter, longer = sorted((one, other), key=len)
    stem = max(4, len(shorter) - 2)
    return len(longer) - stem <= 4 and len(shorter) >= stem and one[:stem] == other[:stem]


def _tokens(text: str) -> tuple[tuple[str, str], ...]:
    plain = _THOUSANDS.sub(lambda number: number.group(0).replace(",", ""), folded(text))
    return tuple((word.replace(",", "."), star) for word, star in _TOKEN.findall(plain))
