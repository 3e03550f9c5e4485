"""Quantities in a sentence: what a comma, a dot or a space between digits means, exactly.

The rules (docs/decisions/0007-grading-mathematics.md has them as a table):

* `1,319` is 1319 in English. In Russian it is 1.319, unless the text or its question groups by
  commas elsewhere, or the number is an amount of money, which has no third decimal.
* a comma before one or two digits is a decimal comma in any language; `0,125` too.
* no-break, thin and figure spaces, apostrophes and underscores always group thousands; an
  ordinary space does so in Russian, and elsewhere where `Context.spaces` says so.
* `10:30`, `3:2`, `2^3`, `√18`, `18π`, `12.05.2020` and `12/25/2020` are not one number: value None.
* `< 18`, `at least 18`, `not 18` and `18 or more` hold a figure, and do not say it: `ruled_out`.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache

_GROUPING = "\u00a0\u202f\u2009'’_"
_NUMBER = re.compile(
    r"(?P<sign>(?<![\w)%])(?<!\d )[-–](?=[$€£₽¥₹\d.])"
    r"|(?:^|(?<=is )|(?<=[:=] )|(?<=ен ))(?:minus|negative|минус)\s)?"
    r"(?P<currency>[$€£₽¥₹]\s?)?(?P<inner>-)?"
    r"(?<![^\W_])(?<!\^)(?<!\^[{-])"
    r"(?P<digits>\d+(?:[.,]\d+|[" + _GROUPING + r"]\d{3}(?!\d))*|(?<![\d.])\.\d+)"
)
_GROUPS = r"(\d{1,3})((?: \d{3})+)(?![\d/]|:\d|[.,]\d{3})"
_SPACED, _SPACED_MONEY = (
    re.compile(before + _GROUPS) for before in (r"(?<![\d.,/])", r"(?<=[$€£₽])")
)
_CLOCK = re.compile(r":(\d\d)(?::\d\d)?(?!\d)|:\d+")
_DATE = re.compile(r"/\d+/\d+")
_SLASH = re.compile(r"\s?/\s?(\d{1,12})(?![\d.,]*\d)(?!\s?/\s?\d)")
_MIXED = re.compile(r"(?:[ \u00a0]+|\s+and\s+|\s+и\s+)(\d{1,4})/(\d{1,4})(?![\d/])")
_POWER_OF_TEN = re.compile(r"\s?(?:[×*x]\s?10\^?\{?(-?\d+|[⁰¹²³⁴-⁹]+)\}?|[eE]([+-]?\d+))(?![\w])")
_POWER = re.compile(r"\s?\^|[⁰¹²³⁴-⁹]|\s?(?:[×*·]\s?)?(?:π|√|pi\b|sqrt\b)|[xyzn](?!\w)")
_FUNCTION = re.compile(
    r"(?:√|\bsqrt|\broot of(?: the)?|\bкор(?:ень|н\w+)(?: \w+)? из|\b(?:log|ln|sin|cos|tan))"
    r"[\s({]*$",
    re.I,
)
_SUPERSCRIPTS = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹", "0123456789")
_LONGEST = 40
"""Digits of the longest number: what is longer comes from a model that runs on."""
_SCALES = tuple(
    (re.compile(pattern, re.I), size, asked)
    for pattern, size, asked in (
        (r"\s?(?:dozens?|дюжин[аыу]?)(?!\w)", 12, "dozen|дюжин"),
        (r"\s(?:hundreds?|сот(?:ен|ни|ня))(?!\w)", 100, "hundred|сот"),
        (r"\s?(?:thousands?|тыс\.?|тысяч[аиу]?)(?!\w)|k(?!\w)", 1000, "thousand|тыс"),
        (r"\s?(?:millions?|млн\.?|миллион(?:ов|а)?)(?!\w)", 10**6, "million|млн|миллион"),
        (r"\s?(?:billions?|млрд\.?|миллиард(?:ов|а)?)(?!\w)", 10**9, "billion|миллиард"),
    )
)
"""What multiplies the number before it, and how a question asks in that unit."""
_REST = re.compile(r"[\s\u00a0]+(?:and\s+|и\s+)?(?=\d)")
_MONEY_AFTER = re.compile(
    r"\s?(?:[$€£₽¥₹]|руб|р\.|коп|долл|евро|dollar|euro|pound|cent|USD|RUB)", re.I
)
_SHOWS_COMMA_GROUPS = re.compile(
    r"(?<![\d.,])\d{1,3}(?:(?:,\d{3}){2,}(?![\d,])|,\d{3}\.\d)|[$€£₽]\s?\d{1,3},\d{3}(?!\d)"
)
_CYRILLIC, _LATIN = re.compile(r"[а-яё]", re.I), re.compile(r"[a-z]", re.I)

_NEAR = 40
_BEFORE = re.compile(
    r"(?:(?P<least>\bat least|\bno(?:t)? (?:less|fewer) than|\bminimum of|≥|\bне (?:менее|меньше)"
    r"|\b(?:как )?минимум|\bпо (?:крайней|меньшей) мере|\bхотя бы)"
    r"|(?P<most>\bat most|(?<!adds )(?<!add )(?<!adding )(?<!sum )(?<!sums )(?<!comes )\bup to"
    r"|\bno(?:t)? more than|\bmaximum of|≤|\bне (?:более|больше)|\bмаксимум|\bсамое большее|\bдо)"
    r"|(?P<strict>\b(?:less|fewer|more|(?:great|larg|small|bigg|high|low|old|young|long|short|tall"
    r"|heavi|cheap)er) than|\b(?:under|over|above|below|beyond|exceed(?:s|ing)?)|<"
    r"|(?<![-=])(?:(?<!\n)(?<!^)>|>(?=$))"
    r"|\b(?:больше|меньше|более|менее|выше|ниже|свыше))"
    r"|(?P<denied>(?:(?:\b(?:not|cannot|never|neither|nor|instead of|rather than)|n['’]t|≠)"
    r"(?:\s(?:be|been|just|only|equal(?: to)?|exactly|simply|necessarily))*"
    r"|\b(?:не|нельзя|вместо)(?:\s(?:мо[жг]\w+|должн\w+|будет|быть|равн\w+|только|просто))*)))"
    r"(?:\s(?:чем|an?|the|equal to))?[\s$€£₽({-]*$",
    re.I,
)
_BEHIND = re.compile(
    r"(?P<least>\+(?!\s?[\d$(])|\s+(?:or|and) (?:more|above|over|up)\b|\s+at least\b"
    r"|\s+(?:и|или) (?:бол|выше))"
    r"|(?P<most>\s+(?:or|and) (?:less|fewer|below|under)\b|\s+at most\b|\s+(?:и|или) (?:мен|ниже))"
    r"|(?P<denied>[%\s]*(?:[^\W\d]+\s)?(?:(?:is|was)\s(?:wrong|incorrect|impossible|too\s|not\s(?:right"
    r"|correct|possible|valid|the\s|it\b))|isn['’]t\s(?:right|correct|possible|valid|the\s|it\b)"
    r"|can(?:not|['’]t) be\b|[-–—]?\s?(?:это\s)?невер\w*"
    r"|[-–—]?\s?не\s(?:подход|год|мож|явля|правил|верн)))",
    re.I,
)
"""What makes a number a bound, or denies it."""
_ASKED_BOUNDS = {
    "least": re.compile(
        r"\b(?:at least|minimum|least|fewest|smallest|lowest|needs?|must|have to|has to|required?"
        r"|enough|не (?:менее|меньше)|миним\w*|наимень\w*|хотя бы|нужно|надо|потребу\w*"
        r"|необходим\w*|долж\w+|хват\w+)\b"
    ),
    "most": re.compile(
        r"\b(?:at most|max(?:imum)?|most|largest|greatest|highest|can|could|afford|up to"
        r"|не (?:более|больше)|максим\w*|наиболь\w*|мо(?:жет|гут|жно)|смо\w+|хват\w+)\b"
    ),
}
"""How a question asks for a bound, so that the bound is the answer."""

_ENGLISH = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen "
    "fifteen sixteen seventeen eighteen nineteen"
)
_RUSSIAN = (
    "ноль один два три четыре пять шесть семь восемь девять десять одиннадцать двенадцать "
    "тринадцать четырнадцать пятнадцать шестнадцать семнадцать восемнадцать девятнадцать"
)
_WORD_VALUES: dict[str, Fraction] = {
    word: Fraction(first + step * place)
    for first, step, words in (
        (0, 1, _ENGLISH),
        (0, 1, _RUSSIAN),
        (20, 10, "twenty thirty forty fifty sixty seventy eighty ninety"),
        (20, 10, "двадцать тридцать сорок пятьдесят шестьдесят семьдесят восемьдесят девяносто"),
        (100, 100, "сто двести триста четыреста пятьсот шестьсот семьсот восемьсот девятьсот"),
    )
    for place, word in enumerate(words.split())
}
_OTHER_FORMS = {"одна": "один", "одно": "один", "две": "два", "нуль": "ноль", "fourty": "forty"}
_WORD_VALUES |= {form: _WORD_VALUES[word] for form, word in _OTHER_FORMS.items()}
_WORD_VALUES |= dict.fromkeys(("полтора", "полторы", "полутора"), Fraction(3, 2))
_WORD_SCALES = {"dozen": 12, "дюжина": 12, "hundred": 100, "thousand": 1000} | {
    **dict.fromkeys(("тысяча", "тысячи", "тысяч"), 1000),
    **dict.fromkeys(("million", "миллион", "миллиона", "миллионов"), 10**6),
    **dict.fromkeys(("billion", "миллиард", "миллиарда", "миллиардов"), 10**9),
}
_PART_WORDS = "half third quarter fifth sixth seventh eighth ninth tenth"
_PARTS = {
    word + plural: size for size, word in enumerate(_PART_WORDS.split(), 2) for plural in ("", "s")
} | {"halves": 2, "fourth": 4, "fourths": 4, "треть": 3, "трети": 3, "четверть": 4, "четверти": 4}
_PARTS |= dict.fromkeys(("половина", "половину", "половиной"), 2)
_ALONE_WORDS = "half quarter половина половину треть четверть dozen дюжина hundred thousand million"
_ALONE = frozenset(_ALONE_WORDS.split())
"""What is a number without one before it: `half`, `a dozen`."""
_PRONOUNS = frozenset(("one", "один", "одна", "одно"))
_FILLERS = frozenset(("and", "a", "an", "и", "с"))
_POINT = "point"


@dataclass(frozen=True)
class Context:
    """How numbers are written in one answer, and what its question asks and gives."""

    decimal_comma: bool = False
    """`1,319` is 1.319, as in Russian, and not 1319."""
    spaces: bool = False
    """`1 319` is one number with ordinary spaces too."""
    asks: str = ""
    """The sentence that asks: a scale or small unit named in it stays a unit (`7 dozen`)."""
    given: tuple[frozenset[Fraction], ...] = ()
    """The numbers of the sentence that asks, then of the whole question: what is known already."""


@dataclass(frozen=True)
class Number:
    """A quantity in a text: its value (None where it is not one number) and its place."""

    value: Fraction | None
    start: int
    end: int
    money: bool = False
    """A currency sign stands before it."""
    ruled_out: bool = False
    """It is a bound, or denied: the sentence names it, and says another number or none."""


def context_of(text: str, question: str = "") -> Context:
    """The context of an answer: its letters, else its question's, and what it shows."""
    has_letters = _CYRILLIC.search(text) or _LATIN.search(text)
    russian = is_russian(text if has_letters else question)
    groups = _SHOWS_COMMA_GROUPS.search(f"{text} {question}") is not None
    asks = re.split(r"(?<=[.!])\s", question.strip())[-1]
    return Context(
        russian and not groups, russian, asks.casefold(), (_given(asks), _given(question))
    )


@lru_cache(maxsize=4096)
def _given(question: str) -> frozenset[Fraction]:
    """The numbers of a question, in digits and in words."""
    russian = is_russian(question)
    digits = (one.value for one in numbers(question, Context(russian, russian)))
    words = (value for value, _ in in_words(question))
    return frozenset(value for value in (*digits, *words) if value is not None)


def is_russian(text: str) -> bool:
    """Whether more letters are Cyrillic than Latin."""
    return len(_CYRILLIC.findall(text)) > len(_LATIN.findall(text))


def numbers(text: str, context: Context) -> list[Number]:
    """All numbers of a plain text in digits, from left to right."""
    spaced = _SPACED if context.spaces else _SPACED_MONEY
    text = spaced.sub(lambda match: match[0].replace(" ", "\u00a0"), text)
    return list(_numbers(text, context))


def _numbers(text: str, context: Context) -> Iterator[Number]:
    place = 0
    while match := _NUMBER.search(text, place):
        value, place = _whole(match, text, context)
        start, end = match.start(), place
        if value is not None and bool(match["sign"]) != bool(match["inner"]):
            value = -value
        before = text[max(0, start - _NEAR) : start]
        if _FUNCTION.search(before):
            value = None
        out = _is_ruled_out(before, text[end : end + _NEAR], context.asks)
        yield Number(value, start, end, bool(match["currency"]), out)


def _is_ruled_out(before: str, behind: str, asks: str) -> bool:
    """Whether the words around a number make it a bound that is not asked for, or deny it."""
    mark = _BEFORE.search(before) or _BEHIND.match(behind)
    if mark is None:
        return False
    asked = _ASKED_BOUNDS.get(mark.lastgroup or "")
    return asked is None or asked.search(asks) is None


def _whole(match: re.Match[str], text: str, context: Context) -> tuple[Fraction | None, int]:
    """The value of the digits and of what belongs to them behind: fractions, times, scales."""
    digits, end = match["digits"], match.end()
    money = bool(match["currency"]) or _MONEY_AFTER.match(text, end) is not None
    value = decimal(digits, context.decimal_comma and not money)
    if clock := _CLOCK.match(text, end):
        # A full hour is a number ("at 5:00" answers "at what hour"); 10:30 and 3:2 are not.
        return (value if clock[1] == "00" else None), clock.end()
    if value is not None and digits.isdigit():
        if (mixed := _MIXED.match(text, end)) and 0 < int(mixed[1]) < int(mixed[2]):
            value, end = value + Fraction(int(mixed[1]), int(mixed[2])), mixed.end()
        elif date := _DATE.match(text, end):
            value, end = None, date.end()
        elif slash := _SLASH.match(text, end):
            below = int(slash[1])
            value, end = (value / below if below else None), slash.end()
    if power := _POWER_OF_TEN.match(text, end):
        exponent = (power[1] or power[2]).translate(_SUPERSCRIPTS)
        short = len(exponent) <= 3 and abs(int(exponent)) < _LONGEST
        ten = Fraction(10) ** int(exponent) if short else None
        return (value * ten if value is not None and ten else None), power.end()
    if power := _POWER.match(text, end):
        return None, power.end()
    return _scaled(value, text, end, context) if value is not None else (None, end)


def _scaled(value: Fraction, text: str, end: int, context: Context) -> tuple[Fraction, int]:
    """`2 dozen` is 24, and 2 where dozens are asked for; `1 million 250 thousand` is one number."""
    for pattern, size, name in _SCALES:
        if scale := pattern.match(text, end):
            end, total = scale.end(), value * size
            rest, digits = _REST.match(text, end), None
            if rest and size >= 1000:
                digits = re.compile(r"\d{1,3}(?![\d.,]*\d)").match(text, rest.end())
            if digits:
                smaller, behind = _scaled(Fraction(digits[0]), text, digits.end(), Context())
                if smaller < size:
                    total, end = total + smaller, behind
            return (total / size if re.search(name, context.asks) else total), end
    return value, end


def decimal(digits: str, decimal_comma: bool = False) -> Fraction | None:
    """The exact value of digits with their separators; None where they make no number."""
    bare = re.sub(f"[{_GROUPING}]", "", digits)
    if len(bare) > _LONGEST:
        return None
    signs = [sign for sign in ".," if sign in bare]
    if not signs:
        return Fraction(bare)
    last = max(signs, key=bare.rfind)
    before, _, behind = bare.rpartition(last)
    if len(signs) == 2:  # 1,319.50 and 1.319,50: the later sign is the decimal one, and stands once
        groups = before.split("." if last == "," else ",")
        if last in before or not _grouped(groups):
            return None
        return Fraction(f"{''.join(groups)}.{behind}")
    comma_is_decimal = decimal_comma or len(behind) < 3 or before == "0"
    if last not in before and (last == "." or comma_is_decimal):
        return Fraction(f"{before or 0}.{behind}")
    groups = bare.split(last)
    return Fraction("".join(groups)) if _grouped(groups) else None


def _grouped(groups: Sequence[str]) -> bool:
    """Groups of three, or of two before the last as in India (1,00,000)."""
    first, *middle, last = groups
    sizes = {len(group) for group in middle}
    return (1 <= len(first) <= 3 and first[0] != "0" and len(last) == 3 and sizes <= {3}) or (
        1 <= len(first) <= 2 and len(last) == 3 and sizes == {2}
    )


def in_words(text: str) -> list[tuple[Fraction, bool]]:
    """Every number in words with whether it is a lone pronoun such as `one`, in order.

    `two point six two` is 2.62, and so is `two point sixty-two`. Words are read only where a
    number must stand and no digits do (`reading`): `one` and `один` are pronouns as often.
    """
    values: list[tuple[Fraction, bool]] = []
    run: list[str] = []
    for word in [*(match[0].casefold() for match in re.finditer(r"[^\W\d_]+", text)), ""]:
        joins = word in _WORD_SCALES or word in _FILLERS or word in _PARTS or word == _POINT
        if word in _WORD_VALUES or word in _ALONE or (joins and run):
            run.append(word)
            continue
        if run and len(run) <= _LONGEST:
            place = run.index(_POINT) if _POINT in run else len(run)
            words = [one for one in run if one not in _FILLERS]
            value = _value(run[:place]) + _decimals(run[place + 1 :])
            values.append((value, len(words) == 1 and words[0] in _PRONOUNS))
        run = []
    return values


def _decimals(words: Sequence[str]) -> Fraction:
    """What stands behind a point: figure by figure, or as one number."""
    values = [_WORD_VALUES[word] for word in words if word in _WORD_VALUES]
    figures = values if all(value < 10 for value in values) else [sum(values)]
    return Fraction("0." + ("".join(map(str, figures)) or "0"))


def _value(words: Sequence[str]) -> Fraction:
    """`one hundred five` as 105: scales multiply what came since the last larger one."""
    total = part = last = Fraction(0)
    before = ""
    for word in words:
        if word in _WORD_VALUES:
            last = _WORD_VALUES[word]
            part += last
        elif word in _PARTS:  # "three quarters"; "two and a half"
            part += (
                last / _PARTS[word] - last if before in _WORD_VALUES else Fraction(1, _PARTS[word])
            )
        elif word in _WORD_SCALES and _WORD_SCALES[word] <= 100:  # "two dozen", "half a dozen"
            part = (part or Fraction(1)) * _WORD_SCALES[word]
        elif word in _WORD_SCALES:
            total, part = total + (part or Fraction(1)) * _WORD_SCALES[word], Fraction(0)
        before = word
    return total + part
