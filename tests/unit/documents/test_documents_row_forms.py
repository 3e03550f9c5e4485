"""Row forms of the field: told by their columns, turned into chats; rows that say too little."""

from typing import Any

import pytest

from kamerton.documents import row_forms as forms
from kamerton.documents.row_forms import FORMS, detect, to_chat, to_preference
from kamerton.formats.chat import Message, chat
from kamerton.formats.errors import InputError

U, A, S = "Что это?", "Это камертон.", "Отвечай кратко."
EXAMPLES: dict[str, dict[str, Any]] = {
    "alpaca": {"instruction": U, "input": "", "output": A},
    "dolly": {"instruction": U, "context": "", "response": A, "category": "open_qa"},
    "sharegpt": {"conversations": [{"from": "human", "value": U}, {"from": "gpt", "value": A}]},
    "messages": {"messages": [{"role": "user", "content": U}, {"role": "assistant", "content": A}]},
    "prompt_completion": {"prompt": U, "completion": A},
    "prompt_response": {"prompt": U, "response": A},
    "question_answer": {"question": U, "answer": A, "topic": "музыка"},
    "article_abstract": {"article": U, "abstract": A},
    "input_output": {"id": "7", "input": U, "output": A},
    "preference": {"prompt": U, "chosen": A, "rejected": "Не знаю."},
}


def test_every_known_form_has_an_example() -> None:
    assert set(FORMS) == set(EXAMPLES)


@pytest.mark.parametrize("form", list(EXAMPLES))
def test_a_form_is_told_and_becomes_a_chat(form: str) -> None:
    row = EXAMPLES[form]
    assert detect(row) == form
    made = to_chat(row, form, "r1", "a.jsonl:1", group="g")
    assert made.messages == chat("", U, A)
    assert (made.id, made.origin, made.group) == ("r1", "a.jsonl:1", "g")


@pytest.mark.parametrize("form", list(EXAMPLES))
def test_a_system_text_is_put_before_rows_that_have_none(form: str) -> None:
    made = to_chat(EXAMPLES[form], form, "r1", "", system=S)
    assert made.messages == chat(S, U, A)
    own = to_chat({**EXAMPLES[form], "system": "Свой."}, form, "r1", "", system=S)
    assert own.messages == chat("Свой.", U, A)


def test_alpacas_input_goes_where_it_is_told() -> None:
    row = {"instruction": "Переведи.", "input": "a fork", "output": "вилка"}
    assert to_chat(row, "alpaca", "r", "").messages == chat("", "Переведи.\n\na fork", "вилка")
    made = to_chat(row, "alpaca", "r", "", input_as="system")
    assert made.messages == chat("a fork", "Переведи.", "вилка")
    dolly = {"instruction": "Переведи.", "context": "a fork", "response": "вилка"}
    assert to_chat(dolly, "dolly", "r", "").messages == chat("", "Переведи.\n\na fork", "вилка")
    made = to_chat({**row, "system": S}, "alpaca", "r", "", input_as="system")
    assert made.messages == chat(f"{S}\n\na fork", "Переведи.", "вилка")


def test_a_long_chat_keeps_its_turns_and_loses_an_empty_system_turn() -> None:
    turns = [
        {"from": "system", "value": " "},
        {"from": "human", "value": "раз"},
        {"from": "gpt", "value": "два"},
        {"from": "human", "value": "три"},
        {"from": "gpt", "value": "четыре"},
    ]
    made = to_chat({"conversations": turns}, "sharegpt", "r", "")
    assert [(m.role, m.content) for m in made.messages] == [
        ("user", "раз"),
        ("assistant", "два"),
        ("user", "три"),
        ("assistant", "четыре"),
    ]
    turns[0]["value"] = S
    assert (
        to_chat({"conversations": turns}, "sharegpt", "r", "", system="x").messages[0].content == S
    )


def test_content_in_parts_is_joined() -> None:
    parts = [{"type": "text", "text": "Это "}, {"type": "text", "text": "камертон."}]
    row = {"messages": [{"role": "user", "content": U}, {"role": "assistant", "content": parts}]}
    assert to_chat(row, "messages", "r", "").answer == A


def test_texts_keep_their_spaces() -> None:
    row = {"prompt": "def f():\n", "completion": "    return 1\n"}
    made = to_chat(row, "prompt_completion", "r", "")
    assert (made.prompt, made.answer) == ("def f():\n", "    return 1\n")


def test_two_columns_of_any_name_become_a_chat() -> None:
    row = {"prompt": U, "canonical_solution": A, "test": "..."}
    assert detect(row) is None
    made = forms.pair(row, ("prompt", "canonical_solution"), "r", "o", system=S)
    assert made.messages == chat(S, U, A)


def test_a_row_of_no_form_lists_columns_and_forms() -> None:
    with pytest.raises(InputError) as caught:
        forms.form_of({"frage": U, "antwort": A}, "a.jsonl:3")
    message = str(caught.value)
    assert message.startswith("a.jsonl:3: ") and "frage, antwort" in message
    assert all(" + ".join(names) in message for names in (form.columns for form in FORMS.values()))


def turns(*roles: str) -> dict[str, Any]:
    return {"messages": [{"role": role, "content": "текст"} for role in roles]}


@pytest.mark.parametrize(
    ("row", "key", "named"),
    [
        ({"question": U, "answer": ""}, "empty_answer", "answer"),
        ({"question": U, "answer": " \n"}, "empty_answer", "answer"),
        ({"question": U, "answer": None}, "empty_answer", "answer"),
        ({"question": U, "answer": float("nan")}, "empty_answer", "answer"),
        ({"question": "", "answer": A}, "empty", "question"),
        ({"question": {"a": 1}, "answer": A}, "not_text", "question"),
        ({"question": "\ud83d", "answer": A}, "half", "question"),
        ({"instruction": U, "input": 5.5, "output": ""}, "empty_answer", "output"),
        ({"messages": "text"}, "no_turns", "messages"),
        ({"messages": ["text"]}, "no_turns", "messages"),
        ({"messages": []}, "no_answer_turn", "-"),
        (turns("user", "tool", "assistant"), "role", "messages[1]"),
        (turns("user", "assistant", "user"), "no_answer_turn", "user"),
        (turns("system", "assistant"), "no_question", "user"),
        (
            {"messages": [{"role": "user", "content": U}, {"role": "assistant"}]},
            "empty_answer",
            "[1]",
        ),
        ({"conversations": [{"from": "human", "value": U}]}, "no_answer_turn", "user"),
        ({"prompt": U, "chosen": A, "rejected": ""}, "empty_answer", "rejected"),
    ],
)
def test_a_row_that_says_too_little_names_its_place(
    row: dict[str, Any], key: str, named: str
) -> None:
    with pytest.raises(InputError) as caught:
        to_chat(row, forms.form_of(row, "a.jsonl:9"), "r", "a.jsonl:9")
    assert caught.value.key == f"documents.{key}"
    assert str(caught.value).startswith("a.jsonl:9: ") and named in str(caught.value)


USER, BETTER, WORSE = (
    {"role": "user", "content": U},
    {"role": "assistant", "content": A},
    {"role": "assistant", "content": "Не знаю."},
)


@pytest.mark.parametrize(
    "row",
    [
        {"prompt": U, "chosen": A, "rejected": "Не знаю."},
        {"prompt": [USER], "chosen": A, "rejected": "Не знаю."},
        {"prompt": [USER], "chosen": [BETTER], "rejected": [WORSE]},
        {"chosen": [USER, BETTER], "rejected": [USER, WORSE]},
        {"prompt": U, "chosen": [USER, BETTER], "rejected": [USER, WORSE]},
    ],
)
def test_preferences_in_all_their_shapes(row: dict[str, Any]) -> None:
    assert detect(row) == "preference"
    made = to_preference(row, "p1", "a.jsonl:1", group="g", system=S)
    before = [Message(role="system", content=S), Message(role="user", content=U)]
    assert made == forms.PreferenceRow(
        id="p1", prompt=before, chosen=A, rejected="Не знаю.", group="g", origin="a.jsonl:1"
    )


@pytest.mark.parametrize(
    ("row", "key"),
    [
        ({"chosen": A, "rejected": "Нет."}, "empty"),
        ({"prompt": U, "chosen": "", "rejected": "Нет."}, "empty_answer"),
        ({"prompt": U, "chosen": [], "rejected": "Нет."}, "not_text"),
        ({"chosen": [USER, BETTER], "rejected": [BETTER]}, "other_prompts"),
        ({"chosen": [USER, BETTER], "rejected": [USER, USER]}, "no_answer_turn"),
        ({"chosen": [BETTER], "rejected": [WORSE]}, "empty"),
    ],
)
def test_a_preference_that_says_too_little_is_refused(row: dict[str, Any], key: str) -> None:
    with pytest.raises(InputError) as caught:
        to_preference(row, "p", "a.jsonl:2")
    assert caught.value.key == f"documents.{key}" and caught.value.where == "a.jsonl:2"
