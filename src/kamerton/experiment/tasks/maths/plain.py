"""An answer without its dress: LaTeX, Markdown, calculator marks and rare characters levelled.

Numbers keep their own separators, for `numerals` decides what a comma or a thin space means.
"""

import re
from unicodedata import normalize

_ANNOTATION = re.compile(r"<<[^<>\n]*>>")
_END_TOKEN = re.compile(r"<\|[^|<>\n]{1,40}\|>|</?s>|\[/?INST\]|<(?:eos|bos|pad|end_of_turn)>")
_TAG = re.compile(r"</?(?:answer|final|final_answer|result|b|i|strong|em|p|br|think)\s*/?>", re.I)
_WRAPPED = re.compile(
    r"\\(?:text|textbf|textit|mathrm|mathbf|mathit|operatorname|underline|mbox)\s*\{([^{}]*)\}"
)
_FRACTION = re.compile(r"\\[dtc]?frac\s*(?:\{([^{}]*)\}\s*\{([^{}]*)\}|(\d)\s*(\d))")
_VULGAR = re.compile(r"(\d?)([¼½¾⅐-⅞])")
_SIMPLE = re.compile(r"-?[\d.,]+")
_LATEX = {
    r"\times": "×",
    r"\cdot": "×",
    r"\div": "÷",
    r"\approx": "≈",
    r"\implies": "→",
    r"\Rightarrow": "→",
    r"\rightarrow": "→",
    r"\quad": " ",
    r"\left": "",
    r"\right": "",
    r"\%": "%",
    r"\$": "$",
    r"\#": "#",
    r"\_": "_",
    r"\,": "\u2009",
    r"\;": "\u2009",
    r"\:": "\u2009",
    r"\!": "",
    "\\ ": "\u2009",
    r"\(": " ",
    r"\)": " ",
    r"\[": " ",
    r"\]": " ",
    "{,}": ",",
    "{.}": ".",
    "~": " ",
    "\\\\": "\n",
}
"""In this order: a longer name must come before one that it begins with."""
_CHARACTERS = str.maketrans(
    {
        "\u2212": "-",
        "\u2010": "-",
        "\u2011": "-",
        "\u2007": "\u00a0",
        "\u2008": "\u00a0",
        "\u2005": "\u00a0",
        "\u2006": "\u00a0",
        "\u200b": "",
        "\ufeff": "",
        "\u2060": "",
        "＝": "=",
        "：": ":",
        "，": ", ",
        "。": ". ",
        "∙": "×",
        "·": "×",
        "⋅": "×",
        "✕": "×",
        "∗": "*",
        "∶": ":",
        "¢": " cents",
        "\r": "\n",
    }
)


def plain(text: str) -> str:
    """The text as a reader sees it on the page, on the same lines."""
    text = _VULGAR.sub(_vulgar, text.translate(_CHARACTERS))
    text = re.sub(r"(?<=\d)(?: and a half| с половиной)\b", " 1/2", text)
    text = _END_TOKEN.sub(" ", _TAG.sub(" ", _ANNOTATION.sub("", text)))
    text = _without_latex(text)
    text = re.sub(r"\*\*\*?(?=\S)|(?<=\S)\*\*\*?|__+|`+", "", text)
    text = re.sub(r"(?<![\w*)])\*(?=[^\s*])([^*\n]{1,80})(?<=[^\s*])\*(?![\w*(])", r"\1", text)
    return re.sub(r"\b(?:USD|EUR|RUB|INR|US|Rs\.?)\s?(?=[$\d])", "", text)


def _without_latex(text: str) -> str:
    if "\\" not in text and "{" not in text:
        return text
    for _ in range(3):  # commands stand within commands, seldom deeper than this
        text = _FRACTION.sub(_fraction, _WRAPPED.sub(r"\1", text))
    for name, sign in _LATEX.items():
        end = r"(?![a-zA-Z])" if name[-1].isalpha() else ""
        text = re.sub(re.escape(name) + end, lambda _, sign=sign: sign, text)  # type: ignore[misc]
    return re.sub(r"\\boxed\s*\{([^{}]*)\}", r" \1 ", text)


def _fraction(found: re.Match[str]) -> str:
    above, below = found[1] or found[3] or "", found[2] or found[4] or ""
    parts = [part if _SIMPLE.fullmatch(part) else f"({part})" for part in (above, below)]
    before = found.string[: found.start()][-1:]
    return (" " if before.isdigit() else "") + "/".join(parts)


def _vulgar(found: re.Match[str]) -> str:
    """`3½` as `3 1/2`."""
    written = normalize("NFKC", found[2]).replace("\u2044", "/")
    return f"{found[1]} {written}" if found[1] else written


def boxed(text: str) -> list[tuple[int, str]]:
    r"""Place and content of every `\boxed{…}`, with braces inside matched."""
    found = []
    for box in re.finditer(r"\\f?boxed\s*\{", text):
        depth, place = 1, box.end()
        while place < len(text) and depth:
            depth += {"{": 1, "}": -1}.get(text[place], 0)
            place += 1
        if not depth:
            found.append((box.start(), text[box.end() : place - 1]))
    return found


_ABBREVIATION = re.compile(
    r"\b(approx|ca|mr|mrs|ms|dr|vs|st|no|e\.g|i\.e|т\.е|т\.к|т\.д|руб|коп|тыс|долл|шт|кг|мин|сек)\.",
    re.I,
)
_MARKER = re.compile(r"^[ \t>]*(?:(?P<number>\d{1,2})[.)]|[-*•+])[ \t]+(?=[^\W\d]|[($*])", re.M)
_BOUNDARY = re.compile(r"(?<=[.!?…])[\"'»”’)\]]*(?:\s+|$)|\n+")


def without_marks(text: str) -> str:
    """The text without bullets, and without the numbers of a list that counts from 1."""
    marks = [int(found["number"]) for found in _MARKER.finditer(text) if found["number"]]
    counts = set(range(1, len(marks) + 1)) & set(marks) if {1, 2} <= set(marks) else set()

    def strip(found: re.Match[str]) -> str:
        number = found["number"]
        return "" if number is None or int(number) in counts else found[0]

    return _MARKER.sub(strip, text)


def sentences(text: str) -> list[str]:
    """Sentences and lines of a plain text; empty ones left out."""
    text = _ABBREVIATION.sub(lambda found: found[1], text)
    return [part.strip() for part in _BOUNDARY.split(text) if part and part.strip()]
