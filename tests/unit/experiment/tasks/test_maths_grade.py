"""Rows of answers to figures: accuracy, vote, unparsed, classes of error."""

import json
import os
from pathlib import Path
from typing import get_args

import pytest

from kamerton.experiment.tasks.maths.extraction import Why
from kamerton.experiment.tasks.maths.grading import AnswerRow, detail, grade, lines
from kamerton.experiment.tasks.maths.problems import Problems, problem, read_problems
from kamerton.formats.errors import InputError
from kamerton.formats.jsonl import read_rows

ROOT = Path(__file__).resolve().parents[4]
DATA = Path(os.environ.get("KAMERTON_TEST_DATA") or ROOT.parent / "shared" / "data")
PROBLEMS = Problems(
    problem(str(n), f"Question {n}?", f"2 * {n} = <<2*{n}={2 * n}>>{2 * n}\n#### {n}", "x")
    for n in range(1, 6)
)


def rows(*answers: tuple[str, list[str]]) -> list[AnswerRow]:
    return [AnswerRow(id=id, answers=texts) for id, texts in answers]


def test_one_answer_each_has_wilsons_interval_and_every_fault() -> None:
    found, graded = grade(
        "gsm8k",
        rows(
            ("1", ["The answer is 1.00."]),
            ("2", ["The answer is 4."]),
            ("3", ["2 + 2 = 5. The answer is 5."]),
            ("4", ["She has 4 and then"]),
            ("5", ["The answer is 77."]),
        ),
        PROBLEMS,
    )
    assert (found.right, found.answers, found.unparsed, found.interval) == (1, 5, 1, "wilson")
    assert found.accuracy.low == pytest.approx(0.0362, abs=1e-3) and found.vote is None
    kinds = [one.fault.kind if one.fault else "" for one in graded]
    assert kinds == ["", "intermediate", "arithmetic", "looped_or_cut", "plan"]
    assert found.operators == {"+": 1} and not found.too_many_unparsed
    assert found.examples["arithmetic"][0].detail == "2 + 2 = 5"
    assert any("2 + 2 = 5" in line for line in lines(found))


@pytest.mark.parametrize("language", ["en", "ru"])
def test_why_nothing_was_read_is_said_in_words(
    monkeypatch: pytest.MonkeyPatch, language: str
) -> None:
    monkeypatch.setenv("KAMERTON_LANG", language)
    told = {why: detail("unparsed", why) for why in get_args(Why) if why}
    found, _ = grade("gsm8k", rows(("1", ["She has 4 and then"])), PROBLEMS)
    assert any(line.endswith(told["cut"]) for line in lines(found))
    assert not [one for why, one in told.items() if one == why or "_" in one]
    assert detail("intermediate", "4") == "4" and detail("unparsed", "") == ""


def test_samples_vote_with_ties_and_abstentions() -> None:
    found, _ = grade(
        "gsm8k",
        rows(
            ("1", ["The answer is 1.", "#### 1.00", "The answer is 9."]),
            ("2", ["The answer is 2.", "The answer is 3.", "I have 2 and"]),
            ("3", ["I have 3 and", "", "She goes to the"]),
        ),
        PROBLEMS,
        most_unparsed=0.4,
    )
    vote = found.vote
    assert vote is not None and (vote.ties, vote.no_vote) == (1, 1)
    assert vote.accuracy.mean == pytest.approx((1 + 0.5 + 0) / 3)
    assert vote.curve[0] == pytest.approx(found.accuracy.mean) == pytest.approx((2 + 1 + 0) / 9)
    assert vote.curve[-1] == pytest.approx(vote.accuracy.mean)
    assert found.unparsed == 4 and found.too_many_unparsed
    assert len(lines(found)) >= 10
    # Of the three samples of each question 2, 1 and 0 are right.
    assert {k: rate.mean for k, rate in found.pass_at.items()} == {3: pytest.approx(2 / 3)}
    assert any(line.startswith("pass@3: 66.67 %") for line in lines(found))
    assert vote.by_extractor["declared"] == vote.accuracy.mean
    assert vote.by_extractor["last_number"] == 1


def test_the_k_of_pass_at_k_is_chosen_and_may_not_be_above_the_samples() -> None:
    given = rows(("1", ["1", "9", "8"]), ("2", ["7", "2", "2"]))
    found, _ = grade("gsm8k", given, PROBLEMS, ks=(1, 2))
    assert {k: rate.mean for k, rate in found.pass_at.items()} == {
        1: pytest.approx(1 / 2),
        2: pytest.approx((2 / 3 + 1) / 2),
    }
    assert grade("gsm8k", given, PROBLEMS, ks=None)[0].pass_at == {}
    with pytest.raises(InputError, match="--k"):
        grade("gsm8k", given, PROBLEMS, ks=(4,))


def test_rows_may_name_the_question_or_bring_their_gold() -> None:
    found, _ = grade(
        "maths",
        [
            AnswerRow(question="question  2?", answers=["2"]),
            AnswerRow(question="Own?", answers=["The answer is 3,5."], gold=3.5),
        ],
        PROBLEMS,
    )
    assert found.right == 2


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ([AnswerRow(id="99", answers=["1"])], "a.jsonl:1: no problem of this task is called “99”"),
        ([AnswerRow(id="1", answers=["1"])] * 2, "a.jsonl:2: problem 1 has answers in two rows"),
        ([], "a.jsonl: there are no answers to grade"),
    ],
)
def test_bad_rows_are_named(given: list[AnswerRow], told: str) -> None:
    with pytest.raises(InputError) as error:
        grade("gsm8k", given, PROBLEMS, where="a.jsonl")
    assert told in str(error.value)


@pytest.mark.parametrize(
    "row",
    [
        {"answers": ["1"]},
        {"id": 1, "answers": []},
        {"id": 1, "answers": ["1"], "finish_reasons": ["a", "b"]},
    ],
)
def test_a_row_must_name_its_problem_and_have_answers(
    tmp_path: Path, row: dict[str, object]
) -> None:
    (tmp_path / "a.jsonl").write_text(json.dumps(row) + "\n", "utf-8")
    with pytest.raises(InputError, match=r"a\.jsonl:1"):
        read_rows(tmp_path / "a.jsonl", AnswerRow)


def test_the_gold_file_against_itself() -> None:
    place = DATA / "gsm8k" / "test.jsonl"
    if not place.is_file():
        pytest.skip(f"no test data at {place}: set KAMERTON_TEST_DATA")
    solutions = [json.loads(line)["answer"] for line in place.read_text("utf-8").splitlines()]
    given = [AnswerRow(id=n, answers=[text]) for n, text in enumerate(solutions)]
    found, _ = grade("gsm8k", given, Problems(read_problems(place)))
    assert (found.right, found.questions, found.unparsed) == (1319, 1319, 0)
    assert found.classes == dict.fromkeys(found.classes, 0) and found.accuracy.high == 1
