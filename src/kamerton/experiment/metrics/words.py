"""Words that carry meaning, forms of a word, and lists of phrases: what several criteria share."""

import re
from functools import cache
from importlib.resources import files

from kamerton.formats.matching import same_lemma, words

_VOWELS = re.compile(r"(?:ая|яя|ое|ее|ые|ие|ый|ий|ой|[аеиоуыэюяйь])$")


def content_words(text: str) -> list[str]:
    """Words that carry meaning: all but those of `stopwords.txt`."""
    return [word for word in words(text) if word not in _stopwords()]


def share_word(one: str, other: str) -> bool:
    """Whether two texts have a word that carries meaning in common, in whatever form."""
    others = content_words(other)
    return any(same_lemma(word, candidate) for word in content_words(one) for candidate in others)


def inflected(name: str) -> str:
    """Turn a name into a phrase that its declined Russian forms match; English stays."""
    return " ".join(
        _VOWELS.sub("", word) + "*" if len(word) > 3 and re.match("[а-я]", word) else word
        for word in words(name)
    )


def phrases(file: str) -> tuple[str, ...]:
    """Lines of a text file beside this one, without blank lines and remarks."""
    text = (files("kamerton.experiment.metrics") / file).read_text("utf-8")
    return tuple(line for raw in text.splitlines() if (line := raw.strip()) and line[0] != "#")


@cache
def _stopwords() -> frozenset[str]:
    return frozenset(word for line in phrases("stopwords.txt") for word in line.split())
