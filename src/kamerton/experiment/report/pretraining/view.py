"""The figures of a pretraining in the order in which the page shows them."""

import math
from collections.abc import Iterable
from dataclasses import dataclass

from kamerton.experiment.report import words
from kamerton.experiment.report.pretraining.curve import Curve, curve
from kamerton.experiment.report.pretraining.material import PretrainingMaterial
from kamerton.experiment.report.pretraining.words import best, count, last, per_character
from kamerton.formats.language import say
from kamerton.formats.pretraining import Continuation, Pretraining

_OVERFITTED = 1.005
"""A last loss this many times the best one is told of."""


@dataclass(frozen=True)
class Step:
    """One evaluation, as a column."""

    step: int
    name: str
    perplexity: str
    """Per character; empty where it was not measured at this step."""


@dataclass(frozen=True)
class Learning:
    """How the continuations of each prompt changed."""

    steps: list[Step]
    prompts: list[tuple[str, list[str | None]]]
    """Prompt, and its continuation at each step; None where there is none."""


def facts(figures: Pretraining) -> list[tuple[str, str]]:
    """The figures of the run, with their names."""
    speed = figures.seen_tokens / figures.seconds if figures.seconds else 0.0
    end = last(figures)
    found = {
        "parameters": count(figures.parameters),
        "train_tokens": count(figures.train_tokens),
        "seen_tokens": count(figures.seen_tokens),
        "passes": f"{figures.seen_tokens / max(1, figures.train_tokens):.2f}",
        "steps": count(figures.steps),
        "time": words.duration(figures.seconds),
        "speed": count(speed),
        "last_loss": f"{figures.loss[-1][1]:.3f}" if figures.loss else "",
        "held_out_loss": f"{end.loss:.3f}" if end else "",
    }
    return [(say(f"experiment.fact_{key}"), value) for key, value in found.items() if value]


def loss_curve(figures: Pretraining) -> Curve | None:
    """Training and held-out loss, in nats for each token."""
    held_out = [(float(e.step), e.loss) for e in figures.evaluations]
    train = [(float(step), loss) for step, loss in figures.loss]
    finite = [(step, loss) for step, loss in train if math.isfinite(loss)]
    return curve(
        [
            (say("experiment.line_train"), "train", finite),
            (say("experiment.line_held_out"), "held", held_out),
        ]
    )


def perplexity_curve(figures: Pretraining) -> Curve | None:
    """Held-out perplexity per character, and that of the n-gram model as a level line."""
    model = [(float(e.step), math.exp(e.nats_per_character)) for e in figures.evaluations]
    if not model:
        return None
    series: list[tuple[str, str, list[tuple[float, float]]]] = [
        (say("experiment.line_model"), "held", model)
    ]
    if figures.ngram_nats_per_character is not None:
        level = math.exp(figures.ngram_nats_per_character)
        name = say("experiment.line_ngram", order=figures.ngram_order)
        series.append((name, "ngram", [(0.0, level), (model[-1][0], level)]))
    return curve(series, ratios=True)


def learning(material: PretrainingMaterial) -> Learning | None:
    """Every prompt with its continuations in the order of the steps; None where there are none.

    Of a step that a resumed run made twice, the later continuation counts.
    """
    said = {(one.prompt, one.step): one.text for one in material.continuations}
    steps = sorted({step for _, step in said})
    if not steps:
        return None
    known = {e.step: per_character(e.nats_per_character) for e in material.figures.evaluations}
    columns = [Step(step, count(step), known.get(step, "")) for step in steps]
    prompts = _once(material.continuations)
    return Learning(columns, [(p, [said.get((p, step)) for step in steps]) for p in prompts])


def _once(continuations: Iterable[Continuation]) -> list[str]:
    return list(dict.fromkeys(one.prompt for one in continuations))


def notes(material: PretrainingMaterial) -> list[str]:
    """What a reader should mind."""
    figures = material.figures
    end, least = last(figures), best(figures)
    told = [say("experiment.note_one_run"), say("experiment.note_greedy")]
    if figures.ngram_nats_per_character is not None:
        told.append(say("experiment.note_ngram", order=figures.ngram_order))
    if end and least and end.loss > _OVERFITTED * least.loss:
        values = {"step": count(least.step), "least": f"{least.loss:.3f}", "end": f"{end.loss:.3f}"}
        told.append(say("experiment.note_overfitted", **values))
    told.append(say("experiment.note_no_facts"))
    return told
