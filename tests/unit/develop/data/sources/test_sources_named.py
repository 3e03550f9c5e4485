"""Sets by name: parts and columns of local copies, and what is said where there is none."""

import os
from pathlib import Path
from typing import Any

import pytest
from local_sets import refused, write

from kamerton.develop.data.sources.named import NAMED, load
from kamerton.documents import row_forms as forms

ROOT = Path(__file__).resolve().parents[5]
SHARED = Path(os.environ.get("KAMERTON_TEST_DATA") or ROOT.parent / "shared" / "data")
CODE = "nvidia/OpenCodeInstruct"
Row = dict[str, Any]


EXAMPLES: dict[str, Row] = {
    "ccdv/arxiv-summarization": {"article": "long", "abstract": "short"},
    CODE: {"id": "1", "input": "task", "output": "code"},
    "openai/openai_humaneval": {
        "task_id": "HumanEval/0",
        "prompt": "def f():\n",
        "canonical_solution": "    return 1\n",
        "test": "assert f() == 1",
        "entry_point": "f",
    },
    "openai/gsm8k": {"question": "1 + 1?", "answer": "#### 2"},
    "d0rj/alpaca-cleaned-ru": {"instruction": "Скажи.", "input": "", "output": "Да."},
}


@pytest.mark.parametrize("name", list(NAMED))
@pytest.mark.parametrize("suffix", [".parquet", ".jsonl", ".json"])
def test_a_local_copy_of_each_set_is_read(tmp_path: Path, name: str, suffix: str) -> None:
    part = NAMED[name].parts[0]
    rows = [EXAMPLES[name] | ({"id": str(n)} if name == CODE else {}) for n in range(50)]
    write(tmp_path / "data" / f"{part}-00000-of-00001{suffix}", rows)
    found = [row for _, row in load(name, part, tmp_path, copy=tmp_path)]
    if name == CODE:  # a part of these is for validation and test
        assert 30 < len(found) < 50 and all(row in rows for row in found)
    else:
        assert found == rows


@pytest.mark.parametrize("name", list(NAMED))
def test_rows_of_each_set_become_chats(name: str) -> None:
    row, pair = EXAMPLES[name], NAMED[name].pair
    made = (
        forms.pair(row, pair, "r", "o")
        if pair
        else forms.to_chat(row, forms.form_of(row, "o"), "r", "o")
    )
    asked, said = pair or next(
        form.columns for form in forms.FORMS.values() if set(form.columns) <= row.keys()
    )
    assert (made.prompt, made.answer) == (row[asked], row[said])


def test_files_say_by_name_or_folder_which_part_they_are(tmp_path: Path) -> None:
    def row(text: str) -> list[Row]:
        return [{"article": text, "abstract": "a"}]

    write(tmp_path / "document" / "train-00001-of-00002.parquet", row("t1"))
    write(tmp_path / "document" / "train-00000-of-00002.parquet", row("t0"))
    write(tmp_path / "document" / "valid.jsonl", row("v"))
    write(tmp_path / "train" / "test.jsonl", row("the name goes before the folder"))
    write(tmp_path / ".cache" / "train.jsonl", row("hidden"))

    def texts(part: str) -> list[str]:
        rows = load("ccdv/arxiv-summarization", part, tmp_path, copy=tmp_path)
        return [found["article"] for _, found in rows]

    assert texts("train") == ["t0", "t1"]
    assert texts("validation") == ["v"]
    assert texts("test") == ["the name goes before the folder"]


def test_a_single_file_is_the_part_that_is_asked_for(tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", [EXAMPLES["openai/gsm8k"]])
    for name in ("openai/gsm8k", str(path)):
        copy = path if name in NAMED else None
        ((origin, row),) = load(name, "test", tmp_path, copy=copy)
        assert (origin, row) == (f"{path}:1", EXAMPLES["openai/gsm8k"])


def test_the_only_file_of_a_set_of_one_part_needs_no_name(tmp_path: Path) -> None:
    path = write(tmp_path / "HumanEval.jsonl", [EXAMPLES["openai/openai_humaneval"]])
    assert len(list(load("openai/openai_humaneval", "test", tmp_path, copy=tmp_path))) == 1
    write(tmp_path / "HumanEvalPlus.jsonl", [EXAMPLES["openai/openai_humaneval"]])
    caught = refused("openai/openai_humaneval", "test", tmp_path, copy=tmp_path)
    assert caught.key == "develop.read_no_part_file" and "HumanEvalPlus" in str(caught)
    assert len(list(load("openai/openai_humaneval", "test", tmp_path, copy=path))) == 1


def test_what_a_copy_lacks_is_named(tmp_path: Path) -> None:
    write(tmp_path / "train.jsonl", [{"question": "q", "reply": "a"}])
    caught = refused("openai/gsm8k", "train", tmp_path, copy=tmp_path)
    assert caught.key == "develop.read_columns" and caught.where.endswith("train.jsonl:1")
    assert "answer" in str(caught) and "question, reply" in str(caught)
    caught = refused("openai/gsm8k", "test", tmp_path, copy=tmp_path)
    assert caught.key == "develop.read_no_part_file"
    caught = refused("openai/gsm8k", "validation", tmp_path, copy=tmp_path)
    assert caught.key == "develop.read_no_part" and "train, test" in str(caught)
    caught = refused("openai/gsm9k", "train", tmp_path)
    assert caught.key == "develop.read_unknown_set" and "openai/gsm8k" in str(caught)
    caught = refused("openai/gsm8k", "train", tmp_path, copy=tmp_path / "no")
    assert caught.key == "documents.missing" and caught.where == str(tmp_path / "no")


def shared(name: str) -> Path:
    place = SHARED / name
    if not place.exists():
        pytest.skip(f"no test data at {place}: set KAMERTON_TEST_DATA")
    return place


@pytest.mark.parametrize(("part", "count"), [("train", 7473), ("test", 1319)])
def test_gsm8k_as_published(tmp_path: Path, part: str, count: int) -> None:
    rows = list(load("openai/gsm8k", part, tmp_path, copy=shared("gsm8k")))
    assert len(rows) == count
    made = [forms.to_chat(row, forms.form_of(row, where), where, where) for where, row in rows]
    assert all("####" in chat.answer for chat in made)


def test_humaneval_as_published(tmp_path: Path) -> None:
    name = "openai/openai_humaneval"
    copy = shared("humaneval/HumanEval.jsonl.gz")
    rows = list(load(name, "test", tmp_path, copy=copy))
    assert len({row["task_id"] for _, row in rows}) == 164
    pair = NAMED[name].pair
    assert pair is not None
    where, row = rows[0]
    made = forms.pair(row, pair, row["task_id"], where)
    assert made.answer.startswith("    ") and made.origin.endswith("HumanEval.jsonl.gz:1")
