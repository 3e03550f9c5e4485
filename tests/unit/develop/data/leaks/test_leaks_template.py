"""What belongs to the rows' form and not to a question: templates, and answers kept in stock."""

import pytest
from leak_rows import LONG, SETS, TEMPLATE, found, row, rows, words

from kamerton.develop.data.leaks.check import check
from kamerton.develop.data.leaks.texts import Tests


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


def test_four_rows_or_one_in_twenty_make_no_template() -> None:
    def leaks(times: int, others: int) -> int:
        train = [row(f"s{n}", prompt=f"{LONG} {words(3, n)}") for n in range(times)]
        return len(check([*rows("t", others), *train], [row("h", prompt=LONG)], "group").blocking)

    assert (leaks(4, 10), leaks(5, 10)) == (1, 0)
    assert (leaks(5, 95), leaks(5, 94)) == (1, 0)


def test_copies_of_a_leak_are_no_template() -> None:
    copies = [row(f"s{n}", prompt=f"Guide, {LONG}", answer="Enkomi.") for n in range(40)]
    result = check(copies, [row("asked", prompt=LONG)], "phrasing")
    assert found(result.blocking) == [("asked", "prompt", "8-gram", "s0")]
