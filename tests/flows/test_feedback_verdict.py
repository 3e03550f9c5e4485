"""`kamerton run` from recorded ratings to a verdict: votes teach, votes at random prove nothing.

A small model first learns to answer one kind of question, most often at length. People then rate
its answers, as the chat page writes it down; a recipe learns from the file with DPO or KTO and ends
with a verdict on what they said of questions that were held out.
"""

import json
import random
from pathlib import Path
from typing import Any

import pytest
import yaml

from command_line import kamerton
from kamerton.develop.settings import TuneSettings
from kamerton.develop.tune.run import tune
from kamerton.formats.chat import ChatRow, chat
from kamerton.formats.jsonl import read_rows, write_rows
from kamerton.formats.losses import CHOICES, ChoiceRow
from kamerton.formats.preference import KtoRow, PreferenceRow
from kamerton.formats.scores import Comparison, Sample, Summary
from tiny_model import make_model
from votes import voted

SEED, HELD_OUT = 11, 0.2
THINGS = ["Idol", "Lady", "God", "lamp", "coin", "bell", "ship", "mask", "bowl", "ring"]
PLACES = ["Pomos", "Lemba", "Enkomi", "Kition", "Paphos", "Salamis", "Nicosia", "Cyprus"]
ASKED = {
    "Where is the {} of {}?": "You see the {} of {} in our hall.",
    "The {} of {}: where is it?": "Go and find the {} of {} up there.",
    "Can I see the {} of {}?": "Yes, look for the {} of {} in here.",
}
"""Forms of questions with their long answers: no two are alike, for an equal one is a leak."""
GENTLE = {"dpo": {"epochs": 1, "beta": 0.5}, "kto": {"epochs": 2, "beta": 0.1}}
"""Far enough that votes at random move the model too (export refuses an idle adapter), and not so
far that the model wins every choice and forgets how to answer: two epochs of dpo go that far."""
FORMS: dict[str, Any] = {"dpo": PreferenceRow, "kto": KtoRow}


def questions() -> list[tuple[str, str, str]]:
    """240 questions, each with a short and a long answer, in an order of no meaning."""
    found = [
        (asked.format(thing, place), f"In {place}.", long.format(thing, place))
        for asked, long in ASKED.items()
        for thing in THINGS
        for place in PLACES
    ]
    random.Random(SEED).shuffle(found)
    return found


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that has learnt both kinds of answers, five long ones for each short one."""
    folder = tmp_path_factory.mktemp("base")
    sizes = {"hidden_size": 96, "num_hidden_layers": 2, "max_position_embeddings": 256}
    drawn = make_model(folder / "random", **sizes)
    rows = [
        ChatRow(id=f"{n}", messages=chat("", question, long if n % 6 else short))
        for n, (question, short, long) in enumerate(questions())
    ]
    write_rows(folder / "data" / "train.jsonl", rows)
    settings = TuneSettings(method="full", epochs=4, batch_size=8, learning_rate=3e-3)
    tune(settings, str(drawn), folder / "data", folder / "out", SEED, threads=1)
    return folder / "out" / "model"


def recipe(base: Path, form: str) -> dict[str, Any]:
    """From the ratings to a verdict, as small as it goes."""
    return {
        "name": "votes",
        "base": str(base),
        "seed": SEED,
        "threads": 1,
        "tracking": "off",
        "data": {
            "kind": "rows",
            "sources": [{"name": "feedback.jsonl"}],
            "held_out": HELD_OUT,
            "rights": {"accept": "made up by this test"},
        },
        "tune": {
            "objective": form,
            "batch_size": 8,
            "rank": 8,
            "learning_rate": 1.5e-3,
            **GENTLE[form],
        },
        "export": {"context": 256},
        "experiment": {
            "prompts": [],
            "held_out_prompts": 6,
            "answer_tokens": 32,
            "repeat_share": 0,
            "resamples": 2000,
        },
    }


def run(folder: Path, base: Path, form: str, wrong: set[int]) -> tuple[Path, str]:
    """The run's folder, and what it printed last."""
    write_rows(folder / "feedback.jsonl", voted(questions(), form, wrong))
    (folder / "recipe.yaml").write_text(yaml.safe_dump(recipe(base, form)))
    done = kamerton(folder, "run", "recipe.yaml")
    assert done.returncode == 0, done.stderr[-3000:]
    return folder / "runs" / "votes" / "latest", done.stdout


def stage(place: Path, name: str) -> Path:
    """The outputs of a stage of a run."""
    record = json.loads((place / "run.json").read_text())
    return place.parents[1] / str(record["stages"][name])


def judged(place: Path) -> dict[str, Comparison]:
    """What was declared of the choices, by criterion."""
    summary = Summary.model_validate_json((place / "summary.json").read_text())
    assert summary.claims_verdict
    return {c.criterion: c for c in summary.comparisons if c.family == "primary"}


def said(place: Path, arm: str) -> int:
    """Tokens of all answers of an arm."""
    samples = read_rows(place / "samples.jsonl", Sample)
    return sum(sample.completion_tokens for sample in samples if sample.arm == arm)


def asked(path: Path, form: str) -> set[str]:
    """The questions of a file of the dataset."""
    return {row.prompt[-1].content.casefold() for row in read_rows(path, FORMS[form])}


@pytest.fixture(scope="module", params=["dpo", "kto"])
def agreed(
    base: Path, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> tuple[str, Path, str]:
    """Objective, run and printed words of a trip with votes that agree."""
    form: str = request.param
    return form, *run(tmp_path_factory.mktemp(form), base, form, set())


def test_votes_that_agree_end_with_better(agreed: tuple[str, Path, str]) -> None:
    form, place, printed = agreed
    found = judged(place)
    choice = found["choice_log_likelihood"]
    assert choice.verdict == "better" and choice.effect.low > 0 and choice.p_holm < 0.01
    # By thumbs no question has two answers, so there is no pair to put in order.
    assert set(found) == {"choice_log_likelihood", *(["preferred_likelier"] * (form == "dpo"))}
    assert {c.verdict for c in found.values()} == {"better"}
    assert said(place, "votes") < said(place, "base"), "shorter answers were preferred"
    card, page = ((place / name).read_text() for name in ("model_card.md", "report.html"))
    for text in (printed, card, page):
        told = " ".join(text.split())
        assert "uning made the model foresee held-out choices of people better" in told
        assert "nats per choice" in told and "nats per token" not in told


def test_what_is_judged_was_not_learnt(agreed: tuple[str, Path, str]) -> None:
    form, place, _ = agreed
    data = stage(place, "data")
    train, held_out = (asked(data / f"{name}.jsonl", form) for name in ("train", "held_out"))
    assert held_out and not train & held_out
    chosen = read_rows(stage(place, "tune") / CHOICES, ChoiceRow)
    assert {row.question for row in chosen} == held_out
    assert judged(place)["choice_log_likelihood"].groups == len(held_out)


@pytest.mark.parametrize("form", ["dpo", pytest.param("kto", marks=pytest.mark.long)])
def test_votes_at_random_prove_nothing(base: Path, tmp_path: Path, form: str) -> None:
    """The control: the same answers and steps, half of all votes the other way round."""
    count = len(questions())
    wrong = set(random.Random(SEED).sample(range(count), count // 2))
    place, printed = run(tmp_path, base, form, wrong)
    assert "better" not in {found.verdict for found in judged(place).values()}
    assert "Tuning made the model foresee held-out choices of people better" not in printed
