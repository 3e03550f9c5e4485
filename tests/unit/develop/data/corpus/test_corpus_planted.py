"""Planted faults: found, missed and false alarms, as a table; nothing exact may be missed."""

import json
from collections import Counter
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
from planted import FOREIGN, NEAR, PERSONAL, REFRAIN, WRONG, Planted, Prepare

from kamerton.develop.data.corpus.log import read_text
from kamerton.develop.data.corpus.texts import CorpusText
from kamerton.develop.data.dedup.near import normal
from kamerton.formats.jsonl import read_rows

Row = tuple[int, int, int]


def load(out: Path, name: str) -> Any:
    return json.loads((out / name).read_text("utf-8"))


def documents(out: Path) -> dict[str, CorpusText]:
    return {d.id: d for d in read_rows(out / "documents.jsonl", CorpusText)}


def lines(out: Path) -> Counter[str]:
    """How often each paragraph is left, whatever its marks."""
    return Counter(normal(line) for d in documents(out).values() for line in d.text.split("\n"))


def whole(out: Path, level: str) -> dict[str, str]:
    twice = load(out, "duplicates.json")["dropped"]
    return {t["dropped"]: t["kept"] for t in twice if t["level"] == level}


def of_copies(told: dict[str, str], copies: dict[str, str]) -> Row:
    """Pairs in either direction: which one goes is decided by name and size."""
    pairs = {frozenset(pair) for pair in copies.items()}
    groups = {frozenset(p) for p in combinations([*copies, *copies.values()], 2)}
    same = {p for p in groups if len({copies.get(n, n) for n in p}) == 1}
    found = {frozenset(pair) for pair in told.items()}
    gone = {name for pair in found & same for name in pair}
    missed = [pair for pair in pairs if not pair & gone]
    return len(pairs) - len(missed), len(missed), len(found - same)


def of_near(out: Path, planted: Planted, share: float) -> Row:
    left = lines(out)
    pairs = [(normal(one), normal(other)) for one, other in planted.near[share]]
    missed = sum(one in left and other in left for one, other in pairs)
    return len(pairs) - missed, missed, 0


def near_false(out: Path, planted: Planted) -> int:
    """Paragraphs that went as near copies though nobody copied them."""
    copied = {normal(p) for pairs in planted.near.values() for pair in pairs for p in pair}
    copied |= {normal(line) for line in planted.leaked}
    false = 0
    for name, pieces in _near_pieces(out).items():
        text, kept = read_text(out / "changes", name), documents(out).get(name)
        gone = Counter(normal(line) for line in text.split("\n") if line.strip())
        gone -= Counter(normal(line) for line in (kept.text.split("\n") if kept else []))
        false += sum(number for line, number in gone.items() if line not in copied)
        assert sum(gone.values()) == pieces
    return false


def _near_pieces(out: Path) -> Counter[str]:
    twice = load(out, "duplicates.json")["dropped"]
    return Counter(t["dropped"] for t in twice if t["level"] == "near")


def of_leaks(out: Path, planted: Planted) -> Row:
    left = lines(out)
    missed = sum(left[normal(line)] != 1 for line in planted.leaked)
    return len(planted.leaked) - missed, missed, 0


def of_cleaned(out: Path, planted: Planted, names: list[str]) -> Row:
    texts = documents(out)
    missed = [n for n in names if n not in texts or texts[n].text != planted.cleaned[n]]
    return len(names) - len(missed), len(missed), 0


def of_personal(out: Path, planted: Planted) -> Row:
    card, texts = load(out, "card.json")["personal"], documents(out)
    planted_items = [item for of in PERSONAL.values() for item in of]
    missed = sum(item in texts["personal.txt"].text for item in planted_items)
    false = sum(item not in texts["not_personal.txt"].text for item in WRONG)
    assert card == {kind: len(of) for kind, of in PERSONAL.items()}
    return len(planted_items) - missed, missed, false


def of_foreign(out: Path, planted: Planted) -> Row:
    dropped = next(r for r in load(out, "card.json")["drops"] if r["name"] == "foreign")
    left = "\n".join(d.text for d in documents(out).values())
    missed = sum(left.count(sentence) for sentence in FOREIGN)
    return planted.foreign - missed, missed, dropped["times"] - (planted.foreign - missed)


def table(out: Path, planted: Planted) -> dict[str, Row]:
    charsets = [name for name in planted.cleaned if name.startswith("own_")]
    rows = {
        "exact": of_copies(whole(out, "exact"), planted.exact),
        "contained": of_copies(whole(out, "contained"), planted.contained),
        "leaked rows": of_leaks(out, planted),
        **{f"near, {share:.0%} changed": of_near(out, planted, share) for share in NEAR},
        "near, others": (0, 0, near_false(out, planted)),
        "charsets": of_cleaned(out, planted, charsets),
        "personal data": of_personal(out, planted),
        "foreign sentences": of_foreign(out, planted),
        "look-alikes": of_cleaned(out, planted, ["look_alikes.txt"]),
        "old spelling": of_cleaned(out, planted, ["old.txt"]),
        "damaged encoding": of_cleaned(out, planted, ["damaged.txt"]),
        "clean controls": (0, 0, of_cleaned(out, planted, planted.controls)[1]),
    }
    print(f"\n{'planted':22}{'found':>8}{'missed':>8}{'false':>8}")
    for name, row in rows.items():
        print(f"{name:22}" + "".join(f"{number:>8}" for number in row))
    return rows


def test_at_the_settings_own_limits(made: Path, planted: Planted) -> None:
    """Bounds: nothing is missed but near copies with more than a word in fifty changed."""
    assert len(planted.texts) >= 40
    rows = table(made, planted)
    assert rows["exact"] == (len(planted.exact), 0, 0)
    assert all(row[2] == 0 for row in rows.values()), "false alarms"
    near = [name for name in rows if name.startswith("near")]
    assert all(rows[name][1] == 0 for name in rows if name not in near)
    assert rows["near, 2% changed"][0] >= 9


def test_at_a_similarity_of_a_half(make: Prepare, planted: Planted) -> None:
    """Bounds: copies with up to a tenth of their words changed, at most one in ten missed."""
    out = make(duplicates={"near": 0.5})
    rows = table(out, planted)
    assert all(row[2] == 0 for row in rows.values()), "false alarms"
    assert rows["near, 2% changed"][1] == rows["near, 5% changed"][1] == 0
    assert rows["near, 10% changed"][0] >= 9


def test_what_was_kept_and_why_is_told(made: Path, planted: Planted) -> None:
    for twice in load(made, "duplicates.json")["dropped"]:
        assert twice["why"] in {"first_name", "inside", "same_text", "rank"}
        assert twice["kept"] in planted.texts and twice["dropped"] in planted.texts
        assert twice["kept"] != twice["dropped"] or twice["why"] == "same_text"
        assert 0.5 <= twice["similarity"] <= 1
    card = (made / "card.md").read_text("utf-8")
    assert "a\\_copy.txt" in card and "chapter.txt" in card


def test_a_refrain_comes_again_as_often_as_it_was_sung(made: Path) -> None:
    assert lines(made)[normal(REFRAIN)] == 12


def test_no_work_is_on_both_sides_nor_any_paragraph(made: Path) -> None:
    split: dict[str, set[str]] = {"train": set(), "held_out": set()}
    for document in documents(made).values():
        split[document.split] |= {
            normal(line) for line in document.text.split("\n") if len(line.split()) >= 8
        }
    assert split["held_out"] and split["train"]
    assert not split["train"] & split["held_out"]


def test_personal_data_stands_nowhere_in_what_was_written(made: Path) -> None:
    items = [item for of in PERSONAL.values() for item in of]
    for path in made.rglob("*"):
        if path.is_file() and path.suffix in {".json", ".jsonl", ".md", ".html", ".txt"}:
            text = path.read_text("utf-8")
            assert not [item for item in items if item in text], path.name


@pytest.mark.parametrize("action", ["drop", "keep"])
def test_personal_data_is_dropped_with_its_line_or_kept(
    action: str, make: Prepare, planted: Planted
) -> None:
    out = make(privacy={"find": list(PERSONAL), "action": action})
    left = documents(out)
    if action == "drop":
        assert "personal.txt" not in left
        drops = next(r for r in load(out, "card.json")["drops"] if r["name"] == "personal")
        assert drops["times"] == 12 and drops["samples"] == []
    else:
        assert left["personal.txt"].text == planted.texts["personal.txt"]
    assert left["not_personal.txt"].text == planted.texts["not_personal.txt"]
    assert load(out, "card.json")["personal"] == {kind: len(of) for kind, of in PERSONAL.items()}
