"""No role markers: the answer holds none of the marks that part the turns of a chat.

0 where a mark of a chat template stands anywhere (`<|im_end|>`, `[INST]`, `<start_of_turn>`,
`</s>`), a heading of an instruction template (`### Response`, `### Ответ`), or a role's name that
begins a line and ends there or with a colon (`assistant`, `User:`, `Ассистент:`), or that ends a
line right after the end of a sentence (`... планет.user`, as templates leak whose marks the
decoder took away). A mark that the reference has too does not count. In prose a role's name is
a word like others: "the user of a lathe" is no mark.
"""

import re

from kamerton.experiment.metrics.context import Context, Score
from kamerton.formats.questions import Question

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
    """Score whether one answer is free of role markers; the first one is the reason."""
    own = {mark.casefold() for mark in _found(question.answer)}
    leaked = [mark for mark in _found(answer) if mark.casefold() not in own]
    return (0.0, f"role_mark: {leaked[0]}") if leaked else (1.0, "")


def _found(text: str) -> list[str]:
    return [found.group(0).strip() for found in _MARKS.finditer(text)]
