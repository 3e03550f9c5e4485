"""Bytes to text: the charset that they are written in, and whether they are text at all.

The Russian charsets are told apart by how much their texts look like Russian. Each letter costs
what it is rare after the letter before it (minus the logarithm of its share, in Russian prose); a
word of mixed case or of mixed alphabets, a letter of no Russian word and a sign of no Russian text
cost far more. So a wrong charset is told by "пРИВЕТ" and by frames, and texts of a few words or
all in capitals by the order of their letters.
"""

import codecs
import math
import re
from collections.abc import Iterator
from itertools import pairwise

from kamerton.formats.errors import InputError

RUSSIAN = ("cp1251", "koi8-r", "cp866", "mac-cyrillic")
"""Charsets of old Russian files; where two of them give the same text the first is named."""
WESTERN = "cp1252"
_WESTERN_SIGNS = "«»—–…„“”‘’•·§°©®™€£¥¢¿¡ªº´\u00a0\u00ad"
_WESTERN_LETTERS = "àáâãäåæçèéêëìíîïñòóôõöøœùúûüßÀÁÂÃÄÅÆÇÈÉÊËÌÍÎÏÑÒÓÔÕÖØŒÙÚÛÜ"
_CONTROL = re.compile("[\x01-\x08\x0e-\x19\x1b-\x1f\x7f-\x84\x86-\x9f]")
_MOST_CONTROLS = 0.01
_SAMPLE = 40_000
_SURE = 0.2
"""Least confidence of chardet that is believed: on one line of text it is seldom more."""
_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_OUTSIDE, _BEFORE, _AFTER = re.compile(rb"[\x80-\xff]"), 32, 256
_CYRILLIC_OR_FRAME = re.compile("[\u0400-\u04ff\u2500-\u259f]")


def decode(data: bytes, where: str) -> tuple[str, str]:
    """The text of a file and the name of its charset, as Python calls it.

    Tried in turn: UTF-8, UTF-16 with a byte order mark, the Russian charsets (the one whose text
    looks most like Russian), whatever else chardet is sure of. Byte order marks are taken off.
    InputError: binary files, damaged UTF-8 or UTF-16, and files of no charset that can be told.
    """
    text, charset = _unicode(data, where) or _eight_bits(data, where)
    if "\0" in text or len(_CONTROL.findall(text)) > _MOST_CONTROLS * len(text):
        raise InputError("documents.binary", where=where)
    return text, charset


def _unicode(data: bytes, where: str) -> tuple[str, str] | None:
    """UTF-8 or UTF-16, None where it is neither."""
    try:
        return data.decode("utf-8-sig"), "utf-8"
    except UnicodeDecodeError as error:
        if data.startswith(_UTF16):
            return _decoded(data, "utf-16", where)
        replaced = data.decode("utf-8", "replace")
        whole = len(re.findall(r"[^\x00-\x7f\ufffd]", replaced))
        # Nine in ten characters outside ASCII are whole: no other charset does that.
        if whole >= 9 * replaced.count("\ufffd"):
            values = {"charset": "UTF-8", "byte": error.start}
            raise InputError("documents.damaged", where=where, **values) from error
    return None


def _decoded(data: bytes, charset: str, where: str) -> tuple[str, str]:
    try:
        return data.decode(charset), charset
    except UnicodeDecodeError as error:
        values = {"charset": charset, "byte": error.start}
        raise InputError("documents.damaged", where=where, **values) from error


def _eight_bits(data: bytes, where: str) -> tuple[str, str]:
    if b"\0" in data:
        raise InputError("documents.binary", where=where)
    sample = _sample(data)
    scores = {name: russian_score(sample.decode(name, "replace")) for name in RUSSIAN}
    charset = max(RUSSIAN, key=scores.__getitem__)
    # Frames inside words: a charset that has other letters in their places.
    framed = re.search(r"\w[\u2500-\u259f]\w", sample.decode(charset, "replace"))
    if scores[charset] < ALIKE or framed:
        charset = WESTERN if _western(sample) else _detected(data, where)
    return _decoded(data, charset, where)


def _sample(data: bytes) -> bytes:
    """What stands around bytes outside ASCII, as much as tells the charset."""
    kept, size, at = [], 0, 0
    while size < _SAMPLE and (match := _OUTSIDE.search(data, at)):
        start, at = max(at, match.start() - _BEFORE), match.end() + _AFTER
        kept.append(data[start:at])
        size += len(kept[-1])
    return b"".join(kept)


def _western(sample: bytes) -> bool:
    """Whether it is Latin text with a few letters and signs of Western Europe."""
    try:
        text = sample.decode(WESTERN)
    except UnicodeDecodeError:
        return False
    outside = {sign for sign in text if not sign.isascii()}
    if outside <= set(_WESTERN_SIGNS):
        return True
    words = "".join(word for word in re.findall(r"\w{2,}", text) if not word.isascii())
    few = len(re.findall(r"[^\x00-\x7f]", words)) < len(words) / 2
    return few and outside <= {*_WESTERN_SIGNS, *_WESTERN_LETTERS}


def _detected(data: bytes, where: str) -> str:
    """What chardet is sure of, unless the text would be nonsense."""
    import chardet

    guess = chardet.detect(data, prefer_superset=True, compat_names=False)
    name, sure = guess["encoding"], guess["confidence"]
    if name is None or sure is None or sure < _SURE:
        raise InputError("documents.no_charset", where=where)
    text = _sample(data).decode(name, "replace")
    cyrillic = len(_CYRILLIC_OR_FRAME.findall(text))
    outside = len(re.findall(r"[^\x00-\x7f]", text))
    if 2 * cyrillic > outside and russian_score(text) < 1.5 * ALIKE:
        raise InputError("documents.no_charset", where=where)
    return str(name).lower()


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
_PAIR_SCORES = {
    (one, other): -float(cost)
    for one, row in zip(_LETTERS, _COSTS, strict=True)
    for other, cost in zip(_LETTERS, row, strict=True)
}
_WORD = re.compile(r"[^\W\d_]+")
_RUSSIAN_WORD = re.compile(r"[а-яё]{2,}", re.I)
_NOT_ASCII = re.compile(r"[^\x00-\x7f]")
_SIGN = re.compile(r"[^\w\s\x00-\x7f]|[\x80-\x9f\u00a0]")
_USUAL_SIGNS = frozenset("«»—–…№„“”‘’•·§°©®\u00a0\u00ad")
_QUOTES, _NOT_BEFORE_SMALL = "«»“”‘’", "—–№»”’\u00a0"
_BEFORE_CAPITALS = ".!?…«“„\"'(-–—"
_SHOUTED, _CASE, _USUAL, _RELATED, _ALIEN = -0.5, -1.0, -5.0, -6.0, -12.0
ALIKE = -5.0
"""Above this a text is Russian: prose has about -3.0, text read in a wrong charset -7 and less
(but for cp1251 and mac-cyrillic, which share their small letters: the better of them is right)."""


def russian_score(text: str) -> float:
    """Score for each character outside ASCII; minus infinity without a Russian word."""
    if not _RUSSIAN_WORD.search(text):
        return -math.inf
    total = sum(_words(text)) + sum(_signs(text))
    return total / len(_NOT_ASCII.findall(text))


def _words(text: str) -> Iterator[float]:
    for match in _WORD.finditer(text):
        word = match[0]
        if not word.isascii():
            # Capitals inside a word, or two alphabets in it.
            cased = word.isupper() or word[1:].islower() or len(word) == 1
            odd = not cased or any(letter.isascii() for letter in word)
            yield _ALIEN * len(word) if odd else _word(word)
            yield _case(word, text[max(0, match.start() - 3) : match.start()])


def _word(word: str) -> float:
    shouted = _SHOUTED * len(word) if len(word) > 1 and word.isupper() else 0.0
    plain = f"_{word.lower().replace('ё', 'е')}_"
    return shouted + sum(_after(one, other) for one, other in pairwise(plain))


def _after(one: str, other: str) -> float:
    cyrillic = all("\u0400" <= letter <= "\u04ff" or letter == "_" for letter in one + other)
    return _PAIR_SCORES.get((one, other), _RELATED if cyrillic else _ALIEN)


def _case(word: str, before: str) -> float:
    """A capital inside a sentence and a small letter at its beginning are a little less likely."""
    last = before.rstrip()[-1:]
    if not last or "\n" in before:
        return 0.0
    if word[0].islower():
        return _CASE if last in ".!?" and not before.rstrip().endswith("..") else 0.0
    return 0.0 if last in _BEFORE_CAPITALS else _CASE


def _signs(text: str) -> Iterator[float]:
    for match in _SIGN.finditer(text):
        usual = match[0] in _USUAL_SIGNS and not _misplaced(text, match.start())
        yield _USUAL if usual else _ALIEN


def _misplaced(text: str, place: int) -> bool:
    """Whether a sign is rather a lost capital: " –остана", " “ нас", but not "в 10—й", "“Нас”"."""
    before, sign, after = text[place - 1 : place] or " ", text[place], text[place + 1 : place + 2]
    if not before.isspace():
        return False
    alone = sign in _QUOTES and (not after or after.isspace())
    return alone or (sign in _NOT_BEFORE_SMALL and after.islower())
