"""The text of an answer: without LaTeX, Markdown and marks, in sentences, and where it ends.

Numbers keep their own separators, for `numbers` decides what a comma or a thin space means.
"""

import re
from collections import Counter
from unicodedata import normalize

_ANNOTATION = re.compile(r"<<[^<>\n]*>>")
_END_TOKEN = re.compile(r"<\|[^|<>\n]{1,40}\|>|</?s>|\[/?INST\]|<(?:eos|bos|pad|end_of_turn)>")
_TAG = re.compile(r"</?(?:answer|final|final_answer|result|b|i|strong|em|p|br|think)\s*/?>", re.I)
_WRAPPED = re.compile(
    r"\\(?:text|textbf|textit|mathrm|mathbf|mathit|operatorname|underline|mbox)\s*\{([^{}]*)\}"
)
_FRACTION = re.compile(r"\\[dtc]?frac\s*(?:\{([^{}]*)\}\s*\{([^{}]*)\}|(\d)\s*(\d))")
_BOX = re.compile(r"\\f?boxed\s*\{")
_ANSWER_TAG = re.compile(r"<(?:final_?)?answer>(.*?)(?:</(?:final_?)?answer>|$)", re.I | re.S)
_VULGAR = re.compile(r"(\d?)([¼½¾⅐-⅞])")
_LATEX = (
    [(rf"\{name}", "×") for name in ("times", "cdot")]
    + [(r"\div", "÷"), (r"\approx", "≈")]
    + [(rf"\{name}", "→") for name in ("implies", "Rightarrow", "rightarrow")]
    + [(r"\quad", " "), (r"\left", ""), (r"\right", "")]
    + [(rf"\{sign}", sign) for sign in "%$#_"]
    + [(rf"\{sign}", "\u2009") for sign in ",;:"]
    + [(r"\!", ""), ("\\ ", "\u2009")]
    + [(rf"\{sign}", " ") for sign in "()[]"]
    + [("{,}", ","), ("{.}", "."), ("~", " "), ("\\\\", "\n")]
)
"""In this order: a longer name must come before one that it begins with."""
_CHARACTERS = str.maketrans(
    dict.fromkeys("\u2212\u2010\u2011", "-")
    | dict.fromkeys("\u2007\u2008\u2005\u2006", "\u00a0")
    | dict.fromkeys("\u200b\ufeff\u2060", "")
    | dict.fromkeys("∙·⋅✕", "×")
    | {"＝": "=", "：": ":", "∶": ":", "，": ", ", "。": ". ", "∗": "*", "¢": " cents", "\r": "\n"}
)
_ABBREVIATION = re.compile(
    r"\b(approx|ca|mr|mrs|ms|dr|vs|st|no|e\.g|i\.e|т\.е|т\.к|т\.д|руб|коп|тыс|долл|шт|кг|мин|сек)\.",
    re.I,
)
_MARKER = re.compile(r"^[ \t>]*(?:(?P<number>\d{1,2})[.)]|[-*•+])[ \t]+(?=[^\W\d]|[($*])", re.M)
_BOUNDARY = re.compile(r"(?<=[.!?…])[\"'»”’)\]]*(?:\s+|$)|\n+")

_THOUGHT = re.compile(r"^.*</think>", re.S)
_TURN = re.compile(
    r"<\|(?:im_start|im_end|endoftext|eot_id|start_header_id|end|user|system)[^|>]*\|>|</s>|<eos>"
    r"|<end_of_turn>|\[INST\]|\n#{2,3} *(?:Instruction|Input|Response|Human|User|Question"
    r"|Problem)\b"
)
_NEXT = re.compile(
    r"(?:(?<=\n)|(?<=[.!?»\"] )|(?<=\d ))[ \t>*#]*"
    r"(?:Q|Question|Problem|Exercise|Human|User|Instruction|Input|Example|Вопрос|Задача|Пример"
    r"|Условие|Пользователь|Тема)(?:\s?(?:№|#)?\s?\d+)?[ \t*]*[:：](?!\w)"
)
_ASKS = re.compile(
    r"\b(?:how (?:many|much|long|far|old|tall|fast|often)|what (?:is|was|are|will)"
    r"|сколько|како[йва]|каков\w*|чему равн\w+)\b[^.!?\n]*\?",
    re.I,
)
_DANGLING = re.compile(
    r"(?:\b(?:and|or|the|a|an|of|to|for|so|then|because|which|that|he|she|it|they|is|are|was|were"
    r"|has|have|had|in|on|at|by|with|from|if|as|but|his|her|their|we|will|и|или|на|в|с|за|по|то|а"
    r"|но|что|у|из|от|для|это|он|она|они|если|как|так|потому|к|о|до)|[-+*/×÷=,:(<]"
    r"|(?<!\d)(?<!\d )(?<!\d\$)\$)\s*$",
    re.I,
)
_ENDED = re.compile(r"[.!?…)\]}»”\"'$₽€%|]\s*$")
_STUB = re.compile(
    r"(?<=[.!?\n])\s*(?:#+ *|\**)(?:therefore|thus|hence|so|finally|(?:the )?(?:final )?answer"
    r"|итак|значит|таким образом|следовательно|ответ)\b[^\d.!?\n]{0,80}$",
    re.I,
)
_TAIL = 1600
_REPEATED = re.compile(r"(.{4,240}?)\1{3,}.{0,240}$", re.S)
_REPEATED_FIGURES = re.compile(r"([^\w\s]?\s?[^\W_]\S{0,12}\s?[^\w\s]?\s?)\1{11,}\S{0,12}$")
"""`10 + 10 + 10 …`: four equal addends are a sum, and a dozen at the very end are a loop."""
_SAME_WORDS, _SAME_LINES = 12, 8
_WORDS_AFTER, _WORDS_AFTER_RESULT = 4, 12


def plain(text: str) -> str:
    """The text as a reader sees it on the page, on the same lines."""
    text = _VULGAR.sub(_vulgar, text.translate(_CHARACTERS))
    text = re.sub(r"(?<=\d)(?: and a half| с половиной)\b", " 1/2", text)
    text = _END_TOKEN.sub(" ", _TAG.sub(" ", _ANNOTATION.sub("", text)))
    if "\\" in text or "{" in text:
        for _ in range(3):  # commands stand within commands, seldom deeper than this
            text = _FRACTION.sub(_fraction, _WRAPPED.sub(r"\1", text))
        for name, sign in _LATEX:
            end = r"(?![a-zA-Z])" if name[-1].isalpha() else ""
            text = re.sub(re.escape(name) + end, sign, text)
        text = re.sub(r"\\boxed\s*\{([^{}]*)\}", r" \1 ", text)
    text = re.sub(r"\*\*\*?(?=\S)|(?<=\S)\*\*\*?|__+|`+", "", text)
    text = re.sub(r"(?<![\w*)])\*(?=[^\s*])([^*\n]{1,80})(?<=[^\s*])\*(?![\w*(])", r"\1", text)
    return re.sub(r"\b(?:USD|EUR|RUB|INR|US|Rs\.?)\s?(?=[$\d])", "", text)


def _fraction(match: re.Match[str]) -> str:
    above, below = match[1] or match[3] or "", match[2] or match[4] or ""
    parts = (p if re.fullmatch(r"-?[\d.,]+", p) else f"({p})" for p in (above, below))
    return (" " if match.string[: match.start()][-1:].isdigit() else "") + "/".join(parts)


def _vulgar(match: re.Match[str]) -> str:
    """`3½` as `3 1/2`."""
    written = normalize("NFKC", match[2]).replace("\u2044", "/")
    return f"{match[1]} {written}" if match[1] else written


def with_boxes_said(text: str) -> str:
    r"""The raw text with `\boxed{18}` and `<answer>18</answer>` said in words, on own lines."""
    for box in reversed(list(_BOX.finditer(text))):
        depth, end = 1, box.end()
        while end < len(text) and depth:
            depth += {"{": 1, "}": -1}.get(text[end], 0)
            end += 1
        if not depth:
            said = f"\nThe boxed answer is: {text[box.end() : end - 1]}\n"
            text = text[: box.start()] + said + text[end:]
    return _ANSWER_TAG.sub(r"\nFinal answer: \1\n", text)


def without_marks(text: str) -> str:
    """The text without bullets, and without the numbers of a list that counts from 1."""
    numbers = [int(match["number"]) for match in _MARKER.finditer(text) if match["number"]]
    counts = set(range(1, len(numbers) + 1)) & set(numbers) if {1, 2} <= set(numbers) else set()

    def strip(match: re.Match[str]) -> str:
        number = match["number"]
        return "" if number is None or int(number) in counts else match[0]

    return _MARKER.sub(strip, text)


def sentences(text: str) -> list[str]:
    """Sentences and lines of a plain text; empty ones left out."""
    text = _ABBREVIATION.sub(r"\1", text)
    return [part.strip() for part in _BOUNDARY.split(text) if part and part.strip()]


def until_next(text: str, question: str = "") -> str:
    """The answer itself: what comes before a next question, turn or end mark.

    A mark at the very beginning opens the answer, and one before the words of `question` says the
    same question again (`Given: … Question: … Solution: …`): they cut nothing. What a model
    thought before `</think>` is no answer, if one follows.
    """
    text = _THOUGHT.sub("", text) if re.search(r"</think>\s*\S", text) else text
    start = len(text) - len(text.lstrip())
    for mark in (_TURN, _NEXT):
        for match in mark.finditer(text):
            if match.start() > start and not _repeats(text[match.end() :], question):
                text = text[: match.start()]
                break
    return text.strip()


def asks(text: str, question: str = "") -> bool:
    """Whether a text asks a question of the kind of these problems, other than `question`."""
    return any(not _repeats(match[0], question) for match in _ASKS.finditer(text))


def _repeats(text: str, question: str) -> bool:
    """Whether the first words of a text, on its first line, stand in the question, all but few."""
    words = re.findall(r"\w+", text.strip().partition("\n")[0].casefold())[:_SAME_WORDS]
    asked = set(re.findall(r"\w+", question.casefold()))
    return bool(asked and words) and sum(word in asked for word in words) >= 0.75 * len(words)


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
    if (repeated := _REPEATED.search(tail)) and re.search(r"[^\W\d_]{2}", repeated[1]):
        return True
    if _REPEATED_FIGURES.search(tail):
        return True
    lines = [re.sub(r"\d+", "0", line).strip() for line in re.split(r"\n|(?<=[.!?])\s", tail)]
    counts = Counter(line for line in lines if len(re.findall(r"\w+|[^\w\s]", line)) >= 4)
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
