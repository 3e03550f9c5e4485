"""Rated answers to training rows: what each form makes, what is left out, what stays held out."""

import json
import random
from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import get_args

import pytest

from kamerton.develop.data.feedback import (
    HELD_OUT,
    REPORT,
    TRAIN,
    Converted,
    Form,
    Left,
    TrainingRow,
    convert,
    write,
)
from kamerton.formats.chat import ChatRow, Message, chat
from kamerton.formats.errors import InputError
from kamerton.formats.feedback import Edit, FeedbackRow, Pair, Vote, same_prompt
from kamerton.formats.jsonl import read_rows
from kamerton.formats.preference import KtoRow, PreferenceRow

UP, DOWN = Vote(vote="up"), Vote(vote="down")
START = datetime(2026, 1, 1, tzinfo=UTC)
FORMS: tuple[Form, ...] = get_args(Form)


def versus(rival: str, chosen: str) -> Pair:
    return Pair.model_validate({"rival": rival, "rival_model": "base", "chosen": chosen})


def rated(
    rating: Vote | Edit | Pair,
    number: int = 0,
    *,
    user: str = "u",
    prompt: str = "Q?",
    answer: str = "A.",
    before: tuple[str, str] | None = None,
    consent: bool = True,
    held_out: bool = False,
) -> FeedbackRow:
    turns = chat("Be brief.", prompt, answer)
    if before:
        turns[1:1] = chat("", *before)
    return FeedbackRow(
        id=f"r{number}",
        time=START + timedelta(minutes=number),
        model="museum",
        messages=turns,
        rating=rating,
        user=user,
        consent=consent,
        held_out=held_out,
    )


def numbered(*ratings: Callable[[int], FeedbackRow]) -> list[FeedbackRow]:
    return [make(number) for number, make in enumerate(ratings)]


def counts(converted: Converted) -> dict[str, int]:
    """The counts that are not zero, of what was left out."""
    tree = asdict(converted.report)
    return {name: tree[name] for name in get_args(Left) if tree[name]}


EVERY = [
    rated(UP, 0, prompt="good?"),
    rated(DOWN, 1, prompt="bad?"),
    rated(Edit(text="Better."), 2, prompt="edited?"),
    rated(versus("Other.", "answer"), 3, prompt="first?"),
    rated(versus("Other.", "rival"), 4, prompt="second?"),
    rated(versus("Other.", "tie"), 5, prompt="tie?"),
]


def test_sft_learns_from_edits_and_from_good_answers() -> None:
    made = convert(EVERY, "sft", 0, 7)
    assert all(isinstance(row, ChatRow) for row in made.train)
    assert {(r.prompt, r.answer) for r in made.train if isinstance(r, ChatRow)} == {
        ("good?", "A."),
        ("edited?", "Better."),
    }
    first = made.train[0]
    assert isinstance(first, ChatRow)
    assert first.messages == chat("Be brief.", "good?", "A.")
    assert (first.id, first.group, first.origin) == ("r0", "u", "feedback:r0")
    assert counts(made) == {"unused": 4}


def test_dpo_learns_from_pairs_and_from_edits() -> None:
    made = convert(EVERY, "dpo", 0, 7)
    rows = [row for row in made.train if isinstance(row, PreferenceRow)]
    assert len(rows) == len(made.train) == 3
    assert {(r.prompt[-1].content, r.chosen, r.rejected) for r in rows} == {
        ("edited?", "Better.", "A."),
        ("first?", "A.", "Other."),
        ("second?", "Other.", "A."),
    }
    assert rows[0].prompt == chat("Be brief.", "edited?")
    assert counts(made) == {"unused": 2, "ties": 1}


def test_kto_learns_from_votes() -> None:
    made = convert(EVERY, "kto", 0, 7)
    rows = [row for row in made.train if isinstance(row, KtoRow)]
    assert [(r.prompt[-1].content, r.completion, r.label) for r in rows] == [
        ("good?", "A.", True),
        ("bad?", "A.", False),
    ]
    assert counts(made) == {"unused": 4}


def test_rows_without_consent_are_in_neither_part() -> None:
    rows = [rated(UP, n, prompt=f"Q{n}?", consent=n % 2 == 0) for n in range(40)]
    made = convert(rows, "kto", 0.5, 7)
    assert counts(made) == {"no_consent": 20}
    assert all(int(row.id[1:]) % 2 == 0 for row in made.train + made.held_out)
    assert made.train and made.held_out


def test_contradicting_votes_cancel_and_the_majority_stays() -> None:
    one_each = numbered(lambda n: rated(UP, n, user="a"), lambda n: rated(DOWN, n, user="b"))
    made = convert(one_each, "kto", 0, 7)
    assert made.train == () and counts(made) == {"cancelled": 2}
    more = [*one_each, rated(DOWN, 2, user="c"), rated(DOWN, 3, user="d")]
    made = convert(more, "kto", 0, 7)
    (row,) = made.train
    assert isinstance(row, KtoRow) and row.label is False
    assert counts(made) == {"cancelled": 2, "duplicates": 1}
    assert counts(convert(more, "sft", 0, 7)) == {"cancelled": 2, "duplicates": 1, "unused": 1}


def test_a_mind_that_changed_cancels_and_repeated_clicks_weigh_nothing() -> None:
    changed = [rated(UP, 0), rated(UP, 1), rated(UP, 2), rated(DOWN, 3)]
    made = convert(changed, "kto", 0, 7)
    assert made.train == () and counts(made) == {"duplicates": 2, "cancelled": 2}


def test_votes_on_other_answers_or_chats_do_not_cancel() -> None:
    rows = [
        rated(UP, 0),
        rated(DOWN, 1, answer="Another."),
        rated(DOWN, 2, before=("Hello", "Hi.")),
    ]
    assert len(convert(rows, "kto", 0, 7).train) == 3


def test_contradicting_choices_cancel_whichever_answer_came_first() -> None:
    rows = [
        rated(versus("B.", "answer"), 0, user="a", answer="A."),
        rated(versus("A.", "answer"), 1, user="b", answer="B."),
    ]
    made = convert(rows, "dpo", 0, 7)
    assert made.train == () and counts(made) == {"cancelled": 2}
    same = [rows[0], rated(versus("A.", "rival"), 1, user="b", answer="B.")]
    made = convert(same, "dpo", 0, 7)
    assert len(made.train) == 1 and counts(made) == {"duplicates": 1}


def test_what_changes_nothing_is_counted() -> None:
    rows = [rated(Edit(text="A."), 0), rated(versus("A.", "rival"), 1)]
    assert counts(convert(rows, "dpo", 0, 7)) == {"unchanged": 2}
    assert counts(convert(rows, "sft", 0, 7)) == {"unchanged": 1, "unused": 1}


def test_a_row_read_twice_is_a_duplicate_but_another_row_of_its_id_is_refused() -> None:
    row = rated(UP)
    made = convert([row, row, row.model_copy()], "kto", 0, 7)
    assert len(made.train) == 1 and counts(made) == {"duplicates": 2}
    with pytest.raises(InputError) as caught:
        convert([row, row.model_copy(update={"consent": False})], "kto", 0, 7)
    assert str(caught.value).startswith("r0: ")


def many(seed: int, size: int = 400) -> list[FeedbackRow]:
    """Ratings of a few users on a few prompts in chats of one or two turns, some marked."""
    rng = random.Random(seed)

    def one(number: int) -> FeedbackRow:
        prompt, earlier = (f"question {rng.randrange(30)}?" for _ in range(2))
        ratings = [UP, DOWN, Edit(text="Better."), versus("B.", rng.choice(["answer", "rival"]))]
        return rated(
            rng.choice([*ratings, versus("B.", "tie")]),
            number,
            user=f"u{rng.randrange(4)}",
            prompt=rng.choice([prompt, prompt.upper()]),
            answer=rng.choice(["A.", "C."]),
            before=(earlier, "Well.") if rng.random() < 0.3 else None,
            consent=rng.random() < 0.9,
            held_out=rng.random() < 0.02,
        )

    return [one(number) for number in range(size)]


def asked(rows: tuple[TrainingRow, ...], last_only: bool) -> set[tuple[str | None, str]]:
    """User and prompt of every user turn, or of the last one alone."""
    found = set()
    for row in rows:
        turns: list[Message] = row.messages if isinstance(row, ChatRow) else row.prompt
        questions = [same_prompt(turn.content) for turn in turns if turn.role == "user"]
        found |= {(row.group, text) for text in questions[-1 if last_only else 0 :]}
    return found


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("seed", range(4))
def test_no_prompt_of_a_user_stands_on_both_sides(form: Form, seed: int) -> None:
    made = convert(many(seed), form, 0.2, seed)
    assert made.train and made.held_out and made.report.held_out_context
    tested = asked(made.held_out, last_only=True)
    assert not tested & asked(made.train, last_only=False), "not in an earlier turn either"


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("seed", range(4))
def test_more_feedback_never_moves_a_held_out_row_to_training(form: Form, seed: int) -> None:
    rows = many(seed)
    early = convert(rows[:100], form, 0.2, 7)
    once = asked(early.held_out, last_only=True)
    assert once
    for end in (150, 250, 400):
        later = convert(rows[:end], form, 0.2, 7)
        assert not once & asked(later.train, last_only=False)
        once |= asked(later.held_out, last_only=True)
    unmarked = [row.model_copy(update={"held_out": False}) for row in rows]
    trained = asked(convert(unmarked[:100], form, 0.2, 7).train, last_only=True)
    tested = asked(convert(unmarked, form, 0.2, 7).held_out, last_only=True)
    assert trained and not trained & tested, "nor the other way round"


def test_a_row_marked_when_it_was_written_is_held_out_with_any_share_and_seed() -> None:
    rows = [rated(UP, 0, held_out=True), rated(DOWN, 1, answer="B.", prompt="q?")]
    rows += [rated(UP, 2, prompt="R?", before=("Q?", "A.")), rated(UP, 3, user="other")]
    for seed in range(5):
        made = convert(rows, "kto", 0, seed)
        assert {row.id for row in made.held_out} == {"r0", "r1"}, "all on that prompt"
        assert {row.id for row in made.train} == {"r3"}
        assert counts(made) == {"held_out_context": 1}
        assert made.report.shared_prompts == 1
    withdrawn = [rows[0].model_copy(update={"consent": False}), *rows[1:]]
    assert {row.id for row in convert(withdrawn, "kto", 0, 7).held_out} == {"r1"}


def test_held_out_votes_do_not_decide_what_is_learnt() -> None:
    rows = [rated(UP, 0, user="a"), rated(DOWN, 1, user="b", held_out=True)]
    made = convert(rows, "kto", 0, 7)
    assert len(made.train) == len(made.held_out) == 1 and counts(made) == {}


@pytest.mark.parametrize("form", FORMS)
def test_the_order_of_the_file_changes_nothing(form: Form) -> None:
    rows = many(5)
    shuffled = random.Random(1).sample(rows, len(rows))
    assert convert(rows, form, 0.3, 7) == convert(shuffled, form, 0.3, 7)


@pytest.mark.parametrize("form", FORMS)
def test_every_row_is_accounted_for(form: Form) -> None:
    rows = [*many(6), *many(6, 30)]
    report = convert(rows, form, 0.2, 7).report
    tree = asdict(report)
    assert report.read == 430
    assert report.train + report.held_out + sum(tree[name] for name in get_args(Left)) == 430
    assert report.duplicates >= 30


def test_the_files_are_rows_of_the_form_and_the_counts(tmp_path: Path) -> None:
    made = convert(many(7), "kto", 0.2, 7)
    write(made, tmp_path / "out")
    assert tuple(read_rows(tmp_path / "out" / TRAIN, KtoRow)) == made.train
    assert tuple(read_rows(tmp_path / "out" / HELD_OUT, KtoRow)) == made.held_out
    assert json.loads((tmp_path / "out" / REPORT).read_text()) == asdict(made.report)
    lines = (tmp_path / "out" / TRAIN).read_text().splitlines()
    assert {"prompt", "completion", "label"} <= json.loads(lines[0]).keys()


@pytest.mark.parametrize("language", ["en", "ru"])
def test_nothing_to_learn_from_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, language: str
) -> None:
    monkeypatch.setenv("KAMERTON_LANG", language)
    made = convert([rated(UP, consent=False), rated(versus("B.", "tie"), 1)], "dpo", 0, 7)
    with pytest.raises(InputError) as caught:
        write(made, tmp_path / "out")
    assert caught.value.key == "develop.feedback_nothing" and "dpo" in str(caught.value)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("share", [-0.1, 1.0, float("nan")])
def test_a_share_that_is_none(share: float) -> None:
    with pytest.raises(InputError) as caught:
        convert([], "sft", share, 7)
    assert caught.value.key == "develop.feedback_share"
