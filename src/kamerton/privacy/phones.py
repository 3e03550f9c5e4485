"""Phone numbers: Russian and North American ones by their tables of codes, others by their form.

The codes are those of libphonenumber's metadata (9.0.43). A number of ten digits, or of eleven
without a sign between them, counts where its form or a word before it says that it is a phone's.
"""

import re
from collections.abc import Callable, Iterator

Match = re.Match[str]
Span = tuple[int, int]
DASH, BLANK = r"\-‐-―", r" \u00a0\u2009\u202f"
START, END = rf"(?<![\w+$€£₽])(?<!\d[.,/{DASH}])", rf"(?!\w|\*\w)(?![.,{DASH}]\d)"
_RUSSIAN = re.compile(
    r"(?:3(?:0[12]|36|4[1-35-79]|5[1-3]|65|8[1-58]|9[0145])"
    r"|4(?:01|1[1356]|2[13467]|7[1-5]|8[1-7]|9[1-689])"
    r"|8(?:0[04]|1[1-8]|2[01]|3[13-6]|4[0-8]|5[15-7]|6[0-35-79]|7[1-37-9])|9\d\d|7[0-8]\d)[1-9]\d{6}"
)
"""Codes of Russia and Kazakhstan; a subscriber's number does not begin with 0."""
_AMERICAN = re.compile(
    r"(?:2(?:0[1-9]|1[02-9]|2[03-9]|3[14-69]|4[089]|5[0-467]|6[02379]|7[02-469]|8[139])"
    r"|3(?:0[1-9]|1[02-9]|2[013-79]|3[0-24679]|4[1367]|5[0-4]|6[013-57-9]|8[0256])"
    r"|4(?:0[1-9]|1[02-9]|2[3-58]|3[0-24578]|4[023578]|5[08]|6[3489]|7[024589]|8[04])"
    r"|5(?:0[1-9]|1[02-9]|20|3[0149]|4[018]|5[179]|6[1-47]|7[0-59]|8[0-24-7])"
    r"|6(?:0[1-9]|1[02-9]|2[03689]|3[0169]|4[015-7]|5[01679]|6[0-279]|7[28]|8[0-369])"
    r"|7(?:0[1-9]|1[2-9]|2[04-8]|3[0-2478]|4[02378]|5[347]|6[02359]|7[0-589]|8[0-256])"
    r"|8(?:0[0-8]|1[02-9]|2[01568]|3[0-3589]|4[03-578]|5[04-9]|6[02-7]|7[0237-9]|88)"
    r"|9(?:0[1-9]|1[02-9]|2[0589]|3[0146-8]|4[0-357-9]|5[12469]|7[0-3589]|8[03-69]))[2-9]\d{6}"
)
"""Codes of the United States and Canada."""
_G = rf"[{BLANK}.{DASH}]{{0,3}}"
"""What stands between two groups of a number."""
_AREA = "(?:" + "|".join(
    rf"(?:\([347-9]\d{{{more}}}\)|[347-9]\d{{{more}}}){_G}(?:{rest})"
    for more, rest in (
        (2, rf"\d{{3}}{_G}\d\d{_G}\d\d|\d\d{_G}\d\d{_G}\d{{3}}"),
        (3, rf"\d\d{_G}\d\d{_G}\d\d|\d{{3}}{_G}\d{{3}}"),
        (4, rf"\d{_G}\d\d{_G}\d\d"),
    )
) + ")"  # fmt: skip
_COUNTRY = (
    r"(?:2[07]|3[0-469]|4[013-9]|5[1-8]|6[0-6]|8[1246]|9[0-58]"
    r"|21[1-368]|(?:2[2-69]|3[578]|42|5[09]|6[7-9]|8[0578]|9[679])\d)"
)  # codes of ITU-T E.164, without 1 and 7, which have forms of their own
_AMERICAN_FORM = r"(?:\({0}\) ?|{0}[{1}.])[2-9]\d\d[{1}.]\d{{4}}".format(r"[2-9]\d\d", DASH)
_WITH_CODE = re.compile(
    rf"{START}(?:\+1{_G}(?:\([2-9]\d\d\)|[2-9]\d\d){_G}\d{{3}}{_G}\d{{4}}"
    rf"|\+(?={_COUNTRY})[2-9](?:[{BLANK}.(){DASH}]{{0,2}}\d){{7,14}}){END}"
)
_RUSSIAN_FORM = re.compile(
    rf"{START}(?:(?:\+7|8|7(?={_G}\(?9)){_G}{_AREA}"
    rf"|(?:\([3489]\d\d\){_G}|9\d\d[{DASH}])\d{{3}}[{DASH}]\d\d[{DASH}]\d\d){END}"
)
_NORTH_AMERICAN_FORM = re.compile(rf"{START}(?:1[{BLANK}{DASH}.])?{_AMERICAN_FORM}{END}")
_ANY_FORM = re.compile(rf"{START}(?:[17]{_G}|8{_G})?(?:\(\d{{3,5}}\)|\d)(?:{_G}\d){{5,9}}{END}")
_WORD = re.compile(
    r"(?i)(?<!\w)(?:тел|телефон\w*|моб|мобильн\w+|сот|сотов\w+|звони\w*|позвони\w*|факс|whatsapp"
    r"|в[ао]тсап\w*|viber|вайбер\w*|tel|phone|mobile|cell|call|fax|text)(?!\w)[^\w\n]{0,4}"
    r"(?:(?:номер\w*|number|по|at|us|me|us at|me at|no)(?!\w)[^\w\n]{0,3})*\Z"
)
"""A word that a number of any form may follow."""
_THOUSANDS = re.compile(rf"\+\d{{1,3}}(?:[{BLANK}.]\d{{3}})+$")
_DECIMAL = re.compile(rf"\+?\d{{1,5}}\.[\d{BLANK}]+$")
_MONEY = re.compile(rf"[{BLANK}]?(?:руб|р\.|₽|\$|€|£|%|тыс|млн|млрд|USD|EUR|RUB)")
_ENOUGH = re.compile(r"\d(?:[^\w\n]{0,3}\d){8}")
"""Digits without which there is no phone number, card, ИНН or СНИЛС."""


def phones(text: str) -> Iterator[Span]:
    """Spans of phone numbers; several forms may fit one number."""
    for form, is_phone in _FORMS:
        yield from (match.span() for match in numbers(form, text) if is_phone(match))


def numbers(form: re.Pattern[str], text: str) -> Iterator[Match]:
    """Where a form of nine digits and more stands; texts without so many are passed over."""
    return form.finditer(text) if _ENOUGH.search(text) else iter(())


def _with_country(match: Match) -> bool:
    # From 11 digits on, groups of three are a phone number sooner than an amount.
    thousands = _THOUSANDS.match(match[0]) and len(_digits(match)) < 11
    return not thousands and not _is_amount(match)


def _russian(match: Match) -> bool:
    national = _digits(match)[-10:]
    bare = match[0].isdigit() and national[0] != "9" and not national.startswith("800")
    return _in_use(national) and not bare and not _is_amount(match)


def _north_american(match: Match) -> bool:
    return bool(_AMERICAN.fullmatch(_digits(match)[-10:]))


def _after_word(match: Match) -> bool:
    before, digits = match.string[max(0, match.start() - 40) : match.start()], _digits(match)
    whole = len(digits) == 10 or (len(digits) == 11 and digits[0] in "178")
    return (
        whole and bool(_WORD.search(before)) and (_in_use(digits[-10:]) or _north_american(match))
    )


_FORMS: tuple[tuple[re.Pattern[str], Callable[[Match], bool]], ...] = (
    (_WITH_CODE, _with_country),
    (_RUSSIAN_FORM, _russian),
    (_NORTH_AMERICAN_FORM, _north_american),
    (_ANY_FORM, _after_word),
)


def _in_use(national: str) -> bool:
    """Whether ten digits are a number of a Russian code in use, and no round number."""
    return bool(_RUSSIAN.fullmatch(national)) and not national.endswith("00000")


def _is_amount(match: Match) -> bool:
    return bool(_DECIMAL.match(match[0]) or _MONEY.match(match.string, match.end()))


def _digits(match: Match) -> str:
    return re.sub(r"\D", "", match[0])
