"""The Russian novels, as they were published: faults found without being told of any."""

import json
import os
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kamerton.develop.data.clean.repair import RULES, repair
from kamerton.develop.data.clean.spelling import is_old
from kamerton.develop.data.corpus.log import read, read_text, restored
from kamerton.develop.data.corpus.run import prepare
from kamerton.develop.settings import CorpusSettings
from kamerton.documents.files import read_documents
from kamerton.formats.recipe import load

ROOT = Path(__file__).resolve().parents[5]
DATA = Path(os.environ.get("KAMERTON_TEST_DATA") or ROOT.parent / "shared" / "data")
NOVELS = DATA / "ru_novels"
RECIPE = ROOT / "recipes" / "novels"

pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(not NOVELS.is_dir(), reason="no ../shared/data/ru_novels here"),
]
TWINS = {"Vovchok_Zapiski prichyotnika.txt", "Vovchok_ZapiskiPrichyotnika.txt"}
DRAFT, NOVEL = "Tolstoi_VoynaIMir_ver1.txt", "Tolstoi_VoynaIMir1.txt"


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The recipe's own settings; only the place of the texts differs."""
    folder = tmp_path_factory.mktemp("novels")
    tree = load(RECIPE / "recipe.yaml")["data"] | {"source": str(NOVELS), "stand_in": ""}
    prepare(CorpusSettings.model_validate(tree), RECIPE, folder, 7)
    return folder


@pytest.fixture(scope="module")
def card(out: Path) -> Any:
    return json.loads((out / "card.json").read_text("utf-8"))


@pytest.fixture(scope="module")
def sources() -> dict[str, str]:
    return {d.id: d.text for d in read_documents(NOVELS)}


def acted_on(out: Path, rule: str, sources: dict[str, str]) -> dict[str, int]:
    """Characters that a rule replaced, by document."""
    logs = {name: read(out / "changes", name) for name in sources}
    return {n: c.characters for n, log in logs.items() for c in log.changes if c.rule == rule}


def test_the_twin_files_are_found(card: Any) -> None:
    assert [set(pair) for pair in card["exact"]] == [TWINS]


def test_the_draft_is_found_in_the_novel(card: Any, out: Path) -> None:
    told = {name: within for name, _, within in card["contained"]}
    assert set(told) == {DRAFT, NOVEL}
    assert told[NOVEL][DRAFT] > 0.5 and told[DRAFT][NOVEL] > 0.3
    assert card["near"][DRAFT] > 500
    assert sum(card["near"].values()) - card["near"][DRAFT] < 30


def test_the_books_in_the_old_spelling_are_found_and_no_other(
    out: Path, sources: dict[str, str]
) -> None:
    acted = acted_on(out, "pre_reform", sources)
    marked = {n for n, of in sources.items() if len(re.findall("[ѣѢ]", of)) > 0.002 * len(of)}
    print(f"old spelling: {acted}")
    assert set(acted) == marked and 6 <= len(acted) <= 8
    assert all(not is_old(read_text(out / "changes", name)) for name in acted)


def test_look_alikes_are_found(out: Path, sources: dict[str, str]) -> None:
    acted = acted_on(out, "look_alikes", sources)
    print(f"look-alikes: {len(acted)} books, {sum(acted.values())} characters")
    assert len(acted) >= 20 and sum(acted.values()) > 1500
    left = sum(
        len(re.findall("[а-яё][aceopxy][а-яё]", read_text(out / "changes", n))) for n in acted
    )
    assert left == 0


def test_filters_lose_under_a_third_of_what_the_naive_rule_loses(card: Any, out: Path) -> None:
    compared = {"exact", "contained", "near", "rights"}
    ours = sum(n for rule, n in card["dropped"].items() if rule not in compared)
    print(f"filters {ours}, naive rule {card['naive']} of {card['read']} characters")
    assert 0 < ours < card["naive"] / 3
    shown = (out / "card.md").read_text("utf-8")
    for lost in (ours, card["naive"]):
        assert f"{100 * lost / card['read']:.1f} %" in shown
    page = (out / "card.html").read_text("utf-8")
    assert f"{100 * card['naive'] / card['read']:.1f} %" in page


def test_every_character_is_accounted_for(card: Any, out: Path, sources: dict[str, str]) -> None:
    accounts = json.loads((out / "accounts.json").read_text("utf-8"))
    assert {a["id"]: a["read"] for a in accounts} == {n: len(of) for n, of in sources.items()}
    for a in accounts:
        assert a["kept"] + a["repaired"] + sum(a["dropped"].values()) == a["read"]
    for name, source in sources.items():
        assert restored(out / "changes", name) == source


def test_repaired_books_have_nothing_left_to_repair(out: Path, sources: dict[str, str]) -> None:
    for name in sources:
        changes = repair(read_text(out / "changes", name), list(RULES))[1]
        assert changes == [], (name, [(c.rule, c.edits[0], c.old[0]) for c in changes])


def test_rows_hold_all_tokens_with_little_padding(card: Any, out: Path) -> None:
    train = np.load(out / "train.npy", mmap_mode="r")
    packed = card["tokens"]["train"]
    assert train.shape == (packed["rows"], 512)
    assert packed["padding"] < 0.001 * train.size
    assert packed["tokens"] > 9_000_000 and card["held_out"]
    assert all(not name.startswith("Tolstoi_VoynaIMir") for name in card["held_out"])
