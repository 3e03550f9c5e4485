"""Preference rows to tokens: the same as in supervised tuning, and what cannot be used is named."""

import json
from pathlib import Path
from typing import Any

import pytest
from preference_runs import data_of, judged, pairs, settings

from kamerton.develop import hub
from kamerton.develop.tune.encode import encode, end_of_turn
from kamerton.develop.tune.preference.rows import (
    SCORED,
    Judged,
    Pair,
    chats,
    neighbours,
    prepare_preferences,
)
from kamerton.formats.chat import chat
from kamerton.formats.errors import InputError
from kamerton.formats.jsonl import write_rows
from kamerton.formats.preference import KtoRow, PreferenceRow

TURNS = [*chat("You are a guide.", "Hi", "Yes."), *chat("", "And 3000 BC?")]


@pytest.fixture(scope="module")
def tokenizer(tiny: Path) -> Any:
    return hub.load_tokenizer(str(tiny))


def prepared(tokenizer: Any, folder: Path, rows: list[Any], **changes: Any) -> Any:
    objective = "kto" if isinstance(rows[0], KtoRow) else "dpo"
    write_rows(folder / "train.jsonl", rows)
    return prepare_preferences(settings(objective, **changes), tokenizer, folder).train


@pytest.mark.parametrize("prompt", [chat("", "Where is it?"), chat("Be brief.", "Hi"), TURNS])
def test_tokens_are_those_of_supervised_tuning(tokenizer: Any, tmp_path: Path, prompt: Any) -> None:
    row = PreferenceRow(id="a", prompt=prompt, chosen="In Nicosia.", rejected="It was cast.")
    (pair,) = prepared(tokenizer, tmp_path, [row]).rows
    for learnt, answer in zip(chats(row), pair.answers, strict=True):
        sft = encode(learnt, tokenizer)
        scored = len(answer.prompt), len(answer)
        assert answer.prompt + answer.answer == sft.ids[: len(answer)]
        # The last answer is scored to its end; earlier ones of the prompt are not.
        assert all(sft.supervised[slice(*scored)]) and not any(sft.supervised[len(answer) :])
        assert not sft.supervised[scored[0] - 1]
        assert answer.answer[-1] == end_of_turn(tokenizer)
        assert tokenizer.decode(sft.ids[len(answer) :]) == "\n"


def test_kto_rows_are_the_same_tokens(tokenizer: Any, tmp_path: Path) -> None:
    part = prepared(tokenizer, tmp_path, judged(4))
    for row, made in zip(judged(4), part.rows, strict=True):
        sft = encode(chats(row)[0], tokenizer)
        assert isinstance(made, Judged) and made.good is row.label
        learnt = [t for t, is_it in zip(sft.ids, sft.supervised, strict=True) if is_it]
        assert list(made.given.answer) == learnt


@pytest.mark.parametrize("texts", [("\nYes.", "No."), ("Yes.", "\nNo.")])
def test_an_answer_that_takes_in_the_line_break_before_it(
    tiny: Path, tmp_path: Path, texts: tuple[str, str]
) -> None:
    tokenizer = hub.load_tokenizer(str(tiny))
    tokenizer.add_tokens(["\n\n"])  # one token, as in many vocabularies
    row = PreferenceRow(id="a", prompt=chat("", "Hi"), chosen=texts[0], rejected=texts[1])
    (pair,) = prepared(tokenizer, tmp_path, [row]).rows
    assert pair.better.prompt == pair.worse.prompt
    for learnt, answer in zip(chats(row), pair.answers, strict=True):
        ids = encode(learnt, tokenizer).ids
        assert answer.prompt + answer.answer == ids[: len(answer)]
        # Without care the prompts would differ, or the break stand in one twice.
        assert ("\n\n" in map(tokenizer.decode, ids)) == learnt.answer.startswith("\n")
        assert tokenizer.decode(answer.prompt).endswith("assistant")


def test_long_rows_stop_or_are_cut_or_dropped(tokenizer: Any, tmp_path: Path) -> None:
    rows = pairs(6)
    whole = prepared(tokenizer, tmp_path, rows).rows
    lengths = [max(map(len, row.answers)) for row in whole]
    limit = sorted(lengths)[2]
    with pytest.raises(InputError) as caught:
        prepared(tokenizer, tmp_path, rows, max_length=limit)
    worst = lengths.index(max(lengths))
    assert caught.value.key == "develop.row_too_long"
    assert caught.value.where == f"{tmp_path / 'train.jsonl'}:{worst + 1}"
    count = sum(length > limit for length in lengths)
    assert 0 < count < len(rows)
    dropped = prepared(tokenizer, tmp_path, rows, max_length=limit, on_overflow="drop")
    assert (len(dropped.rows), dropped.overlong, dropped.dropped) == (6 - count, count, count)
    cut = prepared(tokenizer, tmp_path, rows, max_length=limit, on_overflow="cut")
    assert (len(cut.rows), cut.overlong, cut.dropped) == (6, count, 0)
    assert max(len(answer) for row in cut.rows for answer in row.answers) == limit
    for short, row in zip(cut.rows, whole, strict=True):
        assert short.worse.answer == row.worse.answer[: len(short.worse.answer)]


def test_a_cut_that_leaves_nothing_to_tell_apart_drops_the_pair(
    tokenizer: Any, tmp_path: Path
) -> None:
    same = "It was cast in bronze at Enkomi. "
    rows = [
        PreferenceRow(id="a", prompt=chat("", "Hi"), chosen=same + "Yes.", rejected=same + "No."),
        PreferenceRow(id="b", prompt=chat("", "Hi"), chosen="Yes.", rejected="No."),
    ]
    both = prepared(tokenizer, tmp_path, rows).rows
    limit = max(16, len(both[1].better))
    assert limit < len(both[0].better.prompt) + 8
    part = prepared(tokenizer, tmp_path, rows, max_length=limit, on_overflow="cut")
    assert [row.id for row in part.rows] == ["b"] and part.dropped == 1
    with pytest.raises(InputError) as caught:
        prepared(tokenizer, tmp_path, rows[:1], max_length=limit, on_overflow="cut")
    assert caught.value.key == "develop.preference_nothing"


PAIR, SAID = pairs(2), judged(2)
SFT = {"id": "s", "messages": [{"role": "user", "content": "Hi"}]}
ENDS = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Yes."}]


@pytest.mark.parametrize("language", ["en", "ru"])
@pytest.mark.parametrize(
    ("objective", "rows", "key", "line"),
    [
        ("dpo", [PAIR[0].model_dump(), SAID[0].model_dump()], "preference_other_form", 2),
        ("kto", [SAID[0].model_dump(), PAIR[0].model_dump()], "preference_other_form", 2),
        ("dpo", [SFT], "preference_other_form", 1),
        ("dpo", [PAIR[0].model_dump() | {"rejected": PAIR[0].chosen}], "preference_equal", 1),
        ("dpo", [PAIR[0].model_dump() | {"prompt": ENDS}], "preference_prompt", 1),
        ("kto", [SAID[0].model_dump() | {"prompt": []}], "preference_prompt", 1),
        ("kto", [SAID[1].model_dump()] * 2, "preference_only_good", 1),
        ("kto", [SAID[0].model_dump()] * 2, "preference_only_bad", 1),
    ],
)
def test_rows_that_cannot_be_used_are_named(
    tokenizer: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    objective: str,
    rows: list[dict[str, Any]],
    key: str,
    line: int,
    language: str,
) -> None:
    monkeypatch.setenv("KAMERTON_LANG", language)
    path = tmp_path / "train.jsonl"
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))
    with pytest.raises(InputError) as caught:
        prepare_preferences(settings(objective), tokenizer, tmp_path)
    assert caught.value.key == f"develop.{key}" and caught.value.where == f"{path}:{line}"
    assert str(caught.value).startswith(f"{path}:{line}: ")


def test_a_broken_row_and_an_empty_file_are_named(tokenizer: Any, tmp_path: Path) -> None:
    path = tmp_path / "train.jsonl"
    path.write_text('{"id": "a", "prompt": [], "chosen": "Yes."}\n')
    with pytest.raises(InputError, match="rejected") as caught:
        prepare_preferences(settings("dpo"), tokenizer, tmp_path)
    assert caught.value.where == f"{path}:1"
    path.write_text("\n")
    with pytest.raises(InputError) as caught:
        prepare_preferences(settings("dpo"), tokenizer, tmp_path)
    assert (caught.value.key, caught.value.where) == ("formats.file_empty", str(path))


@pytest.mark.parametrize(
    ("changes", "where"),
    [
        ({"dropout": 0.1}, "tune.dropout"),
        ({"neftune_alpha": 5}, "tune.neftune_alpha"),
        ({"batch_size": 1}, "tune.batch_size"),
    ],
)
def test_settings_that_cannot_be_used_are_named(
    tokenizer: Any, tmp_path: Path, changes: dict[str, Any], where: str
) -> None:
    data_of(tmp_path, "kto")
    with pytest.raises(InputError) as caught:
        prepare_preferences(settings("kto", **changes), tokenizer, tmp_path)
    assert caught.value.where == where


def test_held_out_rows_may_be_none_or_of_one_kind(tokenizer: Any, tmp_path: Path) -> None:
    data_of(tmp_path, "kto")
    assert prepare_preferences(settings("kto"), tokenizer, tmp_path).held_out.rows == ()
    (tmp_path / "held_out.jsonl").write_text("")
    assert prepare_preferences(settings("kto"), tokenizer, tmp_path).held_out.rows == ()
    write_rows(tmp_path / "held_out.jsonl", [row for row in judged(5) if row.label])
    held_out = prepare_preferences(settings("kto"), tokenizer, tmp_path).held_out.rows
    assert len(held_out) == 3


def test_each_prompt_gets_the_answer_of_its_neighbour(tokenizer: Any, tmp_path: Path) -> None:
    rows = prepared(tokenizer, tmp_path, judged(9)).rows
    chosen = settings("kto", batch_size=4)
    scored = SCORED["kto"](rows, chosen, 3)
    assert {row.id for row in scored.rows} == {row.id for row in rows}
    assert [row.id for row in scored.rows] != [row.id for row in rows]
    assert neighbours(9, 4) == [3, 0, 1, 2, 7, 4, 5, 6, 7]
    for own, moved, other in zip(scored.first, scored.second, neighbours(9, 4), strict=True):
        assert moved.prompt == own.prompt and moved.answer == scored.first[other].answer
        assert moved.answer != own.answer
    assert scored.weights == {"desirable_weight": 1.0, "undesirable_weight": 2.0}


def test_pairs_keep_their_order(tokenizer: Any, tmp_path: Path) -> None:
    rows = prepared(tokenizer, tmp_path, pairs(5)).rows
    scored = SCORED["dpo"](rows, settings("dpo"), 3)
    assert scored.rows == rows and all(isinstance(row, Pair) for row in scored.rows)
    assert scored.answers == tuple(r.better for r in rows) + tuple(r.worse for r in rows)
