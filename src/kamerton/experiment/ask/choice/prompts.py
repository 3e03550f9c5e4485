"""What stands before a choice: the question, and worked examples before it.

The form is that of lm-evaluation-harness's ARC: `Question: …`, `Answer:`, and each choice behind
one blank; with `letters` that of MMLU: the choices are listed, and their letters are scored.
"""

from collections.abc import Sequence

from kamerton.experiment.ask.choice.table import CYRILLIC, LETTERS, Item
from kamerton.formats.language import Language

_WORDS: dict[Language, tuple[str, str]] = {
    "en": ("Question:", "Answer:"),
    "ru": ("Вопрос:", "Ответ:"),
}
_BETWEEN = "\n\n"


def context(item: Item, shots: Sequence[Item], language: Language, letters: bool) -> str:
    """The text before the choices, with worked examples; it ends without a blank."""
    asked = [_asked(shot, language, letters) + told(shot, language, letters) for shot in shots]
    return _BETWEEN.join([*asked, _asked(item, language, letters)])


def continuations(item: Item, language: Language, letters: bool) -> tuple[str, ...]:
    """What is scored behind the context: one text for each choice."""
    named = names(len(item.choices), language) if letters else item.choices
    return tuple(f" {one}" for one in named)


def told(item: Item, language: Language, letters: bool) -> str:
    """The right one of the continuations."""
    return continuations(item, language, letters)[item.right]


def names(count: int, language: Language) -> str:
    """The letters of so many choices."""
    return (CYRILLIC if language == "ru" else LETTERS)[:count]


def _asked(item: Item, language: Language, letters: bool) -> str:
    question, answer = _WORDS[language]
    lines = [f"{question} {item.question}"]
    if letters:
        named = zip(names(len(item.choices), language), item.choices, strict=True)
        lines += [f"{letter}. {choice}" for letter, choice in named]
    return "\n".join([*lines, answer])
