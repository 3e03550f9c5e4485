"""What is asked of held-out rows: every form of row, drawn over groups, and what goes wrong."""

import json
from pathlib import Path

import pytest
from made_up_rows import PROMPTS, rows

from kamerton.experiment.prompts import drawn, held_out, prompts
from kamerton.experiment.settings import ExperimentSettings
from kamerton.formats.chat import ChatRow, Message
from kamerton.formats.errors import InputError
from kamerton.formats.jsonl import write_rows
from kamerton.formats.preference import KtoRow, PreferenceRow

ASK = [Message(role="user", content="Сколько планет?")]


def test_a_chat_row_is_asked_with_all_turns_before_its_last_answer(tmp_path: Path) -> None:
    turns = [
        Message(role="system", content="Кратко."),
        Message(role="user", content="Раз?"),
        Message(role="assistant", content="Два."),
        Message(role="user", content="Три?"),
        Message(role="assistant", content="Четыре."),
    ]
    write_rows(tmp_path / "held_out.jsonl", [ChatRow(id="a", messages=turns, group="g")])
    (found,) = held_out(tmp_path)
    assert list(found.turns) == turns[:4]
    assert (found.question.question, found.question.answer) == ("Три?", "Четыре.")
    assert (found.question.group, found.question.held_out) == ("g", "rows")


def test_a_preference_row_is_asked_for_its_better_answer(tmp_path: Path) -> None:
    row = PreferenceRow(id="p", prompt=ASK, chosen="Восемь.", rejected="Не знаю.")
    write_rows(tmp_path / "held_out.jsonl", [row])
    (found,) = held_out(tmp_path)
    assert (found.question.answer, found.question.group) == ("Восемь.", "p")


def test_of_kto_rows_with_one_prompt_the_good_answer_is_the_reference(tmp_path: Path) -> None:
    known = [
        KtoRow(id="bad", prompt=ASK, completion="Не знаю.", label=False),
        KtoRow(id="good", prompt=ASK, completion="Восемь.", label=True),
        KtoRow(id="also", prompt=ASK, completion="Восемь планет.", label=True),
    ]
    write_rows(tmp_path / "held_out.jsonl", known)
    (found,) = held_out(tmp_path)
    assert (found.question.id, found.question.answer) == ("good", "Восемь.")


def test_every_group_is_asked_once_before_one_is_asked_twice(tmp_path: Path) -> None:
    write_rows(tmp_path / "held_out.jsonl", rows(10))
    known = held_out(tmp_path)
    first = drawn(known, 10, seed=1)
    assert len({prompt.question.group for prompt in first}) == 10
    assert len(drawn(known, 40, seed=1)) == 30
    assert drawn(list(reversed(known)), 10, seed=1) == first
    assert drawn(known, 10, seed=2) != first


def test_the_recipes_prompts_come_first_and_are_a_set_of_their_own(tmp_path: Path) -> None:
    write_rows(tmp_path / "held_out.jsonl", rows(2))
    settings = ExperimentSettings(prompts=PROMPTS, held_out_prompts=3)
    found = prompts(settings, tmp_path, seed=1)
    assert [prompt.question.question for prompt in found[:4]] == PROMPTS
    assert [p.question.held_out for p in found] == ["prompts"] * 4 + ["rows"] * 3
    assert len({prompt.question.id for prompt in found}) == 7


@pytest.mark.parametrize("content", [None, ""])
def test_without_held_out_rows_only_the_recipes_prompts_are_asked(
    tmp_path: Path, content: str | None
) -> None:
    if content is not None:
        (tmp_path / "held_out.jsonl").write_text(content)
    assert prompts(ExperimentSettings(), tmp_path, 1) == []
    assert len(prompts(ExperimentSettings(prompts=["Да?"]), tmp_path, 1)) == 1


def test_an_empty_prompt_names_its_place_in_the_recipe(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"experiment\.prompts\.2: this prompt is empty"):
        prompts(ExperimentSettings(prompts=["Да?", "  "]), tmp_path, 1)


@pytest.mark.parametrize(
    "turns",
    [
        [{"role": "user", "content": "Да?"}],
        [{"role": "assistant", "content": "Да."}],
        [{"role": "system", "content": "Да."}, {"role": "assistant", "content": "Да."}],
    ],
)
def test_a_row_that_asks_nothing_names_its_line(tmp_path: Path, turns: object) -> None:
    good = {"id": "a", "messages": [{"role": "user", "content": "?"}]}
    good["messages"].append({"role": "assistant", "content": "!"})  # type: ignore[attr-defined]
    lines = [json.dumps(good), json.dumps({"id": "b", "messages": turns})]
    (tmp_path / "held_out.jsonl").write_text("\n".join(lines))
    with pytest.raises(InputError, match=r"held_out\.jsonl:2: this row has no user turn"):
        held_out(tmp_path)
