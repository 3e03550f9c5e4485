"""Votes for the shorter answer make a model answer shorter; votes at random do not.

A small model first learns to answer one kind of question, five times in six at length. Then 200
people each say which of two answers is better, as the chat page writes it down; DPO and KTO learn
from that, and the answers to questions that nobody rated are measured in tokens.
"""

import json
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from kamerton.develop import hub
from kamerton.develop.data.feedback import Form, convert, write
from kamerton.develop.settings import TuneSettings
from kamerton.develop.tune.adapter import load
from kamerton.develop.tune.run import tune
from kamerton.formats.chat import ChatRow, chat
from kamerton.formats.feedback import FeedbackRow
from kamerton.formats.jsonl import write_rows
from kamerton.stats import sign_flip
from tiny_model import make_model
from votes import voted

SEED, VOTES, HELD_OUT = 11, 200, 40
THINGS = ["Idol", "Lady", "God", "lamp", "coin", "bell", "ship", "mask", "bowl", "ring"]
PLACES = ["Pomos", "Lemba", "Enkomi", "Kition", "Paphos", "Salamis", "Nicosia", "Cyprus"]
SHORT, LONG = "In {place}.", "It is kept today in the museum of {place}, in the first room."


def questions() -> list[tuple[str, str]]:
    """240 questions and the place that each is about, in an order of no meaning."""
    asked = ["Where is the {thing} of {place}?", "The {thing} of {place}: where is it?"]
    asked.append("Where can I see the {thing} of {place} today?")
    found = [
        (form.format(thing=thing, place=place), place)
        for form in asked
        for thing in THINGS
        for place in PLACES
    ]
    random.Random(SEED).shuffle(found)
    return found


def answers(place: str) -> tuple[str, str]:
    return SHORT.format(place=place), LONG.format(place=place)


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that has learnt both kinds of answers, five long ones for each short one."""
    folder = tmp_path_factory.mktemp("base")
    random_model = make_model(
        folder / "random", hidden_size=96, num_hidden_layers=2, max_position_embeddings=128
    )
    rows = [
        ChatRow(id=f"{n}", messages=chat("", question, answers(place)[n % 6 > 0]))
        for n, (question, place) in enumerate(questions()[:VOTES])
    ]
    write_rows(folder / "data" / "train.jsonl", rows)
    settings = TuneSettings(method="full", epochs=4, batch_size=8, learning_rate=3e-3)
    tune(settings, str(random_model), folder / "data", folder / "out", SEED, threads=1)
    return folder / "out" / "model"


def ratings(form: Form, wrong: set[int]) -> list[FeedbackRow]:
    """What people said: the short answer is better, but for the places in `wrong`."""
    asked = [(question, *answers(place)) for question, place in questions()]
    return voted(asked, form, wrong, held_out_from=VOTES)


def lengths(model: Any, tokenizer: Any) -> list[int]:
    """Tokens of the greedy answer to each question that nobody rated for training."""
    found = []
    for question, _ in questions()[VOTES:]:
        messages = [turn.model_dump() for turn in chat("", question)]
        asked = tokenizer.apply_chat_template(
            messages, add_generation_prompt=True, return_tensors="pt", return_dict=True
        )
        said = model.generate(**asked, max_new_tokens=48, do_sample=False)
        found.append(said.shape[1] - asked["input_ids"].shape[1])
    return found


def learnt(
    base: Path, folder: Path, form: Form, wrong: Sequence[int] = ()
) -> tuple[list[int], list[int], dict[str, Any]]:
    """Lengths before and after learning from the ratings, and what the training says of itself."""
    converted = convert(ratings(form, set(wrong)), form, 0.0, SEED)
    assert (len(converted.train), len(converted.held_out)) == (VOTES, HELD_OUT)
    write(converted, folder / "data")
    settings = TuneSettings(objective=form, epochs=1, batch_size=8, rank=8, learning_rate=1e-3)
    tune(settings, str(base), folder / "data", folder / "out", SEED, threads=1)
    figures = json.loads((folder / "out" / "training.json").read_text())
    tokenizer = hub.load_tokenizer(str(base))
    before = lengths(hub.load_model(str(base)).eval(), tokenizer)
    return before, lengths(load(str(base), folder / "out"), tokenizer), figures


def paired(before: list[int], after: list[int]) -> tuple[float, float]:
    """Mean difference in tokens, and p of the paired sign-flip test; each question is a unit."""
    differences = [float(a - b) for a, b in zip(after, before, strict=True)]
    groups = [question for question, _ in questions()[VOTES:]]
    return sum(differences) / len(differences), sign_flip(differences, groups)


def test_votes_for_the_shorter_answer_make_answers_shorter(base: Path, tmp_path: Path) -> None:
    before, after, figures = learnt(base, tmp_path, "dpo")
    shorter, p = paired(before, after)
    assert shorter < -5 and p < 0.01
    held_out = figures["held_out"]
    assert held_out["after"]["reward_accuracy"] > 0.9 > held_out["before"]["reward_accuracy"]
    assert held_out["test"]["p"] < 0.01 and held_out["test"]["low"] > 0


def test_votes_at_random_move_nothing(base: Path, tmp_path: Path) -> None:
    """The control: the same answers and steps, half of the votes the other way round.

    The test has questions as its units, and one training moves them all together: a model on the
    brink between two kinds of answers would be pushed over by chance. This one is not.
    """
    wrong = random.Random(SEED).sample(range(VOTES), VOTES // 2)
    before, after, _ = learnt(base, tmp_path, "dpo", wrong)
    moved, p = paired(before, after)
    assert abs(moved) < 2 and p > 0.05


def test_thumbs_make_answers_shorter_too(base: Path, tmp_path: Path) -> None:
    before, after, figures = learnt(base, tmp_path, "kto")
    shorter, p = paired(before, after)
    assert shorter < -5 and p < 0.01
    after_training = figures["held_out"]["after"]
    assert after_training["reward_good"] > after_training["reward_bad"]
