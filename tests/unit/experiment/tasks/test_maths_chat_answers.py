"""The numbers that chat models say, in their own kinds of endings; see maths_chat_cases."""

from fractions import Fraction

import pytest
from maths_chat_cases import CHAT

from kamerton.experiment.tasks.maths.ending import looped, until_next
from kamerton.experiment.tasks.maths.equations import equations
from kamerton.experiment.tasks.maths.extraction import body_of, declared
from kamerton.experiment.tasks.maths.grading import answer_of, is_right, problem
from kamerton.experiment.tasks.maths.number_words import in_words


@pytest.mark.parametrize(("text", "question", "value"), CHAT, ids=range(len(CHAT)))
def test_the_number_that_a_careful_person_reads(
    text: str, question: str, value: Fraction | int | None
) -> None:
    found = declared(text, question)
    assert found.value == value, found
    assert (found.value is None) == bool(found.why)


def test_the_question_said_again_does_not_end_the_answer() -> None:
    asked = "Ann has 9 pens and buys 4. How many pens does she have?"
    again = "Given: 9 pens.\nQuestion: How many pens does she have?\nAnswer: 9 + 4 = 13 pens."
    other = "The sum is 13.\nQuestion: Bob has 5 cows. How many legs are there?\nAnswer: 20 legs."
    assert until_next(again, asked) == again
    assert until_next(other, asked) == "The sum is 13."
    assert declared(again, asked).value == declared(other, asked).value == 13


def test_a_number_of_the_question_is_passed_over_only_where_another_is_left() -> None:
    asked = "A jar holds 40 sweets. How many are left of the 40 after 25 are eaten?"
    assert declared("So 15 of the 40 sweets are left.", asked).value == 15
    assert declared("So she still has all of 40.", asked).value == 40


def test_equal_addends_are_no_loop_and_a_table_is_none_above_its_total() -> None:
    assert not looped("It costs $20 + $10 + $10 + $10 + $10 = $60.")
    assert looped("That is 10" + " + 10" * 30)
    assert not looped("".join(f"Week {n}: {n + 3} hours\n" for n in range(9)) + "Total: 63 hours")


def test_numbers_in_words_may_have_a_point() -> None:
    assert in_words("two point six two") == [(Fraction(131, 50), False)]
    assert in_words("forty point eighty-seven") == [(Fraction(4087, 100), False)]


def test_a_true_answer_of_many_decimals_is_a_rounded_one() -> None:
    third = problem("1", "How much?", "0.3333333333333333", "here")
    assert is_right(answer_of("The answer is 1/3.", third), third)
    assert not is_right(answer_of("The answer is 0.3333.", third), third)
    half = problem("2", "How much?", "0.5", "here")
    assert not is_right(answer_of("The answer is 0.50000000000001.", half), half)


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ("She uses 25 - 5 = 15 cups of flour.", [False]),
        ("She uses 25 cups of flour - 5 cups of flour = 20 cups of flour.", [True]),
        ("The fee is 5/100 * $350 000 = $17 500.", [True]),
        ("The sum is $350 000 + $17 500 = $377 500.", [False]),
    ],
)
def test_things_with_of_and_money_with_spaces_are_judged(text: str, holds: list[bool]) -> None:
    assert [one.holds for one in equations(body_of(text))] == holds
