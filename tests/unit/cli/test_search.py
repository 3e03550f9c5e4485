"""`kamerton data search`: where it looks, and what it prints."""

import functools
import json
from pathlib import Path

import pytest

import command_line
import tiny
from kamerton.formats.errors import InputError
from kamerton.formats.retrieval import META
from kamerton.pipeline.folder import RunRecord

call = functools.partial(command_line.unguarded, "data", "search")
Capture = pytest.CaptureFixture[str]


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The index of a run, `museum`, below the folder of this test."""
    monkeypatch.chdir(tmp_path)
    stages = {"data": ".stages/data-1"}
    place = tmp_path / "runs" / "museum" / "1"
    place.mkdir(parents=True)
    RunRecord(recipe="museum", recipe_file="x", folder=".", stages=stages).write(place)
    return tiny.write_index(tmp_path / "runs" / ".stages" / "data-1" / "index")


def test_hits_are_printed_best_first(index: Path, capsys: Capture) -> None:
    assert call("museum", "Which idol?", "-k", "1") == 0
    line = capsys.readouterr().out.split()
    assert line[0] == "1" and line[2] == "idol" and "picrolite." in line
    call("museum", "Which idol?", "--how", "cosine")
    assert len(capsys.readouterr().out.splitlines()) == 2


@pytest.mark.parametrize("run", ["museum", "museum/1", "runs/.stages/data-1", "{index}"])
def test_a_run_a_stage_and_an_index_can_be_named(index: Path, run: str, capsys: Capture) -> None:
    call(run.format(index=index), "bronze", "--how", "bm25", "--json")
    (row,) = json.loads(capsys.readouterr().out)
    assert (row["rank"], row["id"], row["source"]) == (1, "god", "god")
    assert row["score"] > 0 and "bronze" in row["text"]


def test_nothing_found_is_said_on_stderr(index: Path, capsys: Capture) -> None:
    call("museum", "nowhere", "--how", "bm25")
    told = capsys.readouterr()
    assert told.out == "" and "--how cosine" in told.err
    call("museum", "nowhere", "--how", "bm25", "--json")
    assert json.loads(capsys.readouterr().out) == []


def test_what_cannot_be_searched_is_told(index: Path) -> None:
    with pytest.raises(InputError) as caught:
        call("louvre", "idol")
    assert caught.value.key == "pipeline.unknown_run"
    meta = (index / META).read_text().replace("universal", "another")
    (index / META).write_text(meta)
    with pytest.raises(InputError) as caught:
        call("museum", "idol")
    assert "another-sentence" in str(caught.value)
    (index / META).unlink()
    with pytest.raises(InputError) as caught:
        call("museum", "idol")
    assert caught.value.key == "app.search_no_index" and "museum" in str(caught.value)


@pytest.mark.parametrize("wrong", [["--how", "best"], ["-k", "0"], []])
def test_a_wrong_option_is_told_before_anything_is_loaded(index: Path, wrong: list[str]) -> None:
    assert call("museum", *(["idol", *wrong] if wrong else [])) == 2


def test_the_help_is_in_the_language_in_force(
    monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    for language, expected in (("en", "by shared words"), ("ru", "по общим словам")):
        monkeypatch.setenv("KAMERTON_LANG", language)
        call("--help")
        assert expected in " ".join(capsys.readouterr().out.split())


def test_of_several_adapters_one_is_named(index: Path, capsys: Capture) -> None:
    place = Path("runs/museum/1")
    stages = {"data-code": ".stages/data-1", "data-papers": ".stages/data-1"}
    RunRecord(recipe="museum", recipe_file="x", folder=".", stages=stages).write(place)
    with pytest.raises(InputError) as caught:
        call("museum", "idol")
    assert "code, papers" in str(caught.value)
    assert call("museum#code", "idol") == 0
    assert "picrolite" in capsys.readouterr().out
