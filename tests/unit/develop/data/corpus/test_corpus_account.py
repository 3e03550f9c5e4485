"""Kept + repaired + dropped = read: by the accounts, and by marking every source character anew."""

import gzip
import json
import random
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from planted import KINDS, PERSONAL, Planted, Prepare

from kamerton.develop.data.clean.edits import Edit
from kamerton.develop.data.corpus.log import BLACK, name, read_text, restored
from kamerton.documents.files import read_documents
from russian_prose import text
from traced import Traced, naive

ACTIONS = ["mask", "drop", "keep"]


@dataclass
class Traces:
    """A document followed by hand from its source, with nothing but what lies in `changes/`."""

    chars: Traced
    touched: set[int]
    dropped: dict[int, str]
    spans: list[tuple[int, int]]
    """What is left between line ends and drops, in the repaired text."""
    origins: list[int]


def sources(folder: Path) -> dict[str, str]:
    return {d.id: d.text for d in read_documents(folder)}


def raw_log(out: Path, document: str) -> Any:
    return json.loads(gzip.decompress((out / "changes" / f"{name(document)}.json.gz").read_bytes()))


def follow(out: Path, document: str, source: str) -> Traces:
    """Every edit again, character by character."""
    log, touched = raw_log(out, document), set[int]()
    chars: Traced = [(letter, place) for place, letter in enumerate(source)]
    for change in log["changes"]:
        edits = [Edit(start, start + len(old), new) for start, old, new in change["edits"]]
        chars = naive(chars, len(source), edits, touched)
    masks = [Edit(start, start + size, f"<{kind.upper()}>") for start, size, kind in log["masked"]]
    chars = naive(chars, len(source), masks, touched)
    origins = [origin for _, origin in chars] + [len(source)]
    dropped = {
        place: rule
        for start, end, rule, _ in log["drops"]
        for place in range(origins[start], origins[end])
    }
    return Traces(chars, touched, dropped, _spans(chars, log["drops"]), origins)


def _spans(chars: Traced, drops: list[Any]) -> list[tuple[int, int]]:
    """Runs of characters outside drops and line ends, without blanks around them."""
    gone = {place for start, end, *_ in drops for place in range(start, end)}
    spans, start = [], 0
    for place in range(len(chars) + 1):
        if place == len(chars) or chars[place][0] == "\n" or place in gone:
            run = "".join(letter for letter, _ in chars[start:place])
            if run.strip():
                left = start + len(run) - len(run.lstrip())
                spans.append((left, left + len(run.strip())))
            start = place + 1
    return spans


def counted(out: Path, document: str, source: str) -> dict[str, Any]:
    """The account of one document, from its marks."""
    twice = [t for t in _load(out, "duplicates.json")["dropped"] if t["dropped"] == document]
    whole = next((t["level"] for t in twice if t["piece"] < 0), None)
    marks = follow(out, document, source)
    status = {place: "repaired" for place in marks.touched} | marks.dropped
    for t in twice:
        if t["piece"] >= 0:
            start, end = marks.spans[t["piece"]]
            status |= dict.fromkeys(range(marks.origins[start], marks.origins[end]), "near")
    if whole:
        status = dict.fromkeys(range(len(source)), whole)
    found = Counter(status.values())
    repaired = found.pop("repaired", 0)
    kept = len(source) - repaired - sum(found.values())
    return {"kept": kept, "repaired": repaired, "dropped": dict(found)}


def _load(out: Path, file: str) -> Any:
    return json.loads((out / file).read_text("utf-8"))


@pytest.fixture(scope="module", params=ACTIONS)
def prepared(request: pytest.FixtureRequest, make: Prepare) -> Path:
    duplicates = {"near": 0.5, "whole": 0.7}
    return make(privacy={"find": KINDS, "action": request.param}, duplicates=duplicates)


def test_kept_repaired_and_dropped_add_up_in_every_account(
    prepared: Path, planted: Planted
) -> None:
    read = sources(planted.folder)
    accounts = _load(prepared, "accounts.json")
    assert {a["id"] for a in accounts} == set(read)
    for a in accounts:
        assert a["read"] == len(read[a["id"]])
        assert a["kept"] + a["repaired"] + sum(a["dropped"].values()) == a["read"], a["id"]
        assert min(a["kept"], a["repaired"], *a["dropped"].values(), 0) == 0
    card = _load(prepared, "card.json")
    assert card["read"] == sum(map(len, read.values()))
    assert card["kept"] + card["repaired"] + sum(card["dropped"].values()) == card["read"]


def test_every_source_character_is_what_its_marks_say(prepared: Path, planted: Planted) -> None:
    read = sources(planted.folder)
    for account in _load(prepared, "accounts.json"):
        told = {key: account[key] for key in ("kept", "repaired", "dropped")}
        right = counted(prepared, account["id"], read[account["id"]])
        told["dropped"] = {rule: n for rule, n in told["dropped"].items() if n}
        assert told == right, account["id"]


def test_the_marks_lead_to_the_text_that_was_written(prepared: Path, planted: Planted) -> None:
    for document, source in sources(planted.folder).items():
        marks = follow(prepared, document, source)
        text = "".join(letter for letter, _ in marks.chars)
        assert text == read_text(prepared / "changes", document)


def test_every_source_comes_back_from_the_logs(prepared: Path, planted: Planted) -> None:
    for document, source in sources(planted.folder).items():
        back = restored(prepared / "changes", document)
        assert len(back) == len(source)
        assert all(one in (letter, BLACK) for one, letter in zip(back, source, strict=True))
        masked = bool(raw_log(prepared, document)["masked"])
        assert masked or back == source
        assert not masked or not any(item in back for of in PERSONAL.values() for item in of)


def test_dropped_text_stands_in_the_log_with_its_reason(prepared: Path) -> None:
    drops = [d for f in (prepared / "changes").glob("*.json.gz") for d in _drops(f)]
    assert sum(rule == "foreign" for _, rule in drops) == 9
    assert any("Je suis bien content" in text for text, _ in drops)


def _drops(file: Path) -> list[tuple[str, str]]:
    log = json.loads(gzip.decompress(file.read_bytes()))
    return [(text, rule) for _, _, rule, text in log["drops"]]


@pytest.mark.parametrize("seed", range(6))
def test_nasty_texts_are_accounted_for_too(seed: int, make: Prepare, tmp_path: Path) -> None:
    """Rules, masks and drops over each other: numbers in damaged lines, marks inside addresses."""
    rng = random.Random(seed)
    pieces = [
        *(
            "  ",
            "\n",
            "\r\n",
            "\u00ad",
            "\u200b",
            " -- ",
            ".....",
            "!!!!!!",
            "{12}",
            "[3]",
            '"',
            "#",
        ),
        *("Аннa ", "страннаго ", "всѣхъ ", "Bonjour, mon ami. ", "* * *\n", "12 34 | 56 78 9\n"),
        *("ivan.petrov@example.ru ", "+7 (916)\u00a0123-45-67 ", "паспорт 45 09\n123456 "),
        "Почта ivan.petrov@example.ru дана.\n".encode().decode("cp1251"),
        *(f"{line}\n" for line in text(rng, 4, 12).split("\n")),
    ]
    folder = tmp_path / "texts"
    folder.mkdir()
    for number in range(5):
        body = "".join(rng.choices(pieces, k=60))
        (folder / f"{number}.txt").write_bytes(body.encode())
    action = ACTIONS[seed % 3]
    out = make(folder, privacy={"find": KINDS, "action": action}, held_out=0)
    read = sources(folder)
    for account in _load(out, "accounts.json"):
        right = counted(out, account["id"], read[account["id"]])
        told = {rule: n for rule, n in account["dropped"].items() if n}
        assert (account["kept"], account["repaired"]) == (right["kept"], right["repaired"])
        assert told == right["dropped"]
        back = restored(out / "changes", account["id"])
        assert len(back) == account["read"]
        assert back == read[account["id"]] or (action == "mask" and BLACK in back)
        assert action != "mask" or "ivan.petrov@example" not in back
