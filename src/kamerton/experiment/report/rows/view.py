"""The figures of a rows comparison in the order and the words in which the page shows them."""

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from kamerton.experiment.compare import RIGHT
from kamerton.experiment.report import plot, words
from kamerton.experiment.report import view as general
from kamerton.experiment.report.answers import Asked, Said
from kamerton.experiment.report.figures import figure, label
from kamerton.experiment.report.rows import words as own
from kamerton.experiment.report.rows.material import SETS, RowsMaterial, of_form
from kamerton.formats.language import say
from kamerton.formats.losses import LossRow
from kamerton.formats.scores import Sample

_MOST_DOTS = 600


@dataclass(frozen=True)
class Dots:
    """Held-out answers by their loss before (to the right) and after (upwards), in per cent."""

    dots: list[tuple[float, float, str]]
    """Place from the left, place from the top, `better`, `worse` or `same`."""
    scale: plot.Scale
    left_out: int
    """Answers that are not drawn, for there are too many."""


def by_tokens(rows: Sequence[LossRow]) -> dict[str, str]:
    """Figures over all held-out tokens, where long answers count for more."""
    tokens = sum(row.tokens for row in rows) or 1
    before = sum(row.tokens * row.before for row in rows) / tokens
    after = sum(row.tokens * row.after for row in rows) / tokens
    return {
        "tokens": own.short(tokens),
        "before": f"{before:.3f}",
        "after": f"{after:.3f}",
        "perplexity_before": own.perplexity(before),
        "perplexity_after": own.perplexity(after),
    }


def preferences(training: dict[str, Any]) -> list[tuple[str, str, str]]:
    """What training on preferences did to held-out ones: figure, before, after; else nothing."""
    found = training.get("held_out")
    found = found if isinstance(found, dict) else {}
    before, after = found.get("before"), found.get("after")
    if not (isinstance(before, dict) and isinstance(after, dict)):
        return []
    return [
        (label(key, "preference"), figure(value), figure(after.get(key)))
        for key, value in before.items()
    ]


def dots(rows: Sequence[LossRow]) -> Dots:
    """Every answer as a dot; below the diagonal it became likelier. Many are thinned evenly."""
    every = math.ceil(len(rows) / _MOST_DOTS)
    drawn = rows[::every]
    high = max(max(row.before, row.after) for row in rows) * 1.05 or 1.0
    marks = tuple((value, plot.number(value)) for value in plot.round_values(0.0, high))
    scale = plot.Scale(0.0, high, marks)
    found = [
        (
            scale.at(row.before),
            round(100 - scale.at(row.after), 2),
            "better" if row.after < row.before else "worse" if row.after > row.before else "same",
        )
        for row in drawn
    ]
    return Dots(found, scale, len(rows) - len(drawn))


def arms(material: RowsMaterial) -> list[tuple[str, str]]:
    """Every arm with what it is, in words."""
    found = dict(general.arms(material))
    if material.method == "full":
        found[material.name] = say("experiment.arm_whole")
    return list(found.items())


def sets(material: RowsMaterial) -> list[tuple[str, str, str]]:
    """Held-out set, what it tests, and how many prompts it has."""
    found: list[tuple[str, str, str]] = []
    for held_out in SETS:
        of = {s.question_id: s.group for s in material.samples if s.held_out == held_out}
        if of:
            key = "experiment.asked_prompts" if held_out == "prompts" else "experiment.asked_set"
            counts = say(key, questions=len(of), groups=len(set(of.values())))
            found.append((held_out, say(f"experiment.about_{held_out}"), counts))
    return found


def asked(material: RowsMaterial) -> list[Asked]:
    """All prompts with their answers: the recipe's own, then those whose form differs first."""
    by_prompt: dict[str, list[Sample]] = defaultdict(list)
    for sample in material.samples:
        by_prompt[sample.question_id].append(sample)
    found = [_asked(samples) for samples in by_prompt.values()]
    return sorted(found, key=lambda one: (one.held_out != "prompts", not one.differs))


def _asked(samples: list[Sample]) -> Asked:
    said = [_said(sample) for sample in samples]
    return Asked(
        held_out=samples[0].held_out,
        subject="",
        question=samples[0].question,
        reference=samples[0].reference,
        differs=len({one.right for one in said}) > 1,
        said=said,
    )


def _said(sample: Sample) -> Said:
    whole = all(score >= RIGHT for score in sample.scores.values())
    reasons = [words.reason(code) for code in sample.why.values()]
    return Said(sample.arm, sample.answer.strip(), whole, reasons)


def notes(material: RowsMaterial) -> list[str]:
    """What a reader should mind."""
    summary, settings = material.summary, material.settings
    told = [say("experiment.note_loss")] if material.losses else []
    told += _choice_notes(material)
    if not material.losses and not material.choices:
        told.append(say("experiment.note_no_losses"))
    if material.samples:
        keys = ("form", "prompts", "served")
        told += [say(f"experiment.note_{key}") for key in keys]
        told += [say("experiment.note_brief")] if material.briefed else []
        told.append(say("experiment.note_tokens", tokens=settings.answer_tokens))
        told.append(_repeats(material))
    form = of_form(summary)
    if form:
        points = round(100 * max(c.detectable for c in form))
        told.append(say("experiment.note_form_detectable", points=points))
    if material.passed_over:
        told.append(say("experiment.note_passed_over", count=material.passed_over))
    return told


def _choice_notes(material: RowsMaterial) -> list[str]:
    if not material.choices:
        return []
    paired = any(row.right_after is not None for row in material.choices)
    keys = ("note_choices", "note_one_training", "note_pairs" if paired else "note_no_pairs")
    return [*(say(f"experiment.{key}") for key in keys), *_drift(material.training)]


def _drift(training: dict[str, Any]) -> list[str]:
    """How far training went: a model can foresee every choice and have unlearnt to answer."""
    found = training.get("kl")
    if not isinstance(found, dict) or "per_answer" not in found:
        return []
    return [say("experiment.note_drift", kl=figure(found["per_answer"]))]


def _repeats(material: RowsMaterial) -> str:
    summary = material.summary
    if summary.changed_answers is None:
        return say("experiment.note_not_repeated")
    repeated = summary.repeated_answers
    return say("experiment.note_changed", changed=summary.changed_answers, repeated=repeated)
