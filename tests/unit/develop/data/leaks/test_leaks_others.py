"""Leaks into what stands beside the training rows: few-shot examples, system turns, an index."""

import pytest
from leak_rows import LONG, SETS, TEMPLATE, TOLD, found, row, rows, words

from kamerton.develop.data.leaks.check import Report, check
from kamerton.develop.data.leaks.texts import Tests
from kamerton.formats.chat import ChatRow, chat

SHORT = "Of what is it?"


def beside(kind: str, texts: list[str], held_out: ChatRow, tests: Tests) -> Report:
    return check(rows("t"), [*rows("h"), held_out], tests, others={kind: texts})


@pytest.mark.parametrize("tests", SETS)
def test_a_few_shot_example_with_the_question_blocks_and_names_its_kind(tests: Tests) -> None:
    texts = [words(30, "f1"), f"Q: {LONG.lower()}\nA: Enkomi", f"Question: {SHORT}\nAnswer: no"]
    leak = beside("few_shot", texts, row("asked", prompt=LONG), tests)
    assert found(leak.blocking) == [("asked", "prompt", "few_shot:exact", "few_shot:2")]
    assert leak.checked["few_shot"] == 3
    short = beside("few_shot", texts, row("asked", prompt=SHORT), tests)
    assert found(short.blocking) == [("asked", "prompt", "few_shot:exact", "few_shot:3")]
    part = beside("seeds", [" ".join(LONG.split()[:10])], row("asked", prompt=LONG), tests)
    assert found(part.blocking) == [("asked", "prompt", "seeds:8-gram", "seeds:1")]


def test_an_answer_in_an_example_is_a_leak_of_group_sets_only() -> None:
    texts = [f"Q: {words(5, 'q')}?\nA: {TOLD}"]
    leak = beside("few_shot", texts, row("asked", answer=TOLD), "group")
    assert found(leak.blocking) == [("asked", "answer", "few_shot:exact", "few_shot:1")]
    nothing = beside("few_shot", texts, row("asked", answer=TOLD), "phrasing")
    assert nothing.blocking == nothing.printed == []


@pytest.mark.parametrize("tests", SETS)
def test_a_template_in_an_example_is_no_leak(tests: Tests) -> None:
    held_out = [row(f"h{n}", prompt=TEMPLATE.format(words(6, n))) for n in range(20)]
    examples = [TEMPLATE.format(words(6, "x")), TEMPLATE.format(words(6, "y"))]
    result = check(rows("t"), held_out, tests, others={"few_shot": examples})
    assert result.blocking == []
    examples.append(TEMPLATE.format(f"{LONG}"))
    held_out.append(row("asked", prompt=TEMPLATE.format(f"{LONG} Now.")))
    result = check(rows("t"), held_out, tests, others={"few_shot": examples})
    assert found(result.blocking) == [("asked", "prompt", "few_shot:8-gram", "few_shot:3")]


def test_meaning_counts_in_examples() -> None:
    held_out = row("asked", "What is the age of the bridge over the river?", "Nobody knows that.")
    train = row("t", "Who painted the ceiling?", "Two brothers out of Siena.")
    texts = {"seeds": ["How old is the bridge over the river?"]}
    for tests in SETS:
        result = check([train], [held_out], tests, semantic=0.85, others=texts)
        leaks = result.blocking if tests == "group" else result.printed
        assert found(leaks) == [("asked", "prompt", "seeds:semantic", "seeds:1")]


def test_the_meaning_of_system_turns_is_not_compared() -> None:
    messages = chat("How old is the bridge over the river?", "Who came?", "Two brothers of Siena.")
    held_out = row("asked", "What is the age of the bridge over the river?", "Nobody knows that.")
    result = check([ChatRow(id="t", messages=messages)], [held_out], "group", semantic=0.85)
    assert result.blocking == result.printed == []


@pytest.mark.parametrize("tests", SETS)
def test_a_question_in_a_system_turn_of_all_rows_is_found(tests: Tests) -> None:
    system = f"You are a guide. Somebody asks: {LONG} You say: {words(9, 'said')}"
    train = [
        ChatRow(id=f"t{n}", messages=chat(system, words(9, n), words(9, -n))) for n in range(30)
    ]
    result = check(train, [row("asked", prompt=LONG), row("other")], tests)
    assert found(result.blocking) == [("asked", "prompt", "system:exact", "t0")]
    assert result.checked["system"] == 1


def test_a_refusal_that_the_system_turn_prescribes_is_only_told() -> None:
    refusal = "I do not know this exhibit."
    system = f"Answer shortly. Where you are not sure, say: {refusal}"
    train = [ChatRow(id="t", messages=chat(system, words(9, 1), words(9, 2)))]
    held_out = [row(f"h{n}", answer=refusal) for n in range(5)]
    result = check(train, held_out, "group")
    assert result.blocking == [] and len(result.printed) == 5


SOURCE = f"The museum is by the sea. {TOLD} It was a quiet night."


@pytest.mark.parametrize("tests", SETS)
def test_a_source_with_the_answer_is_no_leak(tests: Tests) -> None:
    held_out = row("asked", prompt=LONG, answer=TOLD)
    asking = f"Why go there? Because of the sea. {SOURCE}"
    result = beside("index", [SOURCE, words(50, "x"), "Why?", asking], held_out, tests)
    assert result.blocking == result.printed == []


@pytest.mark.parametrize("tests", SETS)
@pytest.mark.parametrize(
    "passage",
    [
        "Who brought the god? {}",
        "Who brought the god? A: {}",
        "Кто привёз бога?\nОтвет: {}",
        "Name the harbour.\nAnswer: {} And more.",
        "О: {}",
        '{{"question": "Name it.", "answer": "{}"}}',
    ],
)
def test_an_index_of_answers_to_questions_is_a_leak(tests: Tests, passage: str) -> None:
    texts = [SOURCE, passage.format(TOLD.upper())]
    result = beside("index", texts, row("asked", prompt=LONG, answer=TOLD), tests)
    assert found(result.blocking) == [("asked", "answer", "index:exact", "index:2")]
    short = beside("index", [passage.format("Enkomi.")], row("asked", answer="Enkomi."), tests)
    assert short.blocking == []


@pytest.mark.parametrize("tests", SETS)
@pytest.mark.parametrize("question", [LONG, SHORT, "Из чего всё ЭТО сделано?"])
def test_an_index_with_the_wording_of_a_question_is_a_leak(tests: Tests, question: str) -> None:
    texts = [f"{words(20, 'a')} {question.lower().replace('ё', 'е')} {words(20, 'b')}"]
    result = beside("index", texts, row("asked", prompt=question), tests)
    assert found(result.blocking) == [("asked", "prompt", "index:exact", "index:1")]
    behind = row("asked", prompt=f"Context: {words(20, 'c')}\n\nQuestion: {question}")
    assert len(beside("index", texts, behind, tests).blocking) == 1


@pytest.mark.parametrize("question", ["Who is it?", f"{LONG} Today?", "What is it of?"])
def test_other_wordings_and_three_words_are_no_leak_into_an_index(question: str) -> None:
    texts = [f"Who is it, {LONG} What is it made of?"]
    assert beside("index", texts, row("asked", prompt=question), "group").blocking == []


def test_a_long_question_stands_there_whole_or_not_at_all() -> None:
    """Its runs may stand in different passages, or in one in another order."""
    parts = words(30, "parts").split()
    apart = [" ".join(parts[:16]), " ".join(parts[9:])]
    turned = [" ".join([*parts[16:], *parts[9:23], *parts[:16]])]
    held_out = row("asked", prompt=" ".join(parts))
    for texts in (apart, turned):
        assert beside("index", texts, held_out, "group").blocking == []
    assert len(beside("index", [" ".join(parts)], held_out, "group").blocking) == 1
