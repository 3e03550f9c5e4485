"""Bytes to text: the charset that they are written in, and whether they are text at all."""

import codecs
import re

from kamerton.documents.russian import ALIKE, likeness
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
    found = _unicode(data, where)
    if found is None:
        found = _eight_bits(data, where)
    _refuse_binary(found[0], where)
    return found


def _unicode(data: bytes, where: str) -> tuple[str, str] | None:
    """UTF-8 or UTF-16, None where it is neither."""
    try:
        return data.decode("utf-8-sig"), "utf-8"
    except UnicodeDecodeError as error:
        if data.startswith(_UTF16):
            return _utf16(data, where), "utf-16"
        if _nearly_utf8(data):
            values = {"charset": "UTF-8", "byte": error.start}
            raise InputError("documents.damaged", where=where, **values) from error
    return None


def _utf16(data: bytes, where: str) -> str:
    try:
        return data.decode("utf-16")
    except UnicodeDecodeError as error:
        values = {"charset": "UTF-16", "byte": error.start}
        raise InputError("documents.damaged", where=where, **values) from error


def _nearly_utf8(data: bytes) -> bool:
    """Whether nine in ten of its characters outside ASCII are whole: no other charset does that."""
    text = data.decode("utf-8", "replace")
    broken = text.count("\ufffd")
    return len(re.findall(r"[^\x00-\x7f\ufffd]", text)) >= 9 * broken


def _eight_bits(data: bytes, where: str) -> tuple[str, str]:
    if b"\0" in data:
        raise InputError("documents.binary", where=where)
    sample = _sample(data)
    scores = {name: likeness(sample.decode(name, "replace")) for name in RUSSIAN}
    charset = max(RUSSIAN, key=scores.__getitem__)
    if scores[charset] < ALIKE or _framed(sample.decode(charset, "replace")):
        charset = WESTERN if _western(sample) else _detected(data, where)
    try:
        return data.decode(charset), charset
    except UnicodeDecodeError as error:
        values = {"charset": charset, "byte": error.start}
        raise InputError("documents.damaged", where=where, **values) from error


def _sample(data: bytes) -> bytes:
    """What stands around bytes outside ASCII, as much as tells the charset."""
    kept, size, at = [], 0, 0
    while size < _SAMPLE and (found := _OUTSIDE.search(data, at)):
        start, at = max(at, found.start() - _BEFORE), found.end() + _AFTER
        kept.append(data[start:at])
        size += len(kept[-1])
    return b"".join(kept)


def _framed(text: str) -> bool:
    """Whether frames stand inside words: a charset that has other letters in their places."""
    return re.search(r"\w[\u2500-\u259f]\w", text) is not None


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

    found = chardet.detect(data, prefer_superset=True, compat_names=False)
    name, sure = found["encoding"], found["confidence"]
    if name is None or sure is None or sure < _SURE:
        raise InputError("documents.no_charset", where=where)
    text = _sample(data).decode(name, "replace")
    cyrillic = len(_CYRILLIC_OR_FRAME.findall(text))
    outside = len(re.findall(r"[^\x00-\x7f]", text))
    if 2 * cyrillic > outside and likeness(text) < 1.5 * ALIKE:
        raise InputError("documents.no_charset", where=where)
    return str(name).lower()


def _refuse_binary(text: str, where: str) -> None:
    controls = len(_CONTROL.findall(text))
    if "\0" in text or controls > _MOST_CONTROLS * len(text):
        raise InputError("documents.binary", where=where)
