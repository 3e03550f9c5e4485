"""One spelling for all that compares texts: what no reader sees or tells apart makes no difference.

Letters are composed (NFC); soft hyphens, zero-width characters, marks of direction and of stress
go; spaces are of one kind; a word of two alphabets is written in the one that all of its letters
look like. `plain` keeps case and ё, `folded` does not. Texts are compared so, never changed so:
what a corpus repairs is in `develop.data.clean`.
"""

import re
from collections.abc import Iterator
from functools import lru_cache
from unicodedata import normalize

SPELLING = "nfc.unseen.stress.alike"
"""What `plain` does, as signatures of scorers name it."""
UNSEEN = "\u00ad\u034f\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff"
"""Characters without a shape of their own, as a part of a regex's class."""
LATIN = "aceopxyABCEHKMOPTXYk"
CYRILLIC = "асеорхуАВСЕНКМОРТХУк"
"""Letters of Russian words that look alike, place by place."""
WORD = re.compile(rf"\w[\w{UNSEEN}\u0300-\u036f]*")
"""A word as it is written, with what is not seen in it."""
_TO_CYRILLIC = str.maketrans(
    LATIN + "iIáàéèóòýëïÁÀÉÈÓÒÝËÏ" + "ΑΒΕΗΙΚΜΟΡΤΥΧορκχ",
    CYRILLIC + "іІааееооуёїААЕЕООУЁЇ" + "АВЕНІКМОРТУХоркх",
)
_TO_LATIN = str.maketrans(
    CYRILLIC + "іІѕЅјЈ" + "ΑΒΕΖΗΙΚΜΝΟΡΤΥΧορ", LATIN + "iIsSjJ" + "ABEZHIKMNOPTYXop"
)
_C, _L, _G = "\u0400-\u052f", "A-Za-zÀ-ÖØ-öø-ÿ", "\u0386-\u03ce"
_SEAM = re.compile(
    f"[{_L}{_G}](?:(?<=[{_C}].)|(?=[{_C}])|(?<=[{_L}][{_G}])|(?<=[{_G}][{_L}]))", re.DOTALL
)
"""A letter beside one of another alphabet; it begins with the letters that Russian texts lack."""
_WORD_OF_LETTERS = re.compile(r"[^\W\d_]+")
_NOT_CYRILLIC, _NOT_LATIN = re.compile(f"[{_L}{_G}]"), re.compile(f"[{_C}{_G}]")
_ONLY_UNSEEN = re.compile(f"[{UNSEEN}\ufe00-\ufe0f]+")
_STRESS = re.compile("[\u0300\u0301](?:(?<=[аеиоуыэюяѣіїєАЕИОУЫЭЮЯѢІЇЄёЁ].)|(?<=[еЕ]\u0308.))")
_SPACE = re.compile("[\u00a0\u2000-\u200a\u202f\u205f\u3000]")
_LONE = re.compile("(?<=[а-яё,] )(?:[acoyk]|co|ee)(?= [а-яё])")
"""A Russian word of Latin letters among Russian words."""


def plain(text: str) -> str:
    """The text as all that compares reads it, case and ё kept.

    >>> plain("пере\u00adнo\u0301с в Мoскву")
    'перенос в Москву'
    """
    if text.isascii():
        return text
    text = normalize("NFC", _STRESS.sub("", _ONLY_UNSEEN.sub("", text)))
    text = _SPACE.sub(" ", text.replace("ѐ", "е").replace("ѝ", "и"))
    if not _NOT_CYRILLIC.search(text) or not _NOT_LATIN.search(text):
        return text
    words = list(mixed(text))
    if words:
        russian = len(_NOT_CYRILLIC.findall(text)) <= len(re.findall(f"[{_C}]", text))
        parts, at = [], 0
        for start, end in words:
            parts += [text[at:start], _of_one_alphabet(text[start:end], russian)]
            at = end
        text = "".join([*parts, text[at:]])
    return _LONE.sub(lambda word: word[0].translate(_TO_CYRILLIC), text)


def folded(text: str) -> str:
    """The text after `plain`, without case, and with е for ё."""
    return plain(text).casefold().replace("ё", "е")


@lru_cache(maxsize=100_000)
def key(word: str) -> str:
    """What two words have in common where they look the same, even if all letters are replaced.

    Letters that look like Cyrillic ones are Cyrillic in it, so it is for comparing only.

    >>> key("СОСНА") == key("Cocна"), key("co") == key("со")
    (True, True)
    """
    word = folded(word)
    alike = word.translate(_TO_CYRILLIC)
    return word if _NOT_CYRILLIC.search(alike) else alike


def mixed(text: str) -> Iterator[tuple[int, int]]:
    """Start and end of each word of two alphabets: few, so they are looked for by their seams."""
    last = 0
    for seam in _SEAM.finditer(text):
        start = seam.start()
        if start < last:
            continue
        while start and text[start - 1].isalpha():
            start -= 1
        word = _WORD_OF_LETTERS.match(text, start)
        assert word is not None
        last = word.end()
        yield word.span()


def _of_one_alphabet(word: str, russian: bool) -> str:
    """The word in the alphabet that all its letters look like; in that of its text if in both."""
    cyrillic, latin = word.translate(_TO_CYRILLIC), word.translate(_TO_LATIN)
    wholly = (not _NOT_CYRILLIC.search(cyrillic), not _NOT_LATIN.search(latin))
    if wholly[0] and (russian or not wholly[1]):
        return cyrillic
    return latin if wholly[1] else word
