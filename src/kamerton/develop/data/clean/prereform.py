"""Russian spelling before 1918 to today's: letters, silent ъ, prefixes and endings.

Letters are safe to convert anywhere; endings only in a text that is in the old spelling, since
modern words may look alike. Rules after the decree of 10 October 1918.
"""

import re
from collections.abc import Iterator

from kamerton.develop.data.clean.edits import Edit

_LETTERS = str.maketrans("ѣѢіІїЇѳѲѵѴ", "еЕиИиИфФиИ")
_WORD = re.compile("[а-яёѣіїѳѵА-ЯЁѢІЇѲѴ]+")
_OLD = re.compile("[ѣѢѳѲ]|[бвгджзклмнпрстфхцчшщ]ъ(?![а-яёѣі])", re.I)
_OLD_SHARE = 0.002
"""Old marks for each character from which a text counts as old: such books have 0.04."""
_WHOLE = {
    "ея": "ее",
    "нея": "нее",
    "онѣ": "они",
    "однѣ": "одни",
    "однѣхъ": "одних",
    "однѣмъ": "одним",
    "однѣми": "одними",
    "обѣихъ": "обеих",
}
_KEEP = frozenset(
    ["благо", "наго", "саго", "маго", "яго", "чикаго", "иаго", "сантьяго", "словакия"]
)
_VOICELESS = "кпстфхцчшщ"
_ENDING = re.compile("(?<=[а-яё]{2}ы)я$|(?<=[кшщ]и)я$", re.I)
"""-ыя, -кия, -шия, -щия of adjectives; other endings in -ия are as often those of nouns."""
_PREFIX = re.compile(f"^(бе|во|вз|ра|ро|ни|чере|и)з(?=[{_VOICELESS}])", re.I)
_SIBILANT_AGO = re.compile("(?<=[жшчщ])аго(?=(?:ся)?$)", re.I)
_AGO = re.compile("(?<=[бвгдзклмнпрстфхц])аго$", re.I)
_JAGO = re.compile("(?<=[внртлдзсжшчщ])яго(?=(?:ся)?$)", re.I)


def is_old(text: str) -> bool:
    """Whether a text is written in the old spelling."""
    marks = sum(1 for _ in _OLD.finditer(text))
    return marks > _OLD_SHARE * max(1, len(text))


def pre_reform(text: str) -> Iterator[Edit]:
    """Every word of an old text that is spelt otherwise today."""
    if not is_old(text):
        return
    for found in _WORD.finditer(text):
        modern = modernised(found[0])
        if modern != found[0]:
            yield Edit(found.start(), found.end(), modern)


def modernised(word: str) -> str:
    """One word in today's spelling.

    >>> modernised("страннаго"), modernised("движеніями"), modernised("безконечный")
    ('странного', 'движениями', 'бесконечный')
    """
    lower = word.lower()
    if lower in _WHOLE:
        return _cased(_WHOLE[lower], word)
    text = word.translate(_LETTERS)
    if len(text) > 1 and text[-1] in "ъЪ":
        text = text[:-1]
    if text.lower() in _KEEP:
        return text
    text = _SIBILANT_AGO.sub("его", text)
    text = _AGO.sub("ого", text)
    text = _JAGO.sub("его", text)
    text = _ENDING.sub("е", text)
    return _PREFIX.sub(lambda m: m[1] + "с", text)


def _cased(modern: str, like: str) -> str:
    return modern.capitalize() if like[0].isupper() else modern
