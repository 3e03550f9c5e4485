"""How much a text looks like Russian: a small score that tells the Russian charsets apart.

Each letter costs what it is rare after the letter before it (minus the logarithm of its share, in
Russian prose); a word of mixed case or of mixed alphabets, a letter of no Russian word and a sign
of no Russian text cost far more. So a wrong charset is told by "пРИВЕТ" and by frames, and texts
of a few words or all in capitals by the order of their letters.
"""

import math
import re
from collections.abc import Iterator
from itertools import pairwise

_LETTERS = "_абвгдежзийклмнопрстуфхцчшщъыьэюя"
_COSTS = (
    "943243444383432324234656357999474",  # _
    "195344443653233953337647446999943",  # а
    "438587289395364293583968774516983",  # б
    "228775294395463254354977648935995",  # в
    "339793499395274193773999689999999",  # г
    "327387277295453263453965669644974",  # д
    "184433444634332643336855445999955",  # е
    "325962179294672597674998699995989",  # ж
    "214343457495442384674998689634964",  # з
    "165354353543233654338744456999954",  # и
    "099994899995553798339995449999999",  # й
    "219598478298494193543998989999999",  # к
    "227766258295685269363999599942943",  # л
    "127959299296573266572897688936994",  # м
    "329875288295993297553895686934963",  # н
    "193333444534333643337657456999855",  # о
    "639999299395395161763997689945994",  # п
    "426554257295654267543767657934954",  # р
    "337385278392344336414967569853963",  # с
    "228386299395574173464986688832964",  # т
    "174333534853334844339748335999836",  # у
    "329999299197366292553699999954987",  # ф
    "129499599399454194564999979999899",  # х
    "228489199394978299993998989939999",  # ц
    "329899199294683595913999859994999",  # ч
    "429599199293363368953999999993989",  # ш
    "529899199199994796993999999995999",  # щ
    "998989198699999899896999999999931",  # ъ
    "194355366824234954338937437999996",  # ы
    "095756395593943799359785547999944",  # ь
    "599765996964455966509659989999999",  # э
    "192973866986555984439865443999959",  # ю
    "096454544664343966339956575999955",  # я
)
"""Cost (nats, rounded) of each letter, in columns, after each letter, in rows; `_` is a word's
edge. Counted in 25 million letters of 87 Russian novels."""
_AFTER = {
    (one, other): -float(cost)
    for one, row in zip(_LETTERS, _COSTS, strict=True)
    for other, cost in zip(_LETTERS, row, strict=True)
}
_WORD = re.compile(r"[^\W\d_]+")
_RUSSIAN_WORD = re.compile(r"[а-яё]{2,}", re.I)
_OUTSIDE = re.compile(r"[^\x00-\x7f]")
_SIGN = re.compile(r"[^\w\s\x00-\x7f]|[\x80-\x9f\u00a0]")
_USUAL_SIGNS = frozenset("«»—–…№„“”‘’•·§°©®\u00a0\u00ad")
_QUOTES, _NOT_BEFORE_SMALL = "«»“”‘’", "—–№»”’\u00a0"
_BEFORE_CAPITALS = ".!?…«“„\"'(-–—"
_SHOUTED, _CASE, _USUAL, _RELATED, _ALIEN = -0.5, -1.0, -5.0, -6.0, -12.0
ALIKE = -5.0
"""Above this a text is Russian: prose has about -3.0, text read in a wrong charset -7 and less
(but for cp1251 and mac-cyrillic, which share their small letters: the better of them is right)."""


def likeness(text: str) -> float:
    """Score for each character outside ASCII; minus infinity without a Russian word."""
    if not _RUSSIAN_WORD.search(text):
        return -math.inf
    total = sum(_words(text)) + sum(_signs(text))
    return total / len(_OUTSIDE.findall(text))


def _words(text: str) -> Iterator[float]:
    for found in _WORD.finditer(text):
        word = found[0]
        if not word.isascii():
            yield _ALIEN * len(word) if _is_odd(word) else _word(word)
            yield _case(word, text[max(0, found.start() - 3) : found.start()])


def _is_odd(word: str) -> bool:
    """Whether capitals stand inside a word, or two alphabets in it."""
    cased = word.isupper() or word[1:].islower() or len(word) == 1
    return not cased or any(letter.isascii() for letter in word)


def _word(word: str) -> float:
    shouted = _SHOUTED * len(word) if len(word) > 1 and word.isupper() else 0.0
    plain = f"_{word.lower().replace('ё', 'е')}_"
    return shouted + sum(_after(one, other) for one, other in pairwise(plain))


def _after(one: str, other: str) -> float:
    cyrillic = all("\u0400" <= letter <= "\u04ff" or letter == "_" for letter in one + other)
    return _AFTER.get((one, other), _RELATED if cyrillic else _ALIEN)


def _case(word: str, before: str) -> float:
    """A capital inside a sentence and a small letter at its beginning are a little less likely."""
    last = before.rstrip()[-1:]
    if not last or "\n" in before:
        return 0.0
    if word[0].islower():
        return _CASE if last in ".!?" and not before.rstrip().endswith("..") else 0.0
    return 0.0 if last in _BEFORE_CAPITALS else _CASE


def _signs(text: str) -> Iterator[float]:
    for found in _SIGN.finditer(text):
        usual = found[0] in _USUAL_SIGNS and not _misplaced(text, found.start())
        yield _USUAL if usual else _ALIEN


def _misplaced(text: str, place: int) -> bool:
    """Whether a sign is rather a lost capital: " –остана", " “ нас", but not "в 10—й", "“Нас”"."""
    before, sign, after = text[place - 1 : place] or " ", text[place], text[place + 1 : place + 2]
    if not before.isspace():
        return False
    alone = sign in _QUOTES and (not after or after.isspace())
    return alone or (sign in _NOT_BEFORE_SMALL and after.islower())
