"""The text of an answer: without thoughts, echoes, LaTeX, Markdown and marks, in sentences.

Numbers keep their own separators, for `numbers` decides what a comma or a thin space means.
Everything here is linear in the length of the text, and of a very long one both ends are read.
"""

import html
import re
from collections import Counter
from unicodedata import normalize

_ANNOTATION = re.compile(r"<<[^<>\n]*>>")
_END_TOKEN = re.compile(r"<\|[^|<>\n]{1,40}\|>|</?s>|\[/?INST\]|<(?:eos|bos|pad|end_of_turn)>")
_TAG = re.compile(r"</?(?:answer|final|final_answer|result|b|i|strong|em|p|br|think)\s*/?>", re.I)
_WRAPPED = re.compile(
    r"\\(?:text|textbf|textit|mathrm|mathbf|mathit|operatorname|underline|mbox)\s*\{([^{}]*)\}"
)
_ROOT = re.compile(r"\\sqrt(?:\[\w+\])?\s*\{([^{}]*)\}")
_FRACTION = re.compile(r"\\[dtc]?frac\s*(?:\{([^{}]*)\}\s*\{([^{}]*)\}|(\d)\s*(\d))")
_BRACES = re.compile(r"\\(?:f?boxed|fbox)\s*\{|[{}]")
_ANSWER_TAG = re.compile(r"<(?:final_?)?answer>(.*?)(?:</(?:final_?)?answer>|$)", re.I | re.S)
_VULGAR = re.compile(r"(\d?)([¼½¾⅐-⅞])")
_LATEX = tuple(
    (re.compile(re.escape(name) + (r"(?![a-zA-Z])" if name[-1].isalpha() else "")), sign)
    for name, sign in (
        [(rf"\{name}", "×") for name in ("times", "cdot")]
        + [(r"\div", "÷"), (r"\approx", "≈"), (r"\pm", "±"), (r"\pi", "π"), (r"\sqrt", "√")]
        + [(rf"\{name}", "→") for name in ("implies", "Rightarrow", "rightarrow")]
        + [(rf"\{name}", "≤") for name in ("leqslant", "leq", "le")]
        + [(rf"\{name}", "≥") for name in ("geqslant", "geq", "ge")]
        + [(r"\lt", "<"), (r"\gt", ">"), (r"\neq", "≠"), (r"\ne", "≠")]
        + [(rf"^{{\{name}}}", "°") for name in ("circ", "degree")]
        + [(rf"^\{name}", "°") for name in ("circ", "degree")]
        + [(r"\quad", " "), (r"\left", ""), (r"\right", "")]
        + [(rf"\{sign}", sign) for sign in "%$#_"]
        + [(rf"\{sign}", "\u2009") for sign in ",;:"]
        + [(r"\!", ""), ("\\ ", "\u2009")]
        + [(rf"\{sign}", " ") for sign in "()[]"]
        + [("{,}", ","), ("{.}", "."), ("~", " "), ("\\\\", "\n")]
    )
)
"""In this order: a longer name must come before one that it begins with."""
_CHARACTERS = str.maketrans(
    dict.fromkeys("\u2212\u2010\u2011", "-")
    | dict.fromkeys("\u2007\u2008\u2005\u2006", "\u00a0")
    | dict.fromkeys("\u200b\ufeff\u2060", "")
    | dict.fromkeys("∙·⋅✕", "×")
    | {"＝": "=", "：": ":", "∶": ":", "，": ", ", "。": ". ", "∗": "*", "¢": " cents", "\r": "\n"}
)
_HOURS = re.compile(r"(?<=\d)(h|hrs?|ч)(?=\d)", re.I)
_SIGNS = (
    (re.compile("!=|=/="), "≠"),
    (re.compile("<="), "≤"),
    (re.compile("(?<=[^=-])>="), "≥"),
    (re.compile(r"(?<=\d)\*\*(?=\d)"), "^"),
)
_HALF = re.compile(r"\b(\d+|an?|one)((?: [a-z]+)?) and a half\b|\b(\d+) с половиной\b", re.I)
_TITLES = r"\b(?:approx|ca|mr|mrs|ms|dr|vs|st|no|e\.g|i\.e|т\.е|т\.к|т\.д)"
_UNITS = (
    r"\b(?:sq|cu|ft|hrs?|mins?|secs?|lbs?|руб|коп|тыс|млн|млрд|долл|шт|кг|мин|сек|ч|м|кв|куб|г)"
)
_ABBREVIATION = re.compile(rf"({_TITLES}|{_UNITS}(?!\.\s*(?:$|\n|(?-i:[A-ZА-ЯЁ]))))\.", re.I)
"""A full stop behind a unit ends the sentence too, where a new one begins."""
_MARKER = re.compile(r"^[ \t>]*(?:(?P<number>\d{1,2})[.)]|[-*•+])[ \t]+(?=[^\W\d]|[($*])", re.M)
_BOUNDARY = re.compile(r"(?<=[.!?…])[\"'»”’)\]]*(?:\s+|$)|\n+")

_THINK = r"think|thinking|thought|reasoning|seed:think"
_THOUGHT = re.compile(
    rf".*(?:</(?:{_THINK})>|\[/THINK\]|◁/think▷|<\|(?:end_of_thought|END_THINKING)\|>"
    r"|<\|channel\|>\s*final\b[^\n]{0,40}?<\|message\|>|assistantfinal)\s*(?=\S)",
    re.I | re.S,
)
"""Up to the end of the thoughts: the tags of many models, and the channels of gpt-oss."""
_THINKS = re.compile(
    rf"<(?:{_THINK})>|\[THINK\]|◁think▷|<\|(?:begin_of_thought|START_THINKING)\|>"
    r"|<\|channel\|>\s*analysis|\A\s*analysis(?=[A-Z])"
)
_PROMPT = re.compile(
    r"\W*(?:(?:Q|Question|Problem|Вопрос|Задача|Условие)\b[^\n]{0,12}[:：]|user\b|system\b|human\b"
    r"|below is|answer the|solve the|реши|ответь)|<\||\[INST|<s>",
    re.I,
)
"""How a prompt begins that a server has sent back with the answer."""
_ROLE = re.compile(
    r"(?:\s*(?:<\|[^|>\n]{1,40}\|>|\[/INST\]|<start_of_turn>)\s*(?:assistant|model)?)+"
)
_TURN = re.compile(
    r"<\|(?:im_start|im_end|endoftext|eot_id|start|start_header_id|end|return|user|system)[^|>]*\|>"
    r"|</s>|<eos>|<end_of_turn>|\[INST\]"
    r"|\n#{2,3} *(?:Instruction|Input|Response|Human|User|Question|Problem)\b"
)
_NEXT = re.compile(
    r"(?:(?<=\n)|(?<=[.!?»\"] )|(?<=\d ))[ \t>*#]*"
    r"(?:Q|Question|Problem|Exercise|Human|User|Instruction|Input|Example|Вопрос|Задача|Пример"
    r"|Условие|Пользователь|Тема)(?:\s?(?:№|#)?\s?\d+)?[ \t*]*[:：](?!\w)"
)
_ASKS = re.compile(
    r"\b(?:how (?:many|much|long|far|old|tall|fast|often)|what (?:is|was|are|will)"
    r"|сколько|како[йва]|каков\w*|чему равн\w+)\b[^.!?\n]{0,400}\?",
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
_REPEATED = re.compile(r".{0,240}?(.{4,240}?)\1{3}", re.S)
_REPEATED_FIGURES = re.compile(r"\S{0,12}?(\s?[^\w\s]?\s?\S{0,12}[^\W_]\s?[^\w\s]?)\1{11}")
"""`10 + 10 + 10 …`: four equal addends are a sum, and a dozen at the very end are a loop. Both
patterns read a text from its end."""
_SAME_WORDS, _SAME_LINES = 12, 8
_WORDS_AFTER, _WORDS_AFTER_RESULT = 4, 12
_LINE, _ECHOED, _PROSE = 400, 5, 4
_LONGEST = 40_000
"""Characters of an answer that are read: of a longer one both ends."""


def plain(text: str) -> str:
    """The text as a reader sees it on the page, on the same lines."""
    text = html.unescape(text) if "&" in text else text
    text = _VULGAR.sub(_vulgar, text.translate(_CHARACTERS))
    text = _END_TOKEN.sub(" ", _TAG.sub(" ", _ANNOTATION.sub("", text)))
    if "\\" in text or "{" in text:
        for _ in range(3):  # commands stand within commands, seldom deeper than this
            text = _FRACTION.sub(_fraction, _ROOT.sub(r"√(\1)", _WRAPPED.sub(r"\1", text)))
        for command, sign in _LATEX:
            text = command.sub(sign, text)
    for written, sign in _SIGNS:
        text = written.sub(sign, text)
    text = _HALF.sub(_half, _HOURS.sub(r"\1 ", text))
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


def _half(match: re.Match[str]) -> str:
    """`2 and a half hours` and `2 hours and a half` as `2 1/2 hours`."""
    written = match[1] or match[3]
    return f"{written if written.isdigit() else 1} 1/2{match[2] or ''}"


def with_boxes_said(text: str) -> str:
    r"""The raw text with `\boxed{18}` and `<answer>18</answer>` said in words, on own lines."""
    opened: list[re.Match[str]] = []
    boxes: list[tuple[int, int, int]] = []
    for match in _BRACES.finditer(text):
        if match[0] != "}":
            opened.append(match)
        elif opened and len((box := opened.pop())[0]) > 1:
            while boxes and boxes[-1][0] > box.start():  # a box in a box: the outer one counts
                boxes.pop()
            boxes.append((box.start(), box.end(), match.start()))
    pieces, copied = [], 0
    for start, inside, end in boxes:
        said = _BRACES.sub(lambda brace: brace[0][-1], text[inside:end])
        pieces.append(f"{text[copied:start]}\nThe boxed answer is: {said}\n")
        copied = end + 1
    return _ANSWER_TAG.sub(r"\nFinal answer: \1\n", "".join(pieces) + text[copied:])


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
    parts = _BOUNDARY.split(_ABBREVIATION.sub(r"\1", text))
    return [part.strip() for part in parts if part and part.strip()]


def until_next(text: str, question: str = "") -> str:
    """The answer itself: what comes before a next question, turn or end mark.

    A mark at the very beginning opens the answer, and one before the words of `question` says the
    same question again (`Given: … Question: … Solution: …`): they cut nothing. What a model
    thought before is no answer, if one follows; nor is a prompt that was sent back with it.
    """
    text = _behind_echo(_behind_thoughts(text), question)
    text = text[role.end() :] if (role := _ROLE.match(text)) else text
    start = len(text) - len(text.lstrip())
    for mark in (_TURN, _NEXT):
        for match in mark.finditer(text):
            if match.start() > start and not _repeats(text[match.end() :][:_LINE], question):
                text = text[: match.start()]
                break
    return text.strip()


def _behind_thoughts(text: str) -> str:
    return text[thought.end() :] if (thought := _THOUGHT.match(text)) else text


def thinks(text: str) -> bool:
    """Whether a text is all thought, with no answer behind."""
    return _THINKS.search(text) is not None and _THOUGHT.match(text) is None


def _behind_echo(text: str, question: str) -> str:
    """What follows the question, where the text is the prompt and what a model made of it."""
    words = question.split()
    if len(words) < _ECHOED or not (asked := re.search(r"\s+".join(map(re.escape, words)), text)):
        return text
    before = text[: asked.start()].strip()
    return text[asked.end() :] if not before or _PROMPT.match(before) else text


def both_ends(text: str) -> str:
    """The text, without the middle of a very long one."""
    half = _LONGEST // 2
    return text if len(text) <= _LONGEST else f"{text[:half]}\n…\n{text[-half:]}"


def next_question(text: str, question: str = "", start: int = 0) -> re.Match[str] | None:
    """The first question of the kind of these problems, other than `question`."""
    asked = _ASKS.finditer(text, start)
    return next((match for match in asked if not _repeats(match[0], question)), None)


def _repeats(text: str, question: str) -> bool:
    """Whether the first words of a text, on its first line, stand in the question, all but few."""
    words = re.findall(r"\w+", text.lstrip().partition("\n")[0].casefold())[:_SAME_WORDS]
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
    backwards = tail[::-1]
    repeated = _REPEATED.match(backwards)
    if repeated and re.search(r"[^\W\d_]{2}", repeated[1]):
        return True
    if _REPEATED_FIGURES.match(backwards):
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
    twelve behind an equation) that does not end on a word or sign which must go on. Where the
    sentences before it have their full stops, one without is unfinished.
    """
    *before, last = sentences(text) or [""]
    if _DANGLING.search(last):
        return True
    if not last or _ENDED.search(last):
        return False
    behind = re.split(r"\d", last)
    most = _WORDS_AFTER_RESULT if "=" in last else _WORDS_AFTER
    if len(behind) == 1 or len(behind[-1].split()) > most:
        return True
    prose = [one for one in before if len(one.split()) >= _PROSE]
    ended = [one for one in prose if _ENDED.search(one)]
    lines = [one for one in prose if "=" in one]
    is_prose = len(last.split()) >= _PROSE and not re.search("[=:]", last)
    return bool(ended) and is_prose and {*prose} <= {*ended, *lines}
