"""The form of an answer: it ended by itself, holds no role markers, is in the right script."""

import re
from unicodedata import name

from kamerton.experiment.metrics.context import Context, Score
from kamerton.formats.questions import Question


def ended(question: Question, answer: str, finish_reason: str, context: Context) -> Score | None:
    """Score whether one answer ended by itself.

    1 where the server's finish reason is `stop` (the model gave its end token); 0 where the answer
    was cut at the length limit. A model that was never taught to answer often goes on for ever.
    """
    return (1.0, "") if finish_reason == "stop" else (0.0, "cut")


_ROLE = (
    r"(?:assistant|user|system|human|ассистент|пользователь"
    r"|assistant response|user question)"
)
_MARKS = re.compile(
    r"<\|[^|<>\n]{1,40}(?:\|>|$)"
    r"|</?s>|<(?:bos|eos|pad|unk)>|</?(?:start_of_turn|end_of_turn)>|\[/?INST\]|<</?SYS>>"
    r"|#{2,}[ \t]*(?:response|instruction|input|output|question|answer|assistant|user|human"
    r"|ответ|инструкция|вход|вопрос|ассистент|пользователь)\b"
    rf"|^[ \t*]*{_ROLE}[ \t*]*(?::|$)"
    rf"|(?<=[.!?…:»”\")\]]){_ROLE}[ \t]*$",
    re.I | re.M,
)


def role_marks(
    question: Question, answer: str, finish_reason: str, context: Context
) -> Score | None:
    """Score whether one answer is free of role markers; the first one is the reason.

    0 where a mark of a chat template stands anywhere (`<|im_end|>`, `[INST]`, `<start_of_turn>`,
    `</s>`), a heading of an instruction template (`### Response`, `### Ответ`), or a role's name
    that begins a line and ends there or with a colon (`assistant`, `User:`, `Ассистент:`), or that
    ends a line right after the end of a sentence (`... планет.user`, as templates leak whose marks
    the decoder took away). A mark that the reference has too does not count. In prose a role's name
    is a word like others: "the user of a lathe" is no mark.
    """
    own = {mark.casefold() for mark in _marks(question.answer)}
    leaked = [mark for mark in _marks(answer) if mark.casefold() not in own]
    return (0.0, f"role_mark: {leaked[0]}") if leaked else (1.0, "")


def _marks(text: str) -> list[str]:
    return [found.group(0).strip() for found in _MARKS.finditer(text)]


_SCRIPTS = ("CYRILLIC", "LATIN")


def script(question: Question, answer: str, finish_reason: str, context: Context) -> Score | None:
    """Score the letters of one answer.

    The share of its letters that are of the reference's script: for a Russian one the share of
    Cyrillic letters, for an English one of Latin letters: a jumble of languages scores low. The
    script is the one of most letters of the reference (of the prompt, where there is no reference);
    where neither has Cyrillic or Latin letters the criterion does not apply. An empty answer scores
    0, one of figures alone 1. A Russian answer that rightly names Python loses a little: the share
    is compared between two arms, and is no mark.
    """
    wanted = _most(question.answer) or _most(question.question)
    if wanted is None:
        return None
    if not answer.strip():
        return 0.0, "empty"
    letters = _letters(answer)
    share = letters.count(wanted) / len(letters) if letters else 1.0
    return (1.0, "") if share == 1 else (share, f"other_letters: {1 - share:.0%}")


def _most(text: str) -> str | None:
    """The one of the two scripts that most letters of a text are of; None where it has neither."""
    found = _letters(text)
    most = max(_SCRIPTS, key=found.count)
    return most if most in found else None


def _letters(text: str) -> list[str]:
    """The script of every letter; the word that its Unicode name begins with."""
    return [name(letter, "").partition(" ")[0] for letter in text if letter.isalpha()]
