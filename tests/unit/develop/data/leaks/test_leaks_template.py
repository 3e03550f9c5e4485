"""What belongs to the rows' form and not to a question: templates, and answers kept in stock."""

import pytest
from leak_rows import LONG, SETS, TEMPLATE, found, row, rows, words

from kamerton.develop.data.leaks.check import check
from kamerton.develop.data.leaks.texts import Tests
from kamerton.formats.chat import ChatRow


def test_a_stock_answer_is_only_told_but_copies_of_one_row_make_no_stock() -> None:
    stock = "I am sorry, the catalogue says nothing about this."
    train = [row(f"s{n}", answer=stock) for n in range(5)]
    held_out = [row("asked", answer=stock)]
    result = check([*rows("t"), *train], held_out, "group")
    assert result.blocking == [] and found(result.printed) == [("asked", "answer", "exact", "s0")]
    assert len(check([*rows("t"), *train[:4]], held_out, "group").blocking) == 1
    copies = [row(f"s{n}", prompt="Where is the god?", answer=stock) for n in range(30)]
    assert len(check([*rows("t"), *copies], held_out, "group").blocking) == 1


@pytest.mark.parametrize("tests", SETS)
def test_the_words_of_a_template_are_not_the_questions(tests: Tests) -> None:
    questions = [f"What is the name of {words(2, n)}?" for n in range(60)]
    train = [row(f"t{n}", prompt=TEMPLATE.format(q)) for n, q in enumerate(questions[:40])]
    held_out = [row(f"h{n}", prompt=TEMPLATE.format(q)) for n, q in enumerate(questions[40:])]
    result = check(train, held_out, tests)
    assert result.blocking == [] and result.checked["template_runs"] > 20
    leak = row("asked", prompt=f"{LONG} Say it soon.")
    train.append(row("seen", prompt=TEMPLATE.format(LONG)))
    expected = [("asked", "prompt", "8-gram", "seen")]
    assert found(check(train, [*held_out, leak], tests).blocking) == expected


def test_three_rows_make_a_template_where_each_says_more() -> None:
    def leaks(own: int) -> int:
        train = [row(f"s{n}", prompt=f"{LONG} {words(own, n)}") for n in range(3)]
        held_out = [row("h", prompt=f"{LONG} {words(own, 'h')}")]
        return len(check([*rows("t"), *train], held_out, "group").blocking)

    assert (leaks(3), leaks(4)) == (1, 0)


@pytest.mark.parametrize("others", [10, 1000])
def test_five_different_rows_make_a_template_however_many_others_there_are(others: int) -> None:
    def leaks(times: int, **named: str) -> int:
        train = [row(f"s{n}", prompt=f"{LONG} {words(3, n)}", **named) for n in range(times)]
        held_out = [row("h", prompt=f"{LONG} {words(3, 'h')}")]
        return len(check([*rows("t", others), *train], held_out, "group").blocking)

    assert (leaks(4), leaks(5), leaks(5, group="one exhibit")) == (1, 0, 1)


@pytest.mark.parametrize("tests", SETS)
def test_many_tasks_each_with_its_long_instruction_are_no_leak(tests: Tests) -> None:
    def task(number: int, count: int, name: str) -> list[ChatRow]:
        instruction = f"{words(40, f'instruction{number}')}: {{}} {words(9, f'end{number}')}"
        return [
            row(f"{name}{number}.{n}", prompt=instruction.format(words(6, f"{name}{number}.{n}")))
            for n in range(count)
        ]

    train = [of for number in range(60) for of in task(number, 3 + number % 4, "t")]
    held_out = [of for number in range(60) for of in task(number, 2, "h")]
    assert check(train, held_out, tests).blocking == []
    other = task(9, 1, "h")[0].prompt.replace(words(6, "h9.0"), words(6, "t1.2"))
    copy = row("copy", prompt=other)
    assert found(check(train, [*held_out, copy], tests).blocking) == [
        ("copy", "prompt", "8-gram", "t1.2")
    ]


@pytest.mark.parametrize("tests", SETS)
def test_a_question_that_stands_in_many_rows_is_no_template(tests: Tests) -> None:
    """It has no words beside the shared ones; one prompt with many answers is one prompt."""
    wrapped = [row(f"s{n}", prompt=f"{words(3, n)} {LONG} {words(3, -n)}") for n in range(20)]
    assert len(check([*rows("t"), *wrapped], [row("h", prompt=LONG)], tests).blocking) == 1
    answered = [row(f"s{n}", prompt=f"Guide, {LONG}") for n in range(20)]
    held_out = [row("h", prompt=f"{LONG} Say it soon.")]
    assert len(check([*rows("t"), *answered], held_out, tests).blocking) == 1


def test_copies_of_a_leak_are_no_template() -> None:
    copies = [row(f"s{n}", prompt=f"Guide, {LONG}", answer="Enkomi.") for n in range(40)]
    result = check(copies, [row("asked", prompt=LONG)], "phrasing")
    assert found(result.blocking) == [("asked", "prompt", "8-gram", "s0")]
