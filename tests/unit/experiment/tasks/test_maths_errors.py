"""Every wrong answer gets one class, with the evidence."""

import pytest

from kamerton.experiment.tasks.gsm8k import shots
from kamerton.experiment.tasks.maths.extraction import declared
from kamerton.experiment.tasks.maths.problems import ErrorClass, classify, problem

GOLD = "She sells 16 - 3 - 4 = <<16-3-4=9>>9 eggs.\nThat is 9 * 2 = <<9*2=18>>18.\n#### 18"
ASKED = problem("0", "A hen house gives 16 eggs. How much is earned?", GOLD, "here")


@pytest.mark.parametrize(
    ("text", "kind", "detail"),
    [
        ("She has some eggs.\n" * 9, "looped_or_cut", "looped"),
        ("She has 16 eggs and then", "looped_or_cut", "cut"),
        ("The answer is 18 or 19.", "unparsed", "not_one_number"),
        ("It cannot be determined.", "unparsed", "refused"),
        ("16 - 7 = 8. 8 * 2 = 16. The answer is 16.", "arithmetic", "16 - 7 = 8"),
        ("16 - 3 - 4 = 9. The answer is 9.", "intermediate", "9"),
        ("16 * 2 = 32. The answer is 32.", "plan", ""),
    ],
)
def test_classes(text: str, kind: ErrorClass, detail: str) -> None:
    fault = classify(text, declared(text, ASKED.question), ASKED)
    assert (fault.kind, fault.detail) == (kind, detail)


def test_a_copied_example_is_found_and_says_what() -> None:
    shot = shots("en")[2]
    text = f"{shot.answer}"
    fault = classify(text, declared(text, ASKED.question), ASKED, [shot.text])
    assert fault.kind == "copied" and "240 seats" in fault.detail
    assert classify(text, declared(text, ASKED.question), ASKED).kind == "plan"


def test_the_words_of_the_question_are_no_copy() -> None:
    shot = shots("en")[2]
    asked = problem("1", shot.text, "#### 1", "here")
    fault = classify(shot.answer, declared(shot.answer, asked.question), asked, [shot.text])
    assert fault.kind == "plan"
