"""Which works are held out, and what a card says."""

import json
import re
from pathlib import Path

import pytest
from planted import Prepare

from kamerton.develop.data import card as shared
from kamerton.develop.data.corpus import card
from kamerton.develop.data.corpus.texts import held_out_works, related
from kamerton.develop.data.dedup.near import Containment
from kamerton.formats.errors import InputError

SIZES = {f"book{n}": 100 for n in range(50)} | {"part1": 60, "part2": 40, "epic": 2000}
WORKS = {"part1": "novel", "part2": "novel"}


@pytest.mark.parametrize("seed", range(5))
def test_whole_works_of_about_the_wanted_share_are_held_out(seed: int) -> None:
    chosen = held_out_works(SIZES, WORKS, 0.05, seed)
    held = sum(size for name, size in SIZES.items() if WORKS.get(name, name) in chosen)
    assert 0.05 * 7100 <= held <= 0.05 * 7100 + 100
    assert "epic" not in chosen and not {"part1", "part2"} & chosen


def test_the_seed_decides_and_not_the_order() -> None:
    back = dict(reversed(SIZES.items()))
    assert held_out_works(SIZES, WORKS, 0.1, 1) == held_out_works(back, WORKS, 0.1, 1)
    assert held_out_works(SIZES, WORKS, 0.1, 1) != held_out_works(SIZES, WORKS, 0.1, 2)
    assert held_out_works(SIZES, WORKS, 0.0, 1) == frozenset()
    assert held_out_works({}, {}, 0.1, 1) == frozenset()


def test_lengths_are_counted_between_bounds() -> None:
    found = shared.histogram([0, 99, 100, 9999, 10000, 10**6])
    assert found["0-99"] == 2 and found["100-199"] == 1 and found["10000+"] == 2
    assert sum(found.values()) == 6


def test_nothing_found_in_a_text_is_markup_on_the_card(make: Prepare, tmp_path: Path) -> None:
    folder = tmp_path / "texts"
    folder.mkdir()
    evil = "<script>alert(1)</script> | [link](javascript:x) *bold* and so on, my dear friend."
    (folder / "a_*_<b>.txt").write_text(f"Он вошёл в дом и сел.\n{evil}\n", "utf-8")
    out = make(folder, held_out=0)
    page, table = (out / "card.html").read_text("utf-8"), (out / "card.md").read_text("utf-8")
    assert "<script" not in page and "<b>" not in page and "<em>" not in page
    assert "alert" in page and 'href="javascript' not in page
    rows = [line for line in table.split("\n") if line.startswith("|")]
    assert all(len(re.findall(r"(?<!\\)\|", row)) in (3, 4, 5, 6, 7) for row in rows)


@pytest.mark.parametrize("language", ["en", "ru"])
def test_the_card_is_one_page_in_either_language(
    language: str, make: Prepare, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KAMERTON_LANG", language)
    out = make()
    told = card.Card.model_validate_json((out / "card.json").read_text("utf-8"))
    page = (out / "card.html").read_text("utf-8")
    assert f'<html lang="{language}">' in page
    assert not re.search(r"(?:src|href)=|@import|url\(", page), "it needs another file"
    assert shared.number(told.read) in page and shared.share(told.naive, told.read) in page
    assert told.dataset_sha256 in page and "develop." not in page


def test_nothing_free_stops_before_anything_is_written(make: Prepare, tmp_path: Path) -> None:
    table = tmp_path / "rights.yaml"
    table.write_text("authors:\n  - {match: '*', name: Живой Автор, died: living}\n", "utf-8")
    with pytest.raises(InputError) as caught:
        make(rights={"table": str(table)})
    assert caught.value.key == "develop.corpus_nothing_free"


def test_protected_works_are_read_and_accounted_as_dropped(make: Prepare, tmp_path: Path) -> None:
    table = tmp_path / "rights.yaml"
    table.write_text("authors:\n  - {match: 'work*', name: Живой Автор, died: living}\n", "utf-8")
    out = make(rights={"table": str(table), "accept": "written for this test"})
    accounts = {a["id"]: a for a in json.loads((out / "accounts.json").read_text("utf-8"))}
    for number in range(1, 9):
        account = accounts[f"work{number}.txt"]
        assert account["dropped"] == {"rights": account["read"]}
        assert account["kept"] == account["repaired"] == 0
    assert "exact" in json.loads((out / "card.json").read_text("utf-8"))["dropped"]


@pytest.mark.parametrize("workers", [1, 2])
def test_an_error_of_a_worker_is_the_user_s_to_read(
    workers: int, make: Prepare, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "presidio_analyzer", None)
    with pytest.raises(InputError) as caught:
        make(privacy={"find": ["name"]}, workers=workers)
    assert caught.value.key == "privacy.names_missing"
    assert "pip install" in str(caught.value)


def test_texts_that_contain_each_other_in_part_are_one_work() -> None:
    works = {"draft": "draft", "novel1": "novel", "novel2": "novel", "other": "other"}
    told = [Containment("draft", 0.6, {"novel1": 0.6, "other": 0.05})]
    found = related(works, told, 0.3)
    assert found["draft"] == found["novel1"] == found["novel2"] != found["other"]
