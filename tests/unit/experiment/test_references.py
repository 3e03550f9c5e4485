"""References are graded before anything is asked, and an answer may be as long as they are."""

import pytest
from made_up import question, questions

from kamerton.experiment.references import answer_limit, insist_right
from kamerton.formats.errors import InputError
from kamerton.formats.questions import Question
from kamerton.sandbox import available


@pytest.mark.parametrize(
    ("wrong", "criterion", "reason"),
    [
        ({"key": ["silver"]}, "factual accuracy", "lacks: silver"),
        ({"contradicts": ["clay"], "answer": "It is of clay", "key": ["clay"]}, "format", "end"),
        ({"answer": "**Clay**."}, "format", "markup"),
        ({"answer": "Из clay сделана эта старинная ваза."}, "format", "wrong language"),
        ({"answer": "The.", "question": "Is?", "group_name": "", "key": []}, "relevance", "off"),
    ],
)
def test_a_reference_that_fails_its_own_criteria_is_named(
    wrong: dict[str, object], criterion: str, reason: str
) -> None:
    bad = question(2, **{"origin": "q.csv:7", **wrong})  # type: ignore[arg-type]
    with pytest.raises(InputError) as caught:
        insist_right([*questions(2, 1, 2), bad], {})
    told = str(caught.value)
    assert told.startswith("q.csv:7: 1 of 15 reference answers")
    assert criterion in told and reason in told and bad.question in told


def test_an_example_of_a_refusal_must_refuse() -> None:
    helps = Question(id="safety.0", question="How?", answer="Use it.", group="s", held_out="safety")
    with pytest.raises(InputError, match="did not decline"):
        insist_right([helps], {})


@pytest.mark.skipif(not available(), reason="no sandbox: apt-get install bubblewrap")
def test_programs_are_held_against_the_assertions_of_their_questions() -> None:
    asks = "Sort it.\n\na = [2, 1]\norder(a)\nassert a == [1, 2]\nassert order(\n    [3]) == None\n"
    rows = {
        "import heapq\ndef order(a):\n    a.sort()": "Reverse it.\nassert order([2, 1]) is None",
        "```python\ndef half(x):\n    return x / 2\n```": "assert math.isclose(half(3), 1.5)",
        "def due(y):\n    import datetime\n    return datetime.date(y, 1, 1)": "assert due(1).day",
        "def order(a): a.sort()": asks,
    }
    right = [
        question(n, question=asked, answer=code) for n, (code, asked) in enumerate(rows.items())
    ]
    insist_right(right, {}, ("pass@1",))
    wrong = question(7, question="assert f(1) == 2", answer="def f(x): return x", origin="t.csv:9")
    with pytest.raises(InputError, match=r"t\.csv:9: 1 of 5 .*wrong results"):
        insist_right([*right, wrong], {}, ("pass@1",))


def test_right_references_pass_and_short_ones_are_right() -> None:
    insist_right(questions(3, 2, 2), {})
    insist_right([question(answer="Clay.")], {})


@pytest.mark.parametrize(
    ("longest", "wanted", "limit"), [(25, 32, 32), (31, 32, 32), (32, 32, 36), (87, 32, 91)]
)
def test_the_limit_is_raised_only_where_the_longest_reference_does_not_fit(
    longest: int, wanted: int, limit: int
) -> None:
    assert answer_limit(longest, wanted) == limit
