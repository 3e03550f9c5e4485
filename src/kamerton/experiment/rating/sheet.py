"""The blind sheet: which pairs are shown, in what order and on which side; its files and its key.

Raters get a CSV and a page; the key, which says whose answer is whose, is kept in another folder.
"""

import csv
import io
import json
import random
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from typing import Literal

import jinja2
from pydantic import Field, ValidationError

from kamerton.experiment.criteria import GUIDE, Judgeable
from kamerton.experiment.judge.pairs import Pair, distinct
from kamerton.formats.errors import InputError
from kamerton.formats.jsonl import Record, read_text, write_text
from kamerton.formats.language import LANGUAGES, Language, catalogue, current
from kamerton.formats.manifest import digest
from kamerton.formats.page import page

CSV, PAGE, KEY = "rating.csv", "rating.html", "key.json"
HEAD = ("sheet", "item", "rater")

Side = Literal["left", "right"]


class Item(Record):
    """One pair as a rater sees it: nothing tells whose answer is whose."""

    id: str
    question: str
    reference: str = ""
    left: str
    right: str


class Sheet(Record):
    """Everything that raters get."""

    id: str
    """Twelve hex digits over the items: ratings are matched with their key by it."""
    criteria: tuple[Judgeable, ...]
    items: tuple[Item, ...]


class Secret(Record):
    """What an item is; raters never get this."""

    pair: str
    group: str
    tuned: Side
    """Where the tuned answer stands."""


class Key(Record):
    """The key file: item id to what it is."""

    sheet: str
    seed: int
    criteria: tuple[Judgeable, ...] = Field(min_length=1)
    items: dict[str, Secret]
    identical: dict[str, str] = {}
    """Pairs with equal answers, which are ties and shown to nobody: pair id to group."""


def hand_out(
    pairs: Sequence[Pair],
    folder: Path,
    keep: Path,
    seed: int = 0,
    criteria: Sequence[Judgeable] = GUIDE,
) -> Key:
    """Write `rating.csv` and `rating.html` into `folder` and `key.json` into `keep`.

    The same pairs, seed and criteria write the same files again. InputError where `keep` has the
    key of another sheet, without which its ratings could not be read any more; where both folders
    are one; and where there is nothing to rate.
    """
    if folder.resolve() == keep.resolve():
        raise InputError("experiment.rating_key_beside", where=str(folder))
    sheet, key = blind(pairs, seed, criteria)
    path = keep / KEY
    if path.is_file() and (old := read_key(path)).sheet != key.sheet:
        raise InputError("experiment.rating_other_key", where=str(path), sheet=old.sheet)
    write_text(path, key.model_dump_json(indent=2) + "\n")
    write_text(folder / CSV, sheet_csv(sheet))
    write_text(folder / PAGE, sheet_page(sheet))
    return key


def read_key(path: Path) -> Key:
    """The key of a sheet; InputError where the file is none."""
    try:
        return Key.model_validate_json(read_text(path))
    except ValidationError as error:
        raise InputError("experiment.rating_no_key", where=str(path)) from error


def blind(
    pairs: Sequence[Pair], seed: int = 0, criteria: Sequence[Judgeable] = GUIDE
) -> tuple[Sheet, Key]:
    """A sheet and its key; the same pairs and seed give the same.

    The order is random, and the tuned answer stands on the left in half of the items (one more or
    less where their number is odd), so that a rater who always says "left" says nothing.
    InputError where two pairs have one id, or all answers are equal.
    """
    distinct(pairs)
    shown = sorted((p for p in pairs if not p.identical), key=lambda pair: pair.id)
    if not shown:
        raise InputError("experiment.rating_nothing")
    rng = random.Random(f"{seed} rating")
    rng.shuffle(shown)
    sides: list[Side] = ["left", "right"] * (len(shown) // 2 + 1)
    sides = sides[rng.randrange(2) :][: len(shown)]
    rng.shuffle(sides)
    items, secrets = [], {}
    for pair, side in zip(shown, sides, strict=True):
        left, right = (pair.tuned, pair.base) if side == "left" else (pair.base, pair.tuned)
        # The side is no part of the id, and the pair's id (which may name an exhibit) is hidden.
        name = f"q{digest(str(seed), pair.id, pair.question)[:8]}"
        item = Item(
            id=name, question=pair.question, reference=pair.reference, left=left, right=right
        )
        items.append(item)
        secrets[name] = Secret(pair=pair.id, group=pair.unit, tuned=side)
    sheet = Sheet(
        id=digest(*(item.model_dump_json() for item in items), *criteria),
        criteria=tuple(criteria),
        items=tuple(items),
    )
    key = Key(
        sheet=sheet.id,
        seed=seed,
        criteria=sheet.criteria,
        items=secrets,
        identical={pair.id: pair.unit for pair in pairs if pair.identical},
    )
    return sheet, key


def sheet_csv(sheet: Sheet) -> str:
    """The sheet as CSV, to be filled in with left, right, tie or skip under each criterion.

    It begins with the mark by which spreadsheets know UTF-8.
    """
    texts = ("question", "reference", "left", "right")
    stream = io.StringIO()
    rows = csv.writer(stream, lineterminator="\r\n")
    rows.writerow([*HEAD, *texts, *sheet.criteria, "comment"])
    for item in sheet.items:
        shown = map(_cell, (item.question, item.reference, item.left, item.right))
        rows.writerow([sheet.id, item.id, "", *shown, *[""] * len(sheet.criteria), ""])
    return "\ufeff" + stream.getvalue()


def _cell(text: str) -> str:
    """A text that no spreadsheet runs as a formula; these cells are not read back."""
    return f"'{text}" if text.lstrip()[:1] in {"=", "+", "-", "@"} else text


def sheet_page(sheet: Sheet) -> str:
    """The sheet as one HTML page without any other file, in both languages."""
    texts = {language: _texts(language) for language in LANGUAGES}
    data = {"sheet": sheet.model_dump(), "words": texts, "language": current()}
    template = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined)
    body = template.from_string(_file("page.html.jinja")).render(t=texts[current()])
    scripts = (
        f'<script type="application/json" id="data">{_script_json(data)}</script>\n'
        f"<script>{_file('page.js')}</script>"
    )
    return page(texts[current()]["title"], body, _file("page.css"), scripts)


def _texts(language: Language) -> dict[str, str]:
    """The page's texts: `sheet_title` as `title`, `rating_criterion_x` as `criterion_x`."""
    return {
        # Doubled braces stay for the page, which fills in its own counts.
        key.removeprefix("sheet_").removeprefix("rating_"): text.format()
        for key, text in catalogue("experiment", language).items()
        if key.startswith(("sheet_", "rating_criterion_"))
    }


def _script_json(value: object) -> str:
    """JSON that cannot end the script element it stands in."""
    text = json.dumps(value, ensure_ascii=False)
    for mark in "<>&\u2028\u2029":
        text = text.replace(mark, f"\\u{ord(mark):04x}")
    return text


def _file(name: str) -> str:
    return (files("kamerton.experiment.rating") / name).read_text("utf-8")
