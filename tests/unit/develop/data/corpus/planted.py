"""A corpus of some forty short texts with planted faults, and clean ones that are like them."""

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from textwrap import fill

from russian_prose import changed, paragraph, shouted, text

KINDS = ["email", "phone", "inn", "snils", "passport", "card"]
"""Personal data that the planted corpus is searched for."""
Prepare = Callable[..., Path]
"""The data stage as the fixture `make` offers it."""
CHARSETS = ("cp1251", "koi8-r", "cp866", "mac-cyrillic", "utf-8")
NEAR = (0.02, 0.05, 0.1, 0.15)
"""Shares of changed words of planted near copies."""
COPIES = 10
FORMULA = "В некотором царстве, в некотором государстве, за синими морями, за горами"
REFRAIN = "И снова пела старая река."
TRANSLATIONS = (
    "Мальчик долго стоял у окна и смотрел, как падает первый снег. Мать позвала его ужинать, но он "
    "не ответил. Ему казалось, что если отвернуться, снег перестанет идти и зима кончится, так и "
    "не начавшись.\nУтром двор был белым. Он выбежал без шапки и засмеялся, и соседская собака "
    "залаяла ему в ответ.",
    "Уже битый час мальчуган не отходил от стекла: за ним кружились первые снежинки. Звали к "
    "столу, он молчал. Стоит отвести глаза — и снегопад прекратится, думалось ему, и зимы не будет "
    "вовсе.\nНаутро всё вокруг побелело. С непокрытой головой он выскочил за порог и расхохотался, "
    "а пёс соседей отозвался ему громким лаем.",
)
OLD = (
    "Въ началѣ лѣта страннаго человѣка видѣли всѣ жители города; онъ ходилъ по улицамъ съ палкою.",
    "Онъ разсказывалъ всѣмъ удивительныя исторіи и никогда не отвѣчалъ на вопросы объ отцѣ.",
)
MODERN = (
    "В начале лета странного человека видели все жители города; он ходил по улицам с палкою.",
    "Он рассказывал всем удивительные истории и никогда не отвечал на вопросы об отце.",
)
FOREIGN = (
    "Je suis bien content de vous voir, mon cher ami.",
    "The bridge is closed, and nobody knows why.",
    "Das Wetter war schlecht, und niemand kam zu uns.",
)
PERSONAL = {
    "email": ("ivan.petrov@example.ru", "info@example.com"),
    "phone": ("+7 (916) 123-45-67", "8 (495) 123-45-67"),
    "inn": ("500100732259", "ИНН 7707083893"),
    "snils": ("112-233-445 95", "087-654-303 00"),
    "card": ("4111 1111 1111 1111", "5555 5555 5555 4444"),
    "passport": ("паспорт 45 09 123456", "паспорт 40 11 654321"),
}
"""With right check digits where the kind has some."""
WRONG = ("500100732258", "ИНН 7707083894", "112-233-445 96", "4111 1111 1111 1112", "ivan@example")
"""With wrong ones, or not whole."""
LATIN = str.maketrans("аеорсх", "aeopcx")


@dataclass
class Planted:
    """What was planted, by document id."""

    folder: Path
    texts: dict[str, str] = field(default_factory=dict)
    """Each document as it was written."""
    exact: dict[str, str] = field(default_factory=dict)
    """Copy to original; either may be the one that goes."""
    contained: dict[str, str] = field(default_factory=dict)
    near: dict[float, list[tuple[str, str]]] = field(default_factory=dict)
    """By the share of changed words: original and changed paragraphs."""
    leaked: list[str] = field(default_factory=list)
    """Paragraphs that stand in several works."""
    cleaned: dict[str, str] = field(default_factory=dict)
    """Documents whose text after cleaning is known."""
    foreign: int = 0
    controls: list[str] = field(default_factory=list)
    """Documents of which nothing may be dropped as a duplicate."""

    def add(self, name: str, of: str, charset: str = "utf-8") -> None:
        """Write one document."""
        self.texts[name] = of
        (self.folder / name).write_bytes(of.encode(charset))


def plant(folder: Path, seed: int = 5) -> Planted:
    """Write the whole corpus into an empty folder."""
    folder.mkdir(parents=True)
    rng, planted = random.Random(seed), Planted(folder)
    works = [text(rng, 7) for _ in range(8)]
    for number, work in enumerate(works, start=1):
        planted.add(f"work{number}.txt", work)
    _exact(planted, works)
    _charsets(planted, rng)
    _near(planted, rng)
    _contained(planted, works)
    _leaked(planted, rng)
    _letters(planted, rng)
    _foreign(planted, rng)
    _personal(planted, rng)
    _controls(planted, rng)
    return planted


def _exact(planted: Planted, works: list[str]) -> None:
    copies = {
        "a_copy.txt": works[0],
        "b_shouted.txt": shouted(works[1]),
        "c_lines.txt": works[2].replace(". ", ".\n\n").replace("ё", "е"),
        "d_wrapped.txt": "\r\n".join(
            fill(of, 66, initial_indent="    ") for of in works[3].translate(LATIN).split("\n")
        ),
    }
    for number, (name, copy) in enumerate(copies.items(), start=1):
        planted.add(name, copy)
        planted.exact[name] = f"work{number}.txt"


def _charsets(planted: Planted, rng: random.Random) -> None:
    same = text(rng, 3)
    planted.add("same_utf8.txt", same)
    for charset in CHARSETS:
        own = text(rng, 3)
        planted.add(f"own_{charset}.txt", own, charset)
        planted.cleaned[f"own_{charset}.txt"] = own
        if charset != "utf-8":
            planted.add(f"same_{charset}.txt", same, charset)
            planted.exact[f"same_{charset}.txt"] = "same_utf8.txt"


def _near(planted: Planted, rng: random.Random) -> None:
    """Paragraphs of two documents, like each other, each among paragraphs of its own."""
    for share in NEAR:
        pairs = [(of, changed(of, share, rng)) for of in text(rng, COPIES).split("\n")]
        planted.near[share] = pairs
        for name, side in (("first", 0), ("second", 1)):
            lines = [line for pair in pairs for line in (paragraph(rng), pair[side])]
            planted.add(f"near_{name}{round(100 * share):02}.txt", "\n".join(lines))


def _contained(planted: Planted, works: list[str]) -> None:
    lines = works[6].split("\n")
    words = works[7].split()
    planted.add("chapter.txt", "\n".join(lines[2:6]))
    planted.add("excerpt.txt", " ".join(words[70:150]))
    planted.contained = {"chapter.txt": "work7.txt", "excerpt.txt": "work8.txt"}


def _leaked(planted: Planted, rng: random.Random) -> None:
    planted.leaked = [paragraph(rng, 20), paragraph(rng, 9), paragraph(rng, 60)]
    for name in ("leak1.txt", "leak2.txt", "leak3.txt"):
        own = text(rng, 6).split("\n")
        planted.add(name, "\n".join([*own[:3], *planted.leaked, *own[3:]]))


def _letters(planted: Planted, rng: random.Random) -> None:
    """Look-alikes, the old spelling, an encoding damaged on its way."""
    plain = text(rng, 4)
    words = [w[0] + w[1:].translate(LATIN) if rng.random() < 0.2 else w for w in plain.split(" ")]
    planted.add("look_alikes.txt", " ".join(words))
    planted.cleaned["look_alikes.txt"] = plain
    planted.add("old.txt", "\n".join(OLD))
    planted.cleaned["old.txt"] = "\n".join(MODERN)
    first, second = text(rng, 1), "Весна ещё не пришла, но снег уже таял на полях."
    planted.add("damaged.txt", f"{first}\n{second.encode().decode('cp1251', 'ignore')}")
    planted.cleaned["damaged.txt"] = f"{first}\n{second}"


def _foreign(planted: Planted, rng: random.Random) -> None:
    for number in (1, 2):
        lines = text(rng, 5).split("\n")
        mixed = [f"{line} {f}" for line, f in zip(lines, FOREIGN, strict=False)]
        planted.add(f"foreign{number}.txt", "\n".join([*mixed, *lines[3:], *FOREIGN[:number]]))
        planted.cleaned[f"foreign{number}.txt"] = "\n".join(lines)
        planted.foreign += 3 + number


def _personal(planted: Planted, rng: random.Random) -> None:
    right = [
        f"{sentence} Пишите: {one}, ответим."
        for of in PERSONAL.values()
        for one in of
        for sentence in [paragraph(rng, 12)]
    ]
    wrong = [f"{paragraph(rng, 12)} Номер такой: {one} и всё." for one in WRONG]
    planted.add("personal.txt", "\n".join(right))
    planted.add("not_personal.txt", "\n".join(wrong))
    planted.cleaned["not_personal.txt"] = "\n".join(wrong)


def _controls(planted: Planted, rng: random.Random) -> None:
    for number in (1, 2, 3):
        tale = [f"{FORMULA} {paragraph(rng, 30)}", *text(rng, 2).split("\n")]
        planted.add(f"tale{number}.txt", "\n".join(tale))
    for number in (1, 2):
        verses = [f"{paragraph(rng, 10)}\n{REFRAIN}" for _ in range(6)]
        planted.add(f"song{number}.txt", "\n".join(verses))
    for number, translation in enumerate(TRANSLATIONS, start=1):
        planted.add(f"translation{number}.txt", translation)
    planted.controls = [f"{kind}{n}.txt" for kind in ("song", "translation") for n in (1, 2)]
    planted.controls += [f"tale{n}.txt" for n in (1, 2, 3)]
    for name in planted.controls:
        planted.cleaned[name] = planted.texts[name]
