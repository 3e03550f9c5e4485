"""`kamerton run novels` on the texts written for it: from raw files to packed tokens."""

import json
from pathlib import Path

import pytest

from command_line import kamerton

NOVELS = Path(__file__).parents[2] / "recipes" / "novels" / "recipe.yaml"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("home")
    done = kamerton(folder, "run", str(NOVELS), "--preset", "smoke", "--only", "data")
    assert done.returncode == 0, done.stderr[-2000:]
    assert "card.html" in done.stdout
    return folder


def test_the_card_accounts_for_every_character(home: Path) -> None:
    card = json.loads((home / "runs" / "novels" / "latest" / "card.json").read_text())
    assert card["kept"] + card["repaired"] + sum(card["dropped"].values()) == card["read"]
    assert [dropped for dropped, _ in card["exact"]] == ["Bereg.txt"]
    assert next(name for name, *_ in card["contained"]) == "Bereg_Chernovik.txt"
    assert {"pre_reform", "look_alikes", "unwrap"} <= {rule["name"] for rule in card["repairs"]}


def test_again_there_is_nothing_to_do(home: Path) -> None:
    done = kamerton(home, "run", str(NOVELS), "--preset", "smoke", "--only", "data", "--json")
    assert "everything is done already" in done.stderr or json.loads(done.stdout)
    assert not (home / "runs" / "novels" / "2").exists()


def test_workers_change_nothing(home: Path) -> None:
    done = kamerton(
        home, "run", str(NOVELS), "--preset", "smoke", "--only", "data", "--set", "data.workers=1"
    )
    assert done.returncode == 0
    assert len(list((home / "runs" / ".stages").glob("data-*/"))) == 1


def test_a_preview_names_rules_and_files_and_writes_nothing(tmp_path: Path) -> None:
    done = kamerton(tmp_path, "data", "preview", str(NOVELS), "--preset", "smoke", "--json")
    costs = json.loads(done.stdout)
    worst = max((c for c in costs if c["rule"] == "naive"), key=lambda c: c["share"])
    assert worst["document"] == "Uchitel.txt" and worst["share"] > 0.8
    assert not (tmp_path / "runs").exists()


def test_a_good_dataset_is_told_so_and_a_bad_one_ends_with_1(home: Path) -> None:
    assert kamerton(home, "data", "check", "novels").returncode == 0
    data = next((home / "runs" / ".stages").glob("data-*/"))
    leak = {"blocking": [{"held_out": "a"}], "printed": [], "checked": {}}
    (data / "leaks.json").write_text(json.dumps(leak))
    done = kamerton(home, "data", "check", "novels")
    assert done.returncode == 1 and "leaks.json" in done.stdout
    (data / "leaks.json").unlink()


def test_a_run_without_a_model_is_listed_shown_and_not_served(home: Path) -> None:
    listed = kamerton(home, "runs", "ls")
    assert listed.returncode == 0 and "novels/1" in listed.stdout
    assert kamerton(home, "runs", "show", "novels").returncode == 0
    served = kamerton(home, "serve", "novels")
    assert served.returncode == 2 and "Traceback" not in served.stderr


def test_unknown_rights_stop_before_anything_is_cleaned(tmp_path: Path) -> None:
    (tmp_path / "texts").mkdir()
    (tmp_path / "texts" / "Somebody_Novel.txt").write_text("Жил-был корпус текстов.\n", "utf-8")
    recipe = "name: mine\ndata: {kind: corpus, source: texts}\n"
    (tmp_path / "recipe.yaml").write_text(recipe)
    done = kamerton(tmp_path, "run", "recipe.yaml")
    assert done.returncode == 2 and "Somebody_Novel.txt" in done.stderr
    assert "Traceback" not in done.stderr
    assert not list((tmp_path / "runs" / ".stages").glob("data-*/changes"))
