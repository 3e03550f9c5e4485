"""Who goes and who stays: short texts are measured, empty ones repeat nothing, chains end."""

import random
from pathlib import Path

from kamerton.develop.data.corpus.cleaning import clean
from kamerton.develop.data.corpus.duplicates import Duplicate, Duplicates, duplicates
from kamerton.develop.settings import CorpusSettings
from kamerton.documents.files import Document
from russian_prose import paragraph, text

SETTINGS = CorpusSettings(kind="corpus", source="x")


def found(texts: dict[str, str], folder: Path) -> Duplicates:
    cleaned = [clean(Document(name, of, "x"), SETTINGS, folder) for name, of in texts.items()]
    return duplicates(cleaned, SETTINGS.duplicates, folder)


def whole(result: Duplicates) -> list[tuple[str, str, str]]:
    return [(t.level, t.dropped, t.kept) for t in result.dropped if t.piece < 0]


def test_the_first_by_name_stays_in_whatever_order_they_come(tmp_path: Path) -> None:
    same = text(random.Random(1), 4)
    for names in ("abc", "cba"):
        result = found(dict.fromkeys(names, same), tmp_path)
        assert whole(result) == [("exact", "b", "a"), ("exact", "c", "a")]


def test_texts_without_words_are_no_copies_of_each_other(tmp_path: Path) -> None:
    empty = {"a": "", "b": "* * *\n12", "c": "Bonjour, mon ami.", "d": "Good morning, sir."}
    assert found(empty, tmp_path).dropped == ()


def test_short_texts_that_share_a_formula_are_not_inside_each_other(tmp_path: Path) -> None:
    """A sample of their runs may be the formula's alone: so they are measured."""
    rng = random.Random(2)
    formula = "В некотором царстве, в некотором государстве, за синими морями жил да был старик."
    texts = {f"{n:03}": f"{formula} {paragraph(rng, 14)}" for n in range(60)}
    assert whole(found(texts, tmp_path)) == []


def test_a_short_text_inside_a_long_one_goes(tmp_path: Path) -> None:
    rng = random.Random(3)
    long = text(rng, 40)
    words, texts = long.split(), {"long": long}
    for number in range(20):
        start = rng.randrange(len(words) - 60)
        texts[f"short{number:02}"] = " ".join(words[start : start + 60])
    result = whole(found(texts, tmp_path))
    assert {(level, kept) for level, _, kept in result} == {("contained", "long")}
    assert len(result) == 20, "of 60 words each: at most one in a thousand has no sampled run"


def test_of_texts_inside_each_other_one_stays(tmp_path: Path) -> None:
    rng = random.Random(4)
    lines = text(rng, 20).split("\n")
    parts = {"whole": lines, "half": lines[:10], "quarter": lines[:5], "most": lines[:18]}
    result = whole(found({n: "\n".join(of) for n, of in parts.items()}, tmp_path))
    assert sorted(dropped for _, dropped, _ in result) == ["half", "most", "quarter"]


def test_a_text_made_of_others_goes_and_they_stay(tmp_path: Path) -> None:
    rng = random.Random(5)
    texts = {f"novel{n}": text(rng, 12) for n in range(3)}
    parts = [line for of in texts.values() for line in of.split("\n")[:4]]
    result = found(texts | {"anthology": "\n".join(parts)}, tmp_path)
    assert [(level, dropped) for level, dropped, _ in whole(result)] == [("contained", "anthology")]


def test_a_draft_is_told_and_loses_the_paragraphs_that_stand_elsewhere(tmp_path: Path) -> None:
    rng = random.Random(6)
    novel = text(rng, 20).split("\n")
    draft = [*novel[:10], *text(rng, 10).split("\n")]
    result = found({"novel": "\n".join(novel), "draft": "\n".join(draft)}, tmp_path)
    assert whole(result) == []
    assert {c.id for c in result.partly_contained} == {"novel", "draft"}
    assert all(0.35 < c.share < 0.65 for c in result.partly_contained)
    gone = [t for t in result.dropped if t.piece >= 0]
    assert len(gone) == 10 and len({t.dropped for t in gone}) == 1
    assert {(t.level, t.similarity, t.why) for t in gone} == {("near", 1.0, "rank")}


def test_a_paragraph_that_stands_twice_in_one_text_stays_once(tmp_path: Path) -> None:
    rng = random.Random(7)
    one = paragraph(rng)
    result = found(
        {"a": "\n".join([one, paragraph(rng), one, "Да, конечно.", "Да, конечно."])}, tmp_path
    )
    assert result.dropped == (Duplicate("near", "a", "a", 1.0, "same_text", 2),)
