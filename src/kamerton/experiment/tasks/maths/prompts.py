"""The few-shot prompts: eight worked examples in the style of Wei et al. 2022, written by us.

Chain-of-thought prompting: each answer reasons in words and ends in "The answer is N." (in Russian
"Ответ: N."). The examples lie beside this file, one block each, a blank line between.
"""

import re
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from kamerton.formats.errors import InputError
from kamerton.formats.language import LANGUAGES, Language

_LABELS: dict[Language, tuple[str, str]] = {"en": ("Q:", "A:"), "ru": ("Вопрос:", "Решение:")}


@dataclass(frozen=True)
class Shot:
    """One worked example."""

    question: str
    answer: str

    @property
    def text(self) -> str:
        """Both parts, to look for copies in."""
        return f"{self.question}\n{self.answer}"


@cache
def shots(language: Language = "en") -> tuple[Shot, ...]:
    """The eight worked examples of a language."""
    asks, answers = _LABELS[_known(language)]
    text = (files("kamerton.experiment.tasks.maths") / f"cot.{language}.txt").read_text("utf-8")
    found = []
    for block in re.split(r"\n\s*\n", text.strip()):
        question, _, answer = block.partition(f"\n{answers}")
        found.append(Shot(question.removeprefix(asks).strip(), answer.strip()))
    return tuple(found)


def prompt(question: str, language: Language = "en", count: int = 8) -> str:
    """The first `count` examples and the question, up to where the model goes on."""
    asks, answers = _LABELS[_known(language)]
    blocks = [
        f"{asks} {shot.question}\n{answers} {shot.answer}" for shot in shots(language)[:count]
    ]
    return "\n\n".join([*blocks, f"{asks} {question.strip()}\n{answers}"])


def stops(language: Language = "en") -> list[str]:
    """Where the model is to stop: at the next question that it would make up."""
    return [f"\n{_LABELS[_known(language)][0]}", f"\n\n{_LABELS[language][0]}"]


def _known(language: Language) -> Language:
    if language not in LANGUAGES:
        known = ", ".join(LANGUAGES)
        raise InputError("experiment.maths_no_prompt", language=language, known=known)
    return language
