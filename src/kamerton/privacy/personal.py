"""Personal data in Russian and English texts: found by form and check digits, then masked.

Precision before recall: a number that its check digits do not tell from chance counts only with
its word before it (ИНН, СНИЛС, паспорт). The check sums are those of the documents themselves:
ИНН by the tax service's order on it, СНИЛС by the pension fund's, cards by Luhn (ISO/IEC 7812).
"""

import importlib
import re
from bisect import bisect
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from kamerton.formats.errors import InputError
from kamerton.privacy import Personal
from kamerton.privacy.emails import emails
from kamerton.privacy.phones import BLANK, DASH, END, START, Span, numbers, phones

NAMES_INSTALL = (
    "pip install presidio-analyzer https://github.com/explosion/spacy-models/releases/download/"
    "ru_core_news_sm-3.8.0/ru_core_news_sm-3.8.0-py3-none-any.whl"
)
"""By address, not by name: the package of that name on PyPI is not spaCy's."""
NAME_MODELS = ("ru_core_news_lg", "ru_core_news_md", "ru_core_news_sm")
"""Russian models of spaCy, the best one first; the first one installed is used."""


@dataclass(frozen=True, slots=True)
class Found:
    """Characters `start` to `end` of a text are personal data of one kind."""

    kind: Personal
    start: int
    end: int


def find(text: str, kinds: Sequence[Personal]) -> list[Found]:
    """Personal data of these kinds, in order, no overlaps: the longest wins, then the earliest.

    Raises InputError for `name` where its extra is not installed.
    """
    candidates = [Found(k, *span) for k in FINDERS if k in kinds for span in FINDERS[k](text)]
    taken: list[Found] = []
    # A stable sort: among equal spans the order of FINDERS decides.
    for one in sorted(candidates, key=lambda found: (found.start - found.end, found.start)):
        place = bisect(taken, one.start, key=lambda found: found.start)
        free_before = place == 0 or taken[place - 1].end <= one.start
        if free_before and (place == len(taken) or one.end <= taken[place].start):
            taken.insert(place, one)
    return taken


def masked(text: str, personal: Sequence[Found]) -> str:
    """The text with each finding (in order, as `find` gives them) replaced by its kind.

    >>> masked("ivan@example.org", [Found("email", 0, 16)])
    '<EMAIL>'
    """
    parts, last = [], 0
    for one in personal:
        parts += [text[last : one.start], f"<{one.kind.upper()}>"]
        last = one.end
    return "".join([*parts, text[last:]])


def counts(personal: Sequence[Found]) -> dict[Personal, int]:
    """How many findings there are of each kind that was found."""
    return dict(Counter(one.kind for one in personal))


def inn_holds(digits: str) -> bool:
    """Whether the check digits of an ИНН are right: one of 10 digits, two of 12."""
    weights = (3, 7, 2, 4, 10, 3, 5, 9, 4, 6, 8)
    checks = [9] if len(digits) == 10 else [10, 11]
    if len(digits) not in (10, 12) or digits.startswith("00"):
        return False
    return all(_sum(digits[:at], weights[-at:]) % 11 % 10 == int(digits[at]) for at in checks)


def snils_holds(digits: str) -> bool:
    """Whether the last two of 11 digits are the check sum of a СНИЛС.

    Numbers up to 001-001-998 were given without one, so they tell nothing.
    """
    total = _sum(digits[:9], range(9, 0, -1))
    return int(digits[:9]) > 1_001_998 and total % 101 % 100 == int(digits[9:])


def luhn_holds(digits: str) -> bool:
    """Whether the last digit is right by Luhn's formula."""
    doubled = [sum(divmod(2 * int(digit), 10)) for digit in digits[-2::-2]]
    return (sum(doubled) + sum(map(int, digits[-1::-2]))) % 10 == 0


def _sum(digits: str, weights: Sequence[int]) -> int:
    return sum(int(digit) * weight for digit, weight in zip(digits, weights, strict=True))


_INN = re.compile(rf"{START}\d{{10}}(?:\d\d)?{END}")
_SNILS = re.compile(rf"{START}\d{{3}}([{DASH}{BLANK}]?)\d{{3}}\1\d{{3}}[{DASH}{BLANK}]?\d\d{END}")
_PASSPORT = re.compile(
    rf"(?i){START}\d\d[{BLANK}]?\d\d[\s,]{{0,3}}(?:(?:№|no?\.?|номер|number)\s{{0,3}})?\d{{6}}{END}"
)
_CARD = re.compile(rf"{START}[2-6](?:[{BLANK}{DASH}]?\d){{12,18}}{END}")
_NETWORK = re.compile(r"2[2-7]|3[04-9]|4|5[0-8]|6")
_RUN = re.compile(r"3[47]\d{13}|\d{16}")
_MOMENT = re.compile(r"(?:19|20)\d\d(?:0[1-9]|1[0-2])(?:[0-2]\d|3[01])(?:[01]\d|2[0-3])[0-5]\d")


def _near(text: str, start: int, words: str, within: int) -> bool:
    """Whether one of the words ends at most `within` characters before `start`."""
    window = text[max(0, start - within - 30) : start]
    return bool(re.search(rf"(?<!\w)(?:{words})(?!\w)[\s\S]{{0,{within}}}\Z", window))


def _digits(text: str) -> str:
    return re.sub(r"\D", "", text)


def _inns(text: str) -> Iterator[Span]:
    """Ten digits are right by chance in 1 of 11 numbers, so they need the word; twelve do not."""
    for match in numbers(_INN, text):
        twelve = len(match[0]) == 12 and not _MOMENT.fullmatch(match[0])
        if inn_holds(match[0]) and (twelve or _near(text, match.start(), "ИНН|инн|INN", 20)):
            yield match.span()


def _snils(text: str) -> Iterator[Span]:
    for match in numbers(_SNILS, text):
        dashed = match[1] and not match[1].isspace()
        word = dashed or _near(text, match.start(), r"(?i:снилс|snils|страхов\w+ номер\w*)", 40)
        if word and snils_holds(_digits(match[0])):
            yield match.span()


def _passports(text: str) -> Iterator[Span]:
    for match in _PASSPORT.finditer(text):
        if _near(text, match.start(), r"(?i:паспорт\w*|сери[яиюей]{1,2}|passport)", 40):
            yield match.span()


def _cards(text: str) -> Iterator[Span]:
    """Groups of four digits and more; one long run only where most cards have as many digits.

    Longer and shorter runs are accounts, barcodes and record numbers more often than cards.
    """
    for match in numbers(_CARD, text):
        groups = re.findall(r"\d+", match[0])
        marks = set(re.findall(r"\D", match[0]))
        grouped = len(groups) <= 5 and all(len(group) >= 4 for group in groups[:-1])
        card = grouped and len(marks) == 1 if marks else _RUN.fullmatch(match[0])
        if card and _NETWORK.match(match[0]) and luhn_holds(_digits(match[0])):
            yield match.span()


def _names(text: str, longest: int = 50_000) -> Iterator[Span]:
    """Names by the model, in pieces cut at a line's end, or else at a blank."""
    model, some = _name_model(), rf"[\s\S]{{1,{longest}}}"
    for piece in re.finditer(rf"{some}(?:\n|\Z)|{some}\s|{some}", text):
        for one in model.analyze(text=piece[0], language="ru", entities=["PERSON"]):
            yield piece.start() + one.start, piece.start() + one.end


@cache
def _name_model() -> Any:
    """Presidio over a Russian spaCy model; it would fetch a missing one itself, so look first."""
    try:
        presidio = importlib.import_module("presidio_analyzer")
        engines = importlib.import_module("presidio_analyzer.nlp_engine")
        spacy = importlib.import_module("spacy.util")
        name = next(name for name in NAME_MODELS if spacy.is_package(name))
    except (ImportError, StopIteration) as error:
        values = {"where": "privacy.find", "command": NAMES_INSTALL}
        raise InputError("privacy.names_missing", **values) from error
    model = {"nlp_engine_name": "spacy", "models": [{"lang_code": "ru", "model_name": name}]}
    engine = engines.NlpEngineProvider(nlp_configuration=model).create_engine()
    return presidio.AnalyzerEngine(nlp_engine=engine, supported_languages=["ru"])


FINDERS: dict[Personal, Callable[[str], Iterator[Span]]] = {
    "email": emails,
    "passport": _passports,
    "snils": _snils,
    "inn": _inns,
    "card": _cards,
    "phone": phones,
    "name": _names,
}
"""What looks for each kind: a function from a text to spans of characters."""
