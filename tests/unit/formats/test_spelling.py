"""One spelling: what looks the same is the same for everything that compares; the rest is kept."""

import random
from unicodedata import normalize

import pytest

from kamerton.develop.data.dedup.near import normal
from kamerton.experiment.scorers import SCORERS
from kamerton.formats.matching import contains, words
from kamerton.formats.spelling import CYRILLIC, LATIN, folded, plain
from kamerton.retrieval.bm25 import Bm25

PROSE = "Йод и ёлка стоят на полке; со скрипом открылся сундук, а в нём серая рубаха и роса на ней."
VOWELS = "аеиоуыэюя"


def stressed(text: str) -> str:
    return "".join(letter + "\u0301" if letter in VOWELS else letter for letter in text)


def sprinkled(text: str, mark: str) -> str:
    return f"{mark}".join(text)


LOOKS_THE_SAME = {
    "NFD": normalize("NFD", PROSE),
    "soft hyphens": sprinkled(PROSE, "\u00ad"),
    "zero width spaces": sprinkled(PROSE, "\u200b"),
    "joiners": sprinkled(PROSE, "\u200d\u200c"),
    "word joiners and BOM": "\ufeff" + sprinkled(PROSE, "\u2060"),
    "marks of direction": "\u202b" + sprinkled(PROSE, "\u200e\u200f") + "\u202c\u2066\u2069",
    "stress": stressed(PROSE),
    "stress of NFD": normalize("NFD", stressed(PROSE)),
    "grave stress": normalize("NFC", stressed(PROSE).replace("\u0301", "\u0300")),
    "non-breaking spaces": PROSE.replace(" ", "\u00a0"),
    "narrow spaces": PROSE.replace(" ", "\u202f"),
    "Latin vowels with stress": PROSE.replace("скрипом", "скрипóм").replace("рубаха", "рубáха"),
    "Greek letters": PROSE.replace("полке", "пοлκе").replace("стоят", "стοят"),
    "one Latin letter": PROSE.replace("о", "o").replace("со", "сo"),
    "some Latin letters": PROSE.replace("сундук", "cyндyк").replace(", а в", ", a в"),
    "dots of Latin": PROSE.replace("ё", "ë"),
}


@pytest.mark.parametrize("written", LOOKS_THE_SAME.values(), ids=LOOKS_THE_SAME)
def test_what_looks_the_same_is_the_same(written: str) -> None:
    assert written != PROSE and plain(written) == PROSE
    assert words(written) == words(PROSE) and normal(written) == normal(PROSE)
    assert contains(written, "серая рубаха") and contains(PROSE, written)
    assert Bm25([PROSE, "Другой текст о другом."]).top(written, 2)[0][0] == 0


@pytest.mark.parametrize("written", LOOKS_THE_SAME.values(), ids=LOOKS_THE_SAME)
@pytest.mark.parametrize("name", ["bleu", "bleu_intl", "chrf", "chrf++", "rougeL", "exact_match"])
def test_scores_are_of_what_is_read(name: str, written: str) -> None:
    scorer = SCORERS[name]
    scored = scorer.score([written], [[PROSE]])
    assert scored.corpus == pytest.approx(scorer.bounds[1])
    if scorer.additive:
        sums = scorer.additive.rows([written], [[PROSE]])
        assert sums == scorer.additive.rows([PROSE], [[PROSE]])


@pytest.mark.parametrize(
    "text",
    [
        PROSE,
        "Xerox, CO2, Wi-Fi и SMSки",
        "Глава XIV, Карл XII, том III",
        "il y a des hommes, naïve café, Ångström, señor",
        "витамин C и группа A, язык C++",
        "Мой iPhoneом и тасёw",
        "x² + y₂ = ½, 5 µm, ∆t, αβ-тест",
        "«Да», — сказал он… №5 — „нет“",
        "Ђорђе и Љиља, Київ, Қазақстан",
        "नमस्ते दुनिया, שלום, 你好",
        "",
    ],
)
def test_what_is_read_otherwise_stays(text: str) -> None:
    assert plain(text) == text


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("мел", "мель"),
        ("все", "всё"),
        ("и", "й"),
        ("кот", "kit"),
        ("х", "x2"),
        ("рот", "pot"),
        ("3,5", "35"),
        ("Сад", "сад"),
        ("cafe", "café"),
        ("a b", "ab"),
    ],
)
def test_what_is_read_otherwise_differs(one: str, other: str) -> None:
    assert plain(one) != plain(other)


def test_case_and_yo_are_folded_only_where_the_rule_says_so() -> None:
    assert folded("Ещё ЁЖ") == "еще еж" and plain("Ещё ЁЖ") == "Ещё ЁЖ"
    assert SCORERS["exact_match"].score(["Еще"], [["Ещё"]]).corpus == 0
    assert SCORERS["exact_words"].score(["еще"], [["Ещё"]]).corpus == 1


def test_letters_replaced_at_random_leave_the_same_words() -> None:
    """Words of which every letter was replaced too: only the whole word tells nothing then."""
    to_latin = dict(zip(CYRILLIC, LATIN, strict=True))
    for seed in range(50):
        rng = random.Random(seed)
        share = rng.random()
        written = "".join(
            to_latin[c] if c in to_latin and rng.random() < share else c for c in PROSE
        )
        assert normal(written) == normal(PROSE)
