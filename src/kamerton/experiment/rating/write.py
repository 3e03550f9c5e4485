"""The files of a rating: a CSV and a page to hand round, and the key to keep."""

import csv
import io
import json
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path

import jinja2
from markupsafe import Markup

from kamerton.experiment.judge.pairs import Pair
from kamerton.experiment.judge.settings import CRITERIA
from kamerton.experiment.rating.sheet import Item, Key, Sheet, blind
from kamerton.experiment.settings import Criterion
from kamerton.formats.jsonl import write_text
from kamerton.formats.language import LANGUAGES, catalogue, current

CSV, PAGE, KEY = "rating.csv", "rating.html", "key.json"
HEAD = ("sheet", "item", "rater")
CHOICES = ("left", "tie", "right", "skip")


def write_rating(
    pairs: Sequence[Pair], out: Path, seed: int = 0, criteria: Sequence[Criterion] = CRITERIA
) -> Key:
    """Write `rating.csv`, `rating.html` and `key.json` into `out`; give the first two to raters.

    InputError where two pairs have one id, or there is nothing to rate.
    """
    sheet, key = blind(pairs, seed, criteria)
    write_text(out / KEY, key.model_dump_json(indent=2) + "\n")
    write_text(out / CSV, sheet_csv(sheet))
    write_text(out / PAGE, sheet_page(sheet))
    return key


def sheet_csv(sheet: Sheet) -> str:
    """The sheet as CSV, to be filled in with left, right, tie or skip under each criterion.

    It begins with the mark by which spreadsheets know UTF-8.
    """
    texts = ("question", "reference", "left", "right")
    stream = io.StringIO()
    rows = csv.writer(stream, lineterminator="\r\n")
    rows.writerow([*HEAD, *texts, *sheet.criteria, "comment"])
    for item in sheet.items:
        rows.writerow([sheet.id, item.id, "", *_texts(item), *[""] * len(sheet.criteria), ""])
    return "\ufeff" + stream.getvalue()


def sheet_page(sheet: Sheet) -> str:
    """The sheet as one HTML page without any other file, in both languages."""
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    words = {language: _words(language) for language in LANGUAGES}
    return environment.from_string(_own("page.html.jinja")).render(
        language=current(),
        t=words[current()],
        data=_script_json({"sheet": sheet.model_dump(), "words": words, "language": current()}),
        # These files are ours: no text of a user or a model is in them.
        style=Markup(_own("page.css")),
        script=Markup(_own("page.js")),
    )


def _texts(item: Item) -> list[str]:
    return [_cell(text) for text in (item.question, item.reference, item.left, item.right)]


def _cell(text: str) -> str:
    """A text that no spreadsheet runs as a formula; these cells are not read back."""
    return f"'{text}" if text.lstrip()[:1] in {"=", "+", "-", "@"} else text


def _words(language: str) -> dict[str, str]:
    """The page's texts, by key without `rating_`."""
    known = next(one for one in LANGUAGES if one == language)
    texts = catalogue("experiment", known).items()
    # Doubled braces stay for the page, which fills in its own counts.
    return {key[7:]: text.format() for key, text in texts if _of_page(key)}


def _of_page(key: str) -> bool:
    """Whether a text is the page's: those of errors and verdicts name values of their own."""
    return key.startswith("rating_criterion_") or (
        key.startswith("rating_") and key.removeprefix("rating_") in _PAGE_KEYS
    )


_PAGE_KEYS = {
    *("title", "intro", "name", "question", "reference", "left", "right", "tie", "skip"),
    *("answer_left", "answer_right", "empty", "comment", "previous", "next", "unfinished"),
    *("export", "done", "progress", "position", "keys", "saved", "not_saved", "need_name"),
}


def _script_json(value: object) -> Markup:
    """JSON that cannot end the script element it stands in."""
    text = json.dumps(value, ensure_ascii=False)
    for mark in "<>&\u2028\u2029":
        text = text.replace(mark, f"\\u{ord(mark):04x}")
    return Markup(text)


def _own(name: str) -> str:
    return (files("kamerton.experiment.rating") / name).read_text("utf-8")
