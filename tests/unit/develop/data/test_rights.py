"""Whose works are free: the rule, the table, what stops, and the table of the novels."""

import os
import string
from pathlib import Path
from typing import get_args

import pytest
import yaml

from kamerton.develop.data import rights
from kamerton.develop.data.rights import (
    Right,
    RightsTable,
    allowed,
    decide,
    idle,
    read_table,
    works,
)
from kamerton.develop.settings.data import RightsSettings
from kamerton.formats.errors import InputError
from kamerton.formats.language import LANGUAGES

ROOT = Path(__file__).parents[4]
DATA = os.environ.get("KAMERTON_TEST_DATA", str(ROOT.parent / "shared" / "data"))
NOVELS = Path(DATA) / "ru_novels"


def one(settings: dict[str, object] | None = None, died: object = 1900, **work: object) -> Right:
    """The right of one document by an author who died then, with a row for the work if given."""
    rows = [{"match": "a*", **work}] if work else []
    authors = [{"match": "a*", "name": "A", "died": died}]
    table = RightsTable.model_validate({"authors": authors, "works": rows})
    return decide(["a.txt"], RightsSettings.model_validate(settings or {}), table)[0]


def outcome(right: Right) -> tuple[str, str, int | None]:
    return right.decision, right.reason, right.free_from


def test_a_term_ends_with_its_last_year() -> None:
    assert outcome(one(died=1955)) == ("free", "term_over", 2026)
    assert outcome(one(died=1956)) == ("protected", "term_runs", 2027)
    assert outcome(one({"year": 2027}, died=1956)) == ("free", "term_over", 2027)
    assert outcome(one({"term": 50}, died=1975)) == ("free", "term_over", 2026)
    assert outcome(one({"term": 50}, died=1976)) == ("protected", "term_runs", 2027)


def test_whichever_ends_last_counts() -> None:
    late, early = {"name": "T", "died": 1960}, {"name": "T", "died": 1890}
    assert outcome(one(translator=late)) == ("protected", "term_runs", 2031)
    assert outcome(one(translator=early)) == ("free", "term_over", 1971)
    assert outcome(one(died=1940, first_printed=1966)) == ("protected", "term_runs", 2037)
    assert outcome(one(died=1940, first_printed=1930)) == ("free", "term_over", 2011)


def test_a_first_printing_after_the_term_starts_no_other() -> None:
    assert outcome(one(died=1900, first_printed=1970)) == ("protected", "term_runs", 2041)
    assert outcome(one(died=1900, first_printed=1971)) == ("free", "term_over", 1971)


def test_what_is_not_known_is_unknown_unless_it_cannot_matter() -> None:
    assert outcome(one(died=None)) == ("unknown", "no_year", None)
    assert outcome(one(translator={"name": "T"})) == ("unknown", "no_year", None)
    assert outcome(one(died=1990, translator={"name": "T"})) == ("protected", "term_runs", 2061)
    assert outcome(one(died="living")) == ("protected", "living", None)
    nobody = decide(["b.txt"], RightsSettings(), RightsTable())[0]
    assert outcome(nobody) == ("unknown", "no_author", None)


def test_a_licence_frees_and_another_one_does_not() -> None:
    for name in ("CC0-1.0", "cc-by-sa-4.0", "CC BY 4.0", "Apache-2.0", "MIT", "public-domain"):
        assert outcome(one({"licence": name}, died=2000)) == ("free", "licence", None), name
    assert outcome(one(died=2000, licence="CC-BY-4.0")) == ("free", "licence", None)
    other = "CC-BY-NC-4.0"
    assert one({"licence": "MIT"}, died=2000, licence=other).decision == "protected"
    assert outcome(one({"licence": other})) == ("free", "term_over", 1971)
    assert outcome(one(died=None, licence=other)) == ("unknown", "licence_other", None)


def test_the_first_pattern_counts_and_a_work_may_name_its_author() -> None:
    table = RightsTable.model_validate(
        {
            "authors": [
                {"match": "x/a*", "name": "A", "died": 1900},
                {"match": "x/*", "name": "B", "died": 1910},
                {"match": "y*", "name": "C", "died": 1920},
            ],
            "works": [
                {"match": "x/b1*", "title": "W", "author": {"name": "D", "died": 2000}},
                {"match": "x/b*", "title": "V"},
            ],
        }
    )
    found = decide(["x/a", "x/b1", "x/b2", "X/a"], RightsSettings(), table)
    assert [(right.author, right.work, right.decision) for right in found] == [
        ("A", "", "free"),
        ("D", "W", "protected"),
        ("B", "V", "free"),
        ("", "", "unknown"),
    ]
    assert idle([right.id for right in found], table) == ["y*"]


def test_a_name_written_in_two_characters_matches() -> None:
    authors = [{"match": "Толстой*", "name": "Т", "died": 1910}]
    table = RightsTable.model_validate({"authors": authors})
    assert decide(["Толстои\u0306.txt"], RightsSettings(), table)[0].author == "Т"


def test_works_go_by_title_and_author() -> None:
    def right(name: str, author: str, work: str) -> Right:
        return Right(name, "free", "term_over", author, work)

    found = [
        right("1", "T", "War"),
        right("2", "T", "War"),
        right("3", "T", "Childhood"),
        right("4", "G", "Childhood"),
        right("5", "G", ""),
        right("6", "T", ""),
    ]
    assert works(found) == {
        "1": "War",
        "2": "War",
        "3": "T: Childhood",
        "4": "G: Childhood",
        "5": "5",
        "6": "6",
    }


FREE = Right("f", "free", "term_over", free_from=1990)
KEPT = Right("p", "protected", "term_runs", free_from=2037)
ODD = [Right(f"u{number}", "unknown", "no_author") for number in range(7)]


def test_protected_works_are_dropped_kept_or_stop() -> None:
    drop, keep, stop = (
        RightsSettings.model_validate({"protected": how}) for how in ("drop", "keep", "stop")
    )
    assert allowed([FREE, KEPT], drop) == ([FREE], [KEPT])
    assert allowed([FREE, KEPT], keep) == ([FREE, KEPT], [])
    assert allowed([FREE], stop) == ([FREE], [])
    with pytest.raises(InputError) as caught:
        allowed([FREE, KEPT], stop)
    assert caught.value.key == "develop.rights_protected"
    assert "1, such as p (protected at least until the end of 2036)" in str(caught.value)


def test_unknown_works_stop_unless_they_are_accepted() -> None:
    with pytest.raises(InputError) as caught:
        allowed([FREE, *ODD], RightsSettings(table=Path("t.yaml")))
    text = str(caught.value)
    assert caught.value.key == "develop.rights_unknown"
    assert text.startswith("t.yaml: ") and "rights.accept" in text
    assert "7, such as u0 (no author" in text and "u4" in text and "u5" not in text
    accepting = RightsSettings(accept="a private collection, used at home")
    assert allowed([FREE, KEPT, *ODD], accepting) == ([FREE, *ODD], [KEPT])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("authors:\n- {match: 'a*', name: A, dide: 1900}\n", "dide"),
        ("authors:\n- {match: 'a*', name: A, died: long ago}\n", "died"),
        ("- a\n", ""),
        ("authors: [\n", ""),
    ],
)
def test_a_wrong_table_says_where(tmp_path: Path, text: str, expected: str) -> None:
    path = tmp_path / "rights.yaml"
    path.write_text(text, "utf-8")
    with pytest.raises(InputError) as caught:
        read_table(path)
    assert str(caught.value).startswith(str(path)) and expected in str(caught.value)


def test_the_texts_agree_in_both_languages() -> None:
    folder = Path(rights.__file__).parents[1] / "locales"
    texts = {
        name: yaml.safe_load((folder / f"rights.{name}.yaml").read_text("utf-8"))
        for name in LANGUAGES
    }
    fields = {
        name: {key: sorted({f for _, f, _, _ in string.Formatter().parse(text) if f})}
        for name, entries in texts.items()
        for key, text in entries.items()
    }
    assert fields["en"] == fields["ru"]
    assert all(f"rights_{why}" in texts["en"] for why in get_args(rights.Reason))


def novels() -> RightsTable:
    return read_table(ROOT / "recipes" / "novels" / "rights.yaml")


def test_the_novels_still_protected_are_told_so() -> None:
    names = {
        "Bulgakov_Master.txt": 2037,
        "Bulgakov_TeatralnyjRoman.txt": 2036,
        "Bulgakov_BelayaGvardiya.txt": 2011,
        "Nabokov_Dar_1938.txt": 2048,
        "Nabokov_Ada_1969_Ilin.txt": 2088,
        "Nabokov_Pnin_1957_Nosik.txt": 2086,
        "Sholokhov_TikhiiDon.txt": 2055,
        "Tolstoi_VoynaIMir_ver1.txt": 2026,
    }
    found = decide(list(names), RightsSettings(), novels())
    assert {right.id: right.free_from for right in found} == names
    free = {right.id for right in found if right.decision == "free"}
    assert free == {"Bulgakov_BelayaGvardiya.txt", "Tolstoi_VoynaIMir_ver1.txt"}


def test_files_of_one_novel_are_one_work() -> None:
    names = [f"Tolstoi_VoynaIMir{part}.txt" for part in ("1", "2", "3", "4", "_ver1")]
    names += [f"Nabokov_Pnin_1957_{who}.txt" for who in ("Barabtarlo", "Ilin", "Nosik")]
    names += ["Vovchok_Zapiski prichyotnika.txt", "Vovchok_ZapiskiPrichyotnika.txt"]
    found = list(works(decide(names, RightsSettings(), novels())).values())
    assert found == ["Война и мир"] * 5 + ["Пнин"] * 3 + ["Записки причетника"] * 2


@pytest.mark.skipif(not NOVELS.is_dir(), reason="no ../shared/data/ru_novels here")
def test_every_novel_of_the_folder_is_matched_and_free() -> None:
    names = sorted(file.name for file in NOVELS.glob("*.txt"))
    found = decide(names, RightsSettings(), novels())
    assert len(names) == 87
    assert [right for right in found if right.decision != "free" or not right.author] == []
    assert idle(names, novels()) == ["Nabokov_*", "Sholokhov_*"]
    assert len(set(works(found).values())) == 87 - 3 - 3 - 4 - 1 - 1
