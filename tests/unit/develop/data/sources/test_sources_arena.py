"""Questions and several models' answers in files of their own, joined to rows."""

import json
from pathlib import Path

import pytest

from kamerton.develop.data.rows.run import prepare
from kamerton.develop.data.sources import named
from kamerton.develop.data.sources.named import load
from kamerton.develop.settings import RowsSettings
from kamerton.documents.row_forms import form_of, to_chat
from kamerton.formats.errors import InputError

TOPICS = ("насос", "клапан", "датчик", "котёл", "фильтр", "кран")


def lines(path: Path, rows: list[dict[str, object]]) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")


def answer(number: int, *texts: str) -> dict[str, object]:
    turns = [{"content": text} for text in texts]
    return {"question_id": number, "model_id": "a", "choices": [{"index": 0, "turns": turns}]}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    place = tmp_path / "data" / "arena"
    place.mkdir(parents=True)
    asked = [{"question_id": n, "turns": [f"Зачем {t}?", "А ещё?"]} for n, t in enumerate(TOPICS)]
    lines(place / "questions.jsonl", asked)
    for model in ("one", "two"):
        said = [
            answer(n, f"{model}: {t} нужен.", "Больше ни за чем.") for n, t in enumerate(TOPICS)
        ]
        lines(place / f"answers.{model}.jsonl", said)
    return place


def test_each_answer_is_a_chat_with_its_question(folder: Path, tmp_path: Path) -> None:
    rows = list(load(str(folder), "train", tmp_path))
    assert len(rows) == 12
    where, row = rows[0]
    found = to_chat(row, form_of(row, where), "0", where)
    assert [turn.role for turn in found.messages] == ["user", "assistant"] * 2
    assert found.messages[1].content == "one: насос нужен."
    assert where.endswith("answers.one.jsonl:1")


def test_answers_to_one_question_stay_on_one_side(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KAMERTON_TEST_DATA", str(folder.parent))
    settings = RowsSettings.model_validate(
        {
            "kind": "rows",
            "sources": [{"name": "d0rj/alpaca-cleaned-ru", "stand_in": "arena"}],
            "held_out": 0.3,
            "near": 1.0,
            "rights": {"licence": "MIT"},
        }
    )
    prepare(settings, tmp_path, tmp_path / "out", 7)
    held = [
        json.loads(line)["group"]
        for line in (tmp_path / "out" / "held_out.jsonl").read_text("utf-8").splitlines()
    ]
    assert len(held) == 4 and len(set(held)) == 2
    assert "KAMERTON_TEST_DATA/arena" in (tmp_path / "out" / "card.md").read_text("utf-8").replace(
        "\\", ""
    )


def test_an_answer_without_its_question_is_named(folder: Path) -> None:
    lines(folder / "answers.three.jsonl", [answer(99, "Никто не спрашивал.")])
    with pytest.raises(InputError, match=r"answers\.three\.jsonl:1.*question 99"):
        list(named.arena_rows(folder))
