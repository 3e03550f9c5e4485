"""Equations in a solution: which are found, and which of them hold."""

import pytest

from kamerton.experiment.tasks.maths.equations import equations


@pytest.mark.parametrize(
    "text",
    [
        "3 + 4 = 7",
        "12 ÷ 4 = 3",
        "12 : 4 = 3",
        "5 x 3 = 15",
        "3x4=12",
        "20% of 50 = 10",
        "80 - 20% = 64",
        "100 / 4 = 25%",
        "16 eggs - 3 eggs - 4 eggs = 9 eggs",
        "9 eggs * $2/egg = $18",
        "$40,000 + $2,500.50 = $42,500.50",
        "10 / 3 = 3.33",
        "2 / 3 = 0.66",
        "(3 + 4) * 2 = 14",
        "Она платит 2,5 * 3 = 7,5 рубля",
        "3 * 20 minutes = 1 hour",
        "- 3 + 4 = 7",
        "1. 3 + 4 = 7",
        "5 - 8 = -3",
        "3 * 4 = 12 + 5 = 17",
        "10 / 3 ≈ 3",
        "250 x 12 = 3 000",
        "80 / 3 = 26.666666666666668",
        "26.666666666666668 * 3 = 80",
        "0.1 + 0.2 = 0.30000000000000004",
        "1.1 * 3 = 3.3000000000000003",
        "100 / 7 = 14.285714285714286",
        "14.285714285714286 * 7 = 100",
        "4.35 * 100 = 434.99999999999994",
        "1 - 0.9 = 0.09999999999999998",
        "(2 / 3) * 100 = 66.66666666666667",
        "0.7 + 0.1 = 0.7999999999999999",
    ],
)
def test_true_equations_hold(text: str) -> None:
    found = equations(text)
    assert found and all(one.holds for one in found), found


@pytest.mark.parametrize(
    ("text", "false", "signs"),
    [
        ("3 + 4 = 8", "3 + 4 = 8", "+"),
        ("She pays $5 x 3 = $16 then", "$5 x 3 = $16", "*"),
        ("10 / 3 = 3", "10 / 3 = 3", "/"),
        ("10 / 3 = 3.43", "10 / 3 = 3.43", "/"),
        ("80 / 3 = 26.766666666666668", "80 / 3 = 26.766666666666668", "/"),
        ("20% of 50 = 12", "20% of 50 = 12", "*"),
        ("2,5 × 3 = 8,5 рубля", "2,5 × 3 = 8,5", "*"),
        ("3 * 4 = 12 + 5 = 18", "12 + 5 = 18", "+"),
        ("16 eggs - 7 eggs = 8 eggs", "16 eggs - 7 eggs = 8", "-"),
    ],
)
def test_false_equations_are_named(text: str, false: str, signs: str) -> None:
    found = [one for one in equations(text) if not one.holds]
    assert [(one.text, one.operators) for one in found] == [(false, signs)]


@pytest.mark.parametrize(
    "text",
    [
        "2x + 3 = 9",
        "half of 50 + 3 = 28",
        "x = 5",
        "720 / R = 3",
        "In week 4 = 48 + 48",
        "3 x Y = 9",
    ],
)
def test_what_cannot_be_read_surely_is_not_judged(text: str) -> None:
    assert equations(text) == []
