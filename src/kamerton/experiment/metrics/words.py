"""Words of a text, and whether a phrase stands in it: the matcher that all criteria share.

A word is a run of letters, or a number with its decimals (`2.2`, `2,2`); `3,000` is 3000. Case,
and е for ё, make no difference. A phrase matches whole words only; `stem*` matches any ending.
"""

import re
from collections.abc import Sequence
from functools import cache, lru_cache
from importlib.resources import files
from unicodedata import normalize

_TOKEN = re.compile(r"(\d+(?:[.,]\d+)*|[^\W\d_]+)(\*?)")
_THOUSANDS = re.compile(r"(?<![\d.,])(\d{1,3})((?:,\d{3})+)(?![\d])")
_VOWELS = re.compile(r"(?:ая|яя|ое|ее|ые|ие|ый|ий|ой|[аеиоуыэюяйь])$")


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


def content_words(text: str) -> list[str]:
    """Words that carry meaning: all but those of `stopwords.txt`."""
    return [word for word in words(text) if word not in _stopwords()]


def akin(one: str, other: str) -> bool:
    """Whether two words are forms of one: equal, or alike but for at most two last letters."""
    if one == other:
        return True
    shorter, longer = sorted((one, other), key=len)
    stem = max(4, len(shorter) - 2)
    return len(longer) - stem <= 4 and len(shorter) >= stem and one[:stem] == other[:stem]


def share_word(one: str, other: str) -> bool:
    """Whether two texts have a word that carries meaning in common, in whatever form."""
    others = content_words(other)
    return any(akin(word, candidate) for word in content_words(one) for candidate in others)


def inflected(name: str) -> str:
    """Turn a name into a phrase that its declined Russian forms match; English stays."""
    return " ".join(_stem(word) for word in words(name))


def phrases(file: str) -> tuple[str, ...]:
    """Lines of a text file beside this one, without blank lines and remarks."""
    text = (files("kamerton.experiment.metrics") / file).read_text("utf-8")
    return tuple(line for raw in text.splitlines() if (line := raw.strip()) and line[0] != "#")


def _stem(word: str) -> str:
    if len(word) < 4 or not re.match(r"[а-я]", word):
        return word
    return _VOWELS.sub("", word) + "*"


@lru_cache(maxsize=4096)
def _tokens(text: str) -> tuple[tuple[str, str], ...]:
    plain = normalize("NFC", text).casefold().replace("ё", "е")
    plain = _THOUSANDS.sub(lambda number: number.group(0).replace(",", ""), plain)
    return tuple((word.replace(",", "."), star) for word, star in _TOKEN.findall(plain))


@cache
def _stopwords() -> frozenset[str]:
    return frozenset(word for line in phrases("stopwords.txt") for word in line.split())
