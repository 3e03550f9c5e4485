"""The criteria of form on answers whose score is plain to see, in Russian and in English."""

import pytest

from kamerton.experiment.criteria import load
from kamerton.experiment.metrics.context import Context
from kamerton.formats.questions import Question


def score(
    criterion: str,
    answer: str,
    question: str = "Как быстро выучить новый язык?",
    reference: str = "",
    finish: str = "stop",
) -> tuple[float, str] | None:
    asked = Question(id="1", question=question, answer=reference, group="g", held_out="rows")
    return load(criterion)(asked, answer, finish, Context({}))


@pytest.mark.parametrize(
    ("answer", "share"),
    [
        ("Учите по десять слов в день.", 1.0),
        ("Learn ten words a day.", 0.0),
        ("Ещё и ёж", 1.0),
        ("дваabcd", 3 / 7),
        ("да 是的", 0.5),
        ("42", 1.0),
        ("  \n", 0.0),
    ],
)
def test_of_a_russian_prompt_the_share_of_cyrillic_letters_counts(
    answer: str, share: float
) -> None:
    found = score("script", answer)
    assert found is not None and found[0] == pytest.approx(share)


def test_the_reference_says_which_script_is_right() -> None:
    asked = "Переведи на английский: дом"
    assert score("script", "a house", asked, reference="house") == (1.0, "")
    found = score("script", "это дом", asked, reference="house")
    assert found == (0.0, "other_letters: 100%")


def test_an_english_prompt_wants_latin_letters() -> None:
    assert score("script", "Ten words a day, naïvely.", "How do I learn?") == (1.0, "")
    assert score("script", "Десять слов", "How do I learn?") == (0.0, "other_letters: 100%")


def test_without_letters_of_either_script_nothing_is_asked() -> None:
    assert score("script", "四", "二加二？", reference="4") is None


def test_an_answer_ended_by_itself_only_where_the_server_says_stop() -> None:
    assert score("ended", "Да.") == (1.0, "")
    assert score("ended", "Да.", finish="length") == (0.0, "cut")
    assert score("ended", "", finish="") == (0.0, "cut")


@pytest.mark.parametrize(
    ("answer", "mark"),
    [
        ("Восемь.<|im_end|>", "<|im_end|>"),
        ("Восемь. <|im_start|>user", "<|im_start|>"),
        ("Восемь. <|im_", "<|im_"),
        ("Восемь.\nassistant\nДевять.", "assistant"),
        ("Восемь.\n  User: А сколько звёзд?", "User:"),
        ("**Assistant:** Восемь.", "**Assistant:"),
        ("Восемь планет.user\nА звёзд?", "user"),
        ("Ассистент: восемь", "Ассистент:"),
        ("### Response:\nВосемь", "### Response"),
        ("Восемь\n### Инструкция: считай", "### Инструкция"),
        ("[INST] сколько? [/INST]", "[INST]"),
        ("Восемь</s>", "</s>"),
        ("Восемь<end_of_turn>", "<end_of_turn>"),
        ("system\nYou are helpful", "system"),
        ("Human: eight?", "Human:"),
    ],
)
def test_a_role_marker_is_found(answer: str, mark: str) -> None:
    assert score("role_marks", answer) == (0.0, f"role_mark: {mark}")


@pytest.mark.parametrize(
    "answer",
    [
        "Восемь планет.",
        "The user of a lathe wears glasses.",
        "An assistant helps the user.",
        "Users: many. Assistants: few.",
        "Солнечная система:\nСолнце и восемь планет.",
        "Пользователь входит в систему.",
        "### Планеты\nИх восемь.",
        "if a < b and c > d: <b>да</b>",
        "Спросите у ассистента",
        "",
    ],
)
def test_ordinary_prose_has_no_role_marker(answer: str) -> None:
    assert score("role_marks", answer) == (1.0, "")


def test_a_mark_that_the_reference_has_is_no_leak() -> None:
    dialogue = "User: hello\nAssistant: hello"
    assert score("role_marks", dialogue, reference=dialogue) == (1.0, "")
    leaked = score("role_marks", dialogue + "\nSystem: bye", reference=dialogue)
    assert leaked == (0.0, "role_mark: System:")
