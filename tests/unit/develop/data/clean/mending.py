"""One rule on one text, and texts of many kinds that rules are tried on."""

import random

from kamerton.develop.data.clean.edits import edited
from kamerton.develop.data.clean.repair import RULES, repair

ALL = list(RULES)


def by(rule: str, text: str) -> str:
    """The text after one rule."""
    return edited(text, list(RULES[rule](text)))


def mended(text: str) -> str:
    """The text after all rules."""
    return repair(text, ALL)[0].text


CLEAN = [
    "Чикаго, Сантьяго и благо людей; съезд, подъезд, объявить, въехать, сверхъестественный.",
    "Глава XIV. Николай II, Людовик XVI и Карл XII; XX век, том III.",
    "ISBN 5-17-041408-0; CO2 и H2O, Xerox и Wi-Fi; iPhone'ом не пользуется.",
    "Он сказал: Mais oui, mon cher Rostopchine, — и вышел; Вронский читал Revue des deux Mondes.",
    "P.S. Ответь мне поскорее. Твой N.",
    "Температура упала до -20 градусов, а 5 - 3 = 2; в 1905 - 1907 годах было теплее.",
    "-5 градусов\n–7 градусов\n−9 градусов",
    "— Да, — ответил он.\n— Нет!\n— Как знаешь...",
    "Купить:\n1. хлеб;\n2. молоко;\n3. сыр.",
    "Тихо падает снег на крыши,\nСпит у печки усталый кот;\nВетер бродит и еле слышно\n"
    "За окошком кого-то ждёт.",
    "Словакия, Евдокия, литургия, монархия, созвучия, полномочия, оружия, движения, Калифорния.",
    "Кто-нибудь из-за угла, по-русски, красно-белый; «ёлка» и «её».",
    "Что?! Неужели?.. Да!!! Ох...",
    "Он жил в доме 5 и учил C++ по книге «Язык C»; витамин C продают в аптеке.",
    'Диск на 3,5" и труба на 2".',
    "Сноски {12345} и [1812], массив a[i], множество {x}.",
]
"""Texts that no rule may change."""

OLD = (
    "Въ началѣ лѣта страннаго человѣка видѣли всѣ жители города; онъ ходилъ по улицамъ съ "
    "палкою, разсказывалъ всѣмъ удивительныя исторіи и никогда не отвѣчалъ на вопросы. "
)


def wrapped(words: list[str], width: int, rng: random.Random) -> str:
    """Paragraphs of sentences, wrapped at a width, as old files are."""
    lines, line = [], "   "
    for place, word in enumerate(words):
        if len(line) + len(word) + 1 > width:
            lines.append(line)
            line = ""
        line += f" {word}" if line.strip() else line + word if not line else word
        if place % 60 == 59:
            lines += [f"{line}."]
            line = "   "
    return "\n".join([*lines, line])


def nasty(rng: random.Random, pieces: list[str], length: int) -> str:
    """A random text made of what rules look for."""
    return "".join(rng.choice(pieces) for _ in range(length))
