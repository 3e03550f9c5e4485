"""Where an answer ends: the next question that a model makes up, loops, and texts that were cut."""

import re
from collections import Counter

_NEXT = re.compile(
    r"(?:(?<=\n)|(?<=[.!?»\"] )|(?<=\d ))[ \t>*#]*"
    r"(?:Q|Question|Problem|Exercise|Human|User|Instruction|Input|Example|Вопрос|Задача"
    r"|Пример|Условие"
    r"|Пользователь|Тема)(?:\s?(?:№|#)?\s?\d+)?[ \t*]*[:：](?!\w)"
)
_TURN = re.compile(
    r"<\|(?:im_start|im_end|endoftext|eot_id|start_header_id|end|user|system)[^|>]*\|>|</s>|<eos>"
    r"|<end_of_turn>|\[INST\]|\n#{2,3} *(?:Instruction|Input|Response|Human|User|Question"
    r"|Problem)\b"
)
_ASKS = re.compile(
    r"\b(?:how (?:many|much|long|far|old|tall|fast|often)|what (?:is|was|are|will)"
    r"|сколько|како[йва]"
    r"|каков\w*|чему равн\w+)\b[^.!?\n]*\?",
    re.I,
)
_WORDS = re.compile(r"\w+|[^\w\s]")
_DANGLING = re.compile(
    r"(?:\b(?:and|or|the|a|an|of|to|for|so|then|because|which|that|he|she|it|they|is|are"
    r"|was|were|has"
    r"|have|had|in|on|at|by|with|from|if|as|but|his|her|their|we|will|и|или|на|в|с|за|по|то"
    r"|а|но|что|у|из|от|для|это|он|она|они|если|как|так|потому|к|о|до)|[-+*/×÷=,:(<]"
    r"|(?<!\d)(?<!\d )(?<!\d\$)\$)\s*$",
    re.I,
)
_ENDED = re.compile(r"[.!?…)\]}»”\"'$₽€%|]\s*$")
_TAIL = 1600
_REPEATED = re.compile(r"(.{4,240}?)\1{3,}.{0,240}$", re.S)
_REPEATED_FIGURES = re.compile(r"([^\w\s]?\s?[^\W_]\S{0,12}\s?[^\w\s]?\s?)\1{11,}\S{0,12}$")
"""`10 + 10 + 10 …`: four equal addends are a sum, and a dozen at the very end are a loop."""
_THOUGHT = re.compile(r"^.*</think>", re.S)
_STUB = re.compile(
    r"(?<=[.!?\n])\s*(?:#+ *|\**)(?:therefore|thus|hence|so|finally|(?:the )?(?:final )?answer"
    r"|итак|значит|таким образом|следовательно|ответ)\b[^\d.!?\n]{0,80}$",
    re.I,
)
_SAME_WORDS, _SAME_LINES = 12, 8
_WORDS_AFTER, _WORDS_AFTER_RESULT = 4, 12


def until_next(text: str, question: str = "") -> str:
    """The answer itself: what comes before a next question, turn or end mark.

    A mark at the very beginning opens the answer, and one before the words of `question` says the
    same question again (`Given: … Question: … Solution: …`): they cut nothing. What a model
    thought before `</think>` is no answer, if one follows.
    """
    text = _THOUGHT.sub("", text) if re.search(r"</think>\s*\S", text) else text
    start = len(text) - len(text.lstrip())
    for mark in (_TURN, _NEXT):
        for found in mark.finditer(text):
            if found.start() > start and not repeats(text[found.end() :], question):
                text = text[: found.start()]
                break
    return text.strip()


def asks(text: str, question: str = "") -> bool:
    """Whether a text asks a question of the kind of these problems, other than `question`."""
    found = [match[0] for match in _ASKS.finditer(text)]
    return any(not repeats(one, question) for one in found)


def repeats(text: str, question: str) -> bool:
    """Whether the first words of a text, on its first line, stand in the question, all but few."""
    words = re.findall(r"\w+", text.strip().partition("\n")[0].casefold())[:_SAME_WORDS]
    known = set(re.findall(r"\w+", question.casefold()))
    return bool(known and words) and sum(word in known for word in words) >= 0.75 * len(words)


def without_stub(text: str) -> str:
    """A cut text without a last piece that only opens a conclusion (`Therefore, Martha`).

    The result is the line before it, as a reader sees; a piece with a figure in it stays.
    """
    return _STUB.sub("", text)


def looped(text: str) -> bool:
    """Whether a text ends in a loop: the same words four times running, figures apart or alike.

    The last 1,600 characters are looked at. Figures are levelled only where eight or more lines
    are the same but for them: a table may well have four such lines.
    """
    tail = text[-_TAIL:].strip()
    if (found := _REPEATED.search(tail)) and re.search(r"[^\W\d_]{2}", found[1]):
        return True
    if _REPEATED_FIGURES.search(tail):
        return True
    lines = [re.sub(r"\d+", "0", line).strip() for line in re.split(r"\n|(?<=[.!?])\s", tail)]
    counts = Counter(line for line in lines if len(_WORDS.findall(line)) >= 4)
    # A table of weeks may well have eight lines of one form, but a total stands below it.
    return any(
        count >= _SAME_LINES and (line.startswith(lines[-1]) or count >= 2 * _SAME_LINES)
        for line, count in counts.items()
    )


def unfinished(text: str) -> bool:
    """Whether a text breaks off in the middle of a sentence.

    Finished are: an end mark, and a number with at most four words behind it (`Total: 18 eggs`;
    twelve behind an equation) that does not end on a word or sign which must go on.
    """
    last = text.rstrip().rpartition("\n")[2]
    if _DANGLING.search(last):
        return True
    if not last or _ENDED.search(last):
        return False
    behind = re.split(r"\d", last)
    most = _WORDS_AFTER_RESULT if "=" in last else _WORDS_AFTER
    return len(behind) == 1 or len(behind[-1].split()) > most
