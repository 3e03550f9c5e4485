"""Sheets that give nothing away, and raters' files as spreadsheets save them."""

import csv
import io
import json
from pathlib import Path

import pytest

from kamerton.experiment.judge.pairs import Pair
from kamerton.experiment.rating.read import read_ratings
from kamerton.experiment.rating.sheet import (
    CSV,
    KEY,
    PAGE,
    blind,
    hand_out,
    read_key,
    sheet_csv,
    sheet_page,
)
from kamerton.formats.errors import InputError


def pairs(count: int) -> list[Pair]:
    return [
        Pair(id=f"vase-{i}", question=f"Вопрос {i}?", base=f"one {i}", tuned=f"two {i}", group="g")
        for i in range(count)
    ]


def test_the_same_seed_gives_the_same_sheet_and_sides_are_even() -> None:
    one, key = blind(pairs(31), seed=4)
    again, _ = blind(list(reversed(pairs(31))), seed=4)
    other, _ = blind(pairs(31), seed=5)
    assert one == again and one != other
    left = [secret.tuned for secret in key.items.values()].count("left")
    assert left in {15, 16}
    order = [key.items[item.id].pair for item in one.items]
    assert order != sorted(order) and len(set(order)) == 31
    for item in one.items:
        secret = key.items[item.id]
        assert (item.left if secret.tuned == "left" else item.right).startswith("two")


def test_what_raters_get_does_not_tell_the_arms() -> None:
    sheet, _ = blind(pairs(6))
    for given in (sheet_csv(sheet), sheet.model_dump_json(), sheet_page(sheet)):
        assert "vase-" not in given
        assert not any(word in given.casefold() for word in ("tuned", "дообуч", '"base"'))


def test_equal_answers_are_not_shown() -> None:
    same = Pair(id="same", question="?", base="a b", tuned="a  b")
    sheet, key = blind([*pairs(2), same])
    assert len(sheet.items) == 2 and key.identical == {"same": "same"}
    with pytest.raises(InputError, match="nothing to rate"):
        blind([same])


def test_the_csv_opens_in_a_spreadsheet_and_runs_nothing(tmp_path: Path) -> None:
    evil = Pair(id="e", question="=1+1", base='=HYPERLINK("http://x")', tuned='a "b"\nc, d')
    hand_out([evil], tmp_path, tmp_path / "keep", criteria=["safety"])
    raw = (tmp_path / CSV).read_bytes()
    assert raw.startswith(b"\xef\xbb\xbf")
    row = next(csv.DictReader(io.StringIO(raw.decode("utf-8-sig"), newline="")))
    assert row["question"] == "'=1+1" and 'a "b"\nc, d' in {row["left"], row["right"]}
    assert not any(cell.startswith("=") for cell in row.values())
    assert row["safety"] == "" and {"keep", CSV, PAGE} == {p.name for p in tmp_path.iterdir()}


def test_the_page_is_one_file_that_no_answer_can_break() -> None:
    evil = Pair(id="e", question="</script><script>alert(1)</script>", base="<b>x", tuned="\u2028y")
    page = sheet_page(blind([evil])[0])
    assert "<script>alert" not in page and page.count("</script>") == 2
    assert "default-src 'none'" in page and "http://" not in page and "https://" not in page
    data = page.split('id="data">')[1].split("</script>")[0]
    assert json.loads(data)["sheet"]["items"][0]["question"] == evil.question
    words = json.loads(data)["words"]
    assert words["en"].keys() == words["ru"].keys() and words["ru"]
    assert words["en"]["progress"] == "{done} of {total} rated"


def filled(tmp_path: Path, name: str, said: list[str], text: str = "{}") -> tuple[Path, Path]:
    """A sheet of four items with one criterion, filled in; and its key."""
    key = hand_out(pairs(4), tmp_path, tmp_path / "keep", 1, ["safety"])
    rows = [["sheet", "item", "rater", "safety"]]
    rows += [[key.sheet, item, "", s] for item, s in zip(key.items, said, strict=True)]
    path = tmp_path / name
    path.write_text(text.format("\n".join(",".join(row) for row in rows)), "utf-8")
    return path, tmp_path / "keep" / KEY


def test_spreadsheets_save_in_their_own_ways(tmp_path: Path) -> None:
    path, key_file = filled(tmp_path, "anna.csv", ["левый", "ПРАВЫЙ", "поровну", ""])
    key, text = read_key(key_file), path.read_text("utf-8")
    expected = read_ratings([path], key)
    assert [one.said for one in expected] == ["left", "right", "tie", "skip"]
    assert {one.rater for one in expected} == {"anna"}
    forms = {
        "cp1251": text.replace(",", ";").encode("cp1251"),
        "bom": text.replace("\n", "\r\n").encode("utf-8-sig"),
        "utf16": text.replace(",", "\t").encode("utf-16"),
        "trailing": (text + "\n,,,\n\n").encode(),
    }
    for name, raw in forms.items():
        (tmp_path / name).mkdir()
        other = tmp_path / name / "anna.csv"
        other.write_bytes(raw)
        assert read_ratings([other], key) == expected, name


@pytest.mark.parametrize(
    ("change", "line", "key"),
    [
        (("left", "best"), 2, "rating_bad_choice"),
        (("safety", "safty"), 1, "rating_wrong_column"),
        (("{item}", "q00000000"), 2, "rating_unknown_item"),
        (("{sheet}", "000000000000"), 2, "rating_other_sheet"),
        (("{second}", "{item}"), 3, "rating_twice"),
    ],
)
def test_a_wrong_file_is_named_with_its_line(
    tmp_path: Path, change: tuple[str, str], line: int, key: str
) -> None:
    path, key_file = filled(tmp_path, "a.csv", ["left", "right", "tie", "skip"])
    known = read_key(key_file)
    first, second, *_ = known.items
    names = {"item": first, "second": second, "sheet": known.sheet}
    old, new = (part.format(**names) for part in change)
    path.write_text(path.read_text("utf-8").replace(old, new, 1), "utf-8")
    with pytest.raises(InputError) as caught:
        read_ratings([path], known)
    assert (caught.value.key, caught.value.where) == (f"experiment.{key}", f"{path}:{line}")
    assert str(caught.value)


def test_a_rater_comes_once_and_a_key_is_a_key(tmp_path: Path) -> None:
    path, key_file = filled(tmp_path, "a.csv", ["left"] * 4)
    (tmp_path / "b").mkdir()
    other = tmp_path / "b" / "a.csv"
    other.write_bytes(path.read_bytes())
    with pytest.raises(InputError, match="rater a is in two files"):
        read_ratings([path, other], read_key(key_file))
    with pytest.raises(InputError, match="not a key"):
        read_key(path)
    with pytest.raises(InputError, match="no rater"):
        read_ratings([], read_key(key_file))
