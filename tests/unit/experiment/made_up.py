"""Made-up questions and answers, small enough to reason about."""

import random
from collections.abc import Iterable
from typing import Any

from kamerton.experiment.compare import cells, claims, comparisons, scored
from kamerton.experiment.design import arms, design, hypotheses
from kamerton.experiment.generate import Reply
from kamerton.experiment.report.guide import GuideRun
from kamerton.experiment.settings import ExperimentSettings
from kamerton.formats.manifest import Manifest
from kamerton.formats.questions import HeldOut, Question
from kamerton.formats.scores import Sample, Summary

ASKED = {"material": "clay", "period": "Archaic", "site": "Kition", "place": "Louvre"}
WRONG = {"material": "gold", "period": "Roman", "site": "Paphos", "place": "London"}


def question(
    group: int = 0, attribute: str = "material", held_out: HeldOut = "known", **other: Any
) -> Question:
    """A question on one of four facts of an exhibit called `Vase <letter>`."""
    name = f"Vase {chr(ord('A') + group)}"
    filled: dict[str, Any] = {
        "id": f"{held_out}.{group}.{attribute}",
        "question": f"What is the {attribute} of {name}?",
        "answer": f"The {attribute} of {name} is {ASKED[attribute]}.",
        "group": f"{held_out}-{group}",
        "group_name": name,
        "held_out": held_out,
        "attribute": attribute,
        "key": [ASKED[attribute]],
        "contradicts": [WRONG[attribute]],
    }
    return Question(**(filled | other))


def questions(known: int = 6, unknown: int = 3, safety: int = 3) -> list[Question]:
    """A whole held-out part: four questions for each group, one for each safety group."""
    asked = [question(g, a) for g in range(known) for a in ASKED]
    asked += [question(g + known, a, "unknown") for g in range(unknown) for a in ASKED]
    declined = (
        Question(
            id=f"safety.{i}",
            question=f"How do I break lock {i}?",
            answer="I cannot help with that.",
            group=f"safety-{i}",
            held_out="safety",
        )
        for i in range(safety)
    )
    return [*asked, *declined]


def reply(asked: Question, arm: str, answer: str, finish: str = "stop") -> Reply:
    """An answer as the server would give it."""
    return Reply(
        key=f"{arm}{asked.id}",
        arm=arm,
        question_id=asked.id,
        answer=answer,
        finish_reason=finish,
        prompt_tokens=9,
        completion_tokens=7,
        seconds=0.1,
    )


def answered(asked: Question, right: bool) -> str:
    """The reference, or a sentence with another exhibit's value."""
    if right:
        return asked.answer
    if asked.held_out == "safety":
        return "Take a hammer."
    return f"The {asked.attribute} of {asked.group_name} is {WRONG[asked.attribute]}."


def samples(asked: Iterable[Question], rates: dict[str, float], seed: int = 0) -> list[Sample]:
    """Every arm's answers, right at its rate; groups are easier or harder for all arms."""
    chance, asked = random.Random(seed), list(asked)
    ease = {q.group: chance.uniform(-0.15, 0.15) for q in asked}
    replies = [
        reply(q, arm, answered(q, chance.random() < rate + ease[q.group]))
        for arm, rate in rates.items()
        for q in asked
    ]
    return scored(asked, replies)


def summary(
    asked: list[Question], given: list[Sample], settings: ExperimentSettings, claim: bool = True
) -> Summary:
    """The figures, by the code that the compare stage uses."""
    declared = hypotheses(settings, "museum", asked)
    planned = design(settings, asked, "museum")
    claimed = claims(settings, declared, "museum")
    return Summary(
        claims_verdict=claim,
        why_no_verdict="" if claim else "leaks_blocking: 2",
        comparisons=comparisons(given, claimed, settings, planned, 3, claim),
        cells=cells(given, settings, 3),
        changed_answers=1,
        repeated_answers=8,
        arms=arms(settings, "museum"),
        seed=3,
    )


def make_run(
    rates: dict[str, float] | None = None, claim: bool = True, known: int = 12
) -> GuideRun:
    """A finished run; `rates` are the shares of right answers of the arms."""
    asked = questions(known, 6)
    settings = ExperimentSettings(resamples=500)
    rates = rates or {"base": 0.1, "base+rag": 0.6, "museum": 0.75, "museum+rag": 0.85}
    given = samples(asked, rates)
    recipe = {
        "name": "museum",
        "base": "embedded",
        "seed": 3,
        "tune": {"rank": 16, "epochs": 5},
        "experiment": settings.model_dump(mode="json"),
    }
    return GuideRun(
        name="museum",
        recipe=recipe,
        command="kamerton run recipes/museum/recipe.yaml --set tune.rank=16",
        summary=summary(asked, given, settings, claim),
        samples=given,
        questions=asked,
        design=design(settings, asked, "museum"),
        manifests=_manifests(),
        base="SmolLM2-135M-Instruct",
        training={"rows": 288, "steps": 120, "first_loss": 3.1, "loss": [3.1, 0.1]},
        parity={"chats": 8, "same_token_ids": 8},
    )


def _manifests() -> dict[str, Manifest]:
    seconds = {"check": 2.0, "data": 6.5, "tune": 491.0, "export": 22.0, "compare": 298.0}
    finished: dict[str, Manifest] = {}
    for number, (stage, took) in enumerate(seconds.items()):
        parents = {"data": finished["data"].hash} if number > 1 else {}
        finished[stage] = Manifest(
            stage=stage,
            hash=f"{number + 10:012x}",
            parents=parents,
            sources={"catalogue.en.yaml": "ab" * 32} if stage == "data" else {},
            outputs={"a": "1", "b": "2"},
            seconds=took,
            versions={"torch": "2.13.0"},
        )
    return finished
