"""Numbers in words, English and Russian: `twenty-one`, `one hundred and five`, `сорок два`.

Read only where a number must stand and no digits do; see `reading`. `one` and `один` are pronouns
as often as numbers, so they count only where nothing else is said.
"""

import re
from collections.abc import Sequence
from fractions import Fraction

_ENGLISH = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen "
    "fifteen sixteen seventeen eighteen nineteen"
)
_RUSSIAN = (
    "ноль один два три четыре пять шесть семь восемь девять десять одиннадцать двенадцать "
    "тринадцать четырнадцать пятнадцать шестнадцать семнадцать восемнадцать девятнадцать"
)
_TENS = {
    word: 10 * place
    for tens in (
        "twenty thirty forty fifty sixty seventy eighty ninety",
        "двадцать тридцать сорок пятьдесят шестьдесят семьдесят восемьдесят девяносто",
    )
    for place, word in enumerate(tens.split(), start=2)
}
_HUNDRED_WORDS = "сто двести триста четыреста пятьсот шестьсот семьсот восемьсот девятьсот"
_HUNDREDS = {word: 100 * place for place, word in enumerate(_HUNDRED_WORDS.split(), start=1)}
_SMALL = (
    {word: value for words in (_ENGLISH, _RUSSIAN) for value, word in enumerate(words.split())}
    | {"одна": 1, "одно": 1, "две": 2, "нуль": 0, "fourty": 40, "dozen": 12, "дюжина": 12}
    | _TENS
    | _HUNDREDS
)
_SCALES = {"hundred": 100, "thousand": 1000, "million": 10**6, "billion": 10**9} | {
    word: size
    for size, words in (
        (1000, "тысяча тысячи тысяч"),
        (10**6, "миллион миллиона миллионов"),
    )
    for word in words.split()
}
PRONOUNS = frozenset(("one", "один", "одна", "одно"))
_WORD = re.compile(r"[^\W\d_]+")
_POINT = "point"
_FILLERS = frozenset(("and", "a", "и"))


def in_words(text: str) -> list[tuple[Fraction, bool]]:
    """Every number in words with whether it is a lone pronoun such as `one`, in order.

    `two point six two` is 2.62, and so is `two point sixty-two`.
    """
    found: list[tuple[Fraction, bool]] = []
    run: list[str] = []
    for word in [*(match[0].casefold() for match in _WORD.finditer(text)), ""]:
        joins = word in _SCALES or word in _FILLERS or word == _POINT
        if word in _SMALL or (joins and run):
            run.append(word)
            continue
        found += _close(run)
        run = []
    return found


def _close(run: list[str]) -> list[tuple[Fraction, bool]]:
    words = [word for word in run if word not in _FILLERS]
    if not words:
        return []
    whole, behind = words, list[str]()
    if _POINT in words:
        place = words.index(_POINT)
        whole, behind = words[:place], words[place + 1 :]
    return [(_value(whole) + _decimals(behind), len(words) == 1 and words[0] in PRONOUNS)]


def _decimals(words: Sequence[str]) -> Fraction:
    """What stands behind a point: figure by figure, or as one number."""
    values = [_SMALL[word] for word in words if word in _SMALL]
    figures = values if all(value < 10 for value in values) else [sum(values)]
    return Fraction("0." + ("".join(map(str, figures)) or "0"))


def _value(words: Sequence[str]) -> Fraction:
    """`one hundred five` as 105: scales multiply what came since the last larger one."""
    total = part = 0
    for word in words:
        scale = _SCALES.get(word)
        if scale is None:
            # "two dozen" is 24; all else adds up.
            part = part * 12 if word == "dozen" and part else part + _SMALL[word]
        elif scale == 100:
            part = max(part, 1) * 100
        else:
            total, part = total + max(part, 1) * scale, 0
    return Fraction(total + part)
