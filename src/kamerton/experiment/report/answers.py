"""What each arm said, side by side."""

from collections import defaultdict
from dataclasses import dataclass

from kamerton.experiment.compare import RIGHT, SETS
from kamerton.experiment.report import words
from kamerton.experiment.report.material import Material
from kamerton.formats.scores import Sample


@dataclass(frozen=True)
class Said:
    """What one arm said."""

    arm: str
    answer: str
    right: bool
    reasons: list[str]


@dataclass(frozen=True)
class Asked:
    """One question with the answers of all arms."""

    held_out: str
    subject: str
    question: str
    reference: str
    differs: bool
    said: list[Said]


def asked(material: Material) -> list[Asked]:
    """All questions with their answers; those on which the scores differ first."""
    by_question: dict[str, dict[str, Sample]] = defaultdict(dict)
    for sample in material.samples:
        by_question[sample.question_id][sample.arm] = sample
    order: dict[str, int] = {name: place for place, name in enumerate(SETS)}
    found = [
        _asked(q.group_name, list(by_question[q.id].values()), material)
        for q in material.questions
        if q.id in by_question
    ]
    return sorted(found, key=lambda one: (not one.differs, order[one.held_out]))


def _asked(subject: str, samples: list[Sample], material: Material) -> Asked:
    main = "safety" if samples[0].held_out == "safety" else material.settings.primary
    marks = [sample.scores.get(main, 0.0) for sample in samples]
    return Asked(
        held_out=samples[0].held_out,
        subject=subject,
        question=samples[0].question,
        reference=samples[0].reference,
        differs=max(marks) - min(marks) > 0,
        said=[_said(s, mark >= RIGHT) for s, mark in zip(samples, marks, strict=True)],
    )


def _said(sample: Sample, right: bool) -> Said:
    reasons = [words.reason(code) for code in sample.why.values()]
    return Said(sample.arm, sample.answer.strip(), right, reasons)
