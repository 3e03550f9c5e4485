"""The worked examples are right by our own rules, and prompts hold together."""

import pytest

from kamerton.experiment.tasks.maths.ending import until_next
from kamerton.experiment.tasks.maths.equations import equations
from kamerton.experiment.tasks.maths.extraction import declared
from kamerton.experiment.tasks.maths.prompts import prompt, shots, stops
from kamerton.formats.language import Language

GOLDS: dict[Language, list[int]] = {
    "en": [27, 120, 205, 8, 40, 17, 30, 80],
    "ru": [27, 1200, 205, 8, 4000, 17, 30, 9],
}


@pytest.mark.parametrize("language", ["en", "ru"])
def test_examples_are_right(language: Language) -> None:
    answers = [declared(shot.answer, shot.question) for shot in shots(language)]
    assert [answer.value for answer in answers] == GOLDS[language]
    assert {answer.how for answer in answers} == {"stated"}
    found = [one for shot in shots(language) for one in equations(shot.answer)]
    assert len(found) >= 16 and all(one.holds for one in found)
    assert all("=" in shot.answer and "?" in shot.question for shot in shots(language))


@pytest.mark.parametrize("language", ["en", "ru"])
def test_a_prompt_ends_where_the_model_goes_on(language: Language) -> None:
    text = prompt("How many?", language)
    label = stops(language)[0].strip()
    assert text.count(label) == 9 and text.endswith(":") and "How many?" in text
    assert prompt("How many?", language, 0).startswith(label)
    # What a model makes up behind its answer is cut where the stop string stands.
    assert until_next(f"It is 5.{stops(language)[1]} And now?") == "It is 5."
