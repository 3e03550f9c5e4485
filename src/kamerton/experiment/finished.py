"""A finished comparison read back: one arm of a run, its answers, and what the run may claim."""

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from kamerton.experiment import lineage
from kamerton.experiment.likelihood import CHOICE, LIKELIHOOD, choices, losses
from kamerton.experiment.settings import ExperimentSettings
from kamerton.formats.errors import InputError
from kamerton.formats.jsonl import insist_unique, read_model, read_rows
from kamerton.formats.manifest import digest
from kamerton.formats.scores import SAMPLES, SUMMARY, Sample, Summary
from kamerton.formats.serving import BASE

_SHOWN = 80
Scores = dict[str, tuple[float, str]]
"""Question id to score (more is better) and group."""


@dataclass(frozen=True)
class Nats:
    """What training left of held-out rows: log-likelihood before and after, in nats."""

    criterion: str
    before: Scores
    after: Scores


@dataclass(frozen=True)
class Finished:
    """One arm of one finished run."""

    label: str
    """How the user calls it: `museum/3`, or `museum/3#base`."""
    arm: str
    samples: list[Sample]
    """The answers of all arms of the run."""
    summary: Summary
    settings: ExperimentSettings
    seed: int
    nats: Nats | None = field(default=None, repr=False)
    """Of a run over rows, whose primary hypothesis rests on them."""
    unfit: str = ""
    """Code of the reason why the training set, by its lineage, allows no verdict; empty: it does,
    or nothing was trained."""

    @property
    def primary(self) -> str:
        """The criterion that the run's primary hypothesis is about."""
        if self.nats and not self.settings.rows_primary:
            return self.nats.criterion
        return self.settings.primary

    @property
    def primary_sets(self) -> list[str]:
        """Held-out sets of the primary hypotheses about this arm, else of all of them."""
        declared = [c for c in self.summary.comparisons if c.family == "primary"]
        of_arm = [c for c in declared if c.arm == self.arm] or declared
        sets: list[str] = list(dict.fromkeys(c.held_out for c in of_arm))
        return sets or ["rows" if self.nats else "known"]

    def scores(self, criterion: str, held_out: str, arm: str = "") -> Scores:
        """One arm's scores by one criterion on one held-out set; empty where there are none."""
        if self.nats and (criterion, held_out) == (self.nats.criterion, "rows"):
            return self.nats.before if (arm or self.arm) == BASE else self.nats.after
        return {
            s.question_id: (s.scores[criterion], s.group)
            for s in self.of(arm)
            if s.held_out == held_out and criterion in s.scores
        }

    def of(self, arm: str = "") -> list[Sample]:
        """The answers of one arm, this one's where none is named; InputError for an unknown one."""
        wanted = arm or self.arm
        if wanted not in self.summary.arms:
            arms = ", ".join(self.summary.arms)
            raise InputError("experiment.run_lacks_arm", where=self.label, arm=wanted, known=arms)
        return [sample for sample in self.samples if sample.arm == wanted]


def read_finished(
    folder: Path,
    prefix: str,
    label: str,
    arm: str,
    settings: ExperimentSettings,
    tune: Path | None = None,
) -> Finished:
    """The run in `folder`, its files beginning with `prefix` (one of several adapters).

    `tune`: the training's outputs, where a run over rows left its likelihoods, and from where the
    leaks of the training set are found and read again. InputError where the run compared nothing,
    or has no such arm.
    """
    figures, samples = folder / f"{prefix}{SUMMARY}", folder / f"{prefix}{SAMPLES}"
    if not figures.is_file() or not samples.is_file():
        raise InputError("experiment.run_compared_nothing", where=label)
    summary = read_model(figures, Summary)
    # A comparison of losses alone asked nothing.
    rows = read_rows(samples, Sample) if samples.stat().st_size else []
    insist_unique(((s.arm, s.question_id) for s in rows), str(samples))
    unfit = lineage.of_training(tune) if tune else ""
    run = Finished(label, arm, rows, summary, settings, summary.seed, _nats(tune), unfit)
    run.of()
    return run


def _nats(tune: Path | None) -> Nats | None:
    """What people chose where they did, else the losses of answers; None of a guide."""
    if tune is None:
        return None
    if chose := choices(tune):
        before = {row.id: (-row.before, row.question) for row in chose}
        return Nats(CHOICE, before, {row.id: (-row.after, row.question) for row in chose})
    if lost := losses(tune):
        before = {row.id: (-row.before, row.group or row.id) for row in lost}
        return Nats(LIKELIHOOD, before, {r.id: (-r.after, r.group or r.id) for r in lost})
    return None


def chosen(
    samples: Sequence[Sample], held_out: Sequence[str], count: int | None, seed: int
) -> list[Sample]:
    """The answers to the questions of some held-out sets (all where none is named).

    At most `count` questions, drawn by the seed: fewer are always a part of more. InputError for a
    set that nobody was asked.
    """
    known = list(dict.fromkeys(s.held_out for s in samples))
    unknown = [name for name in held_out if name not in known]
    if unknown or not samples:
        values = {"held_out": ", ".join(unknown) or "-", "known": ", ".join(known) or "-"}
        raise InputError("experiment.no_such_questions", **values)
    kept = [s for s in samples if not held_out or s.held_out in held_out]
    ids = sorted({sample.question_id for sample in kept})
    random.Random(f"{seed} questions").shuffle(ids)
    drawn = set(ids[:count])
    return [sample for sample in kept if sample.question_id in drawn]


def insist_same_questions(one: Finished, other: Finished, arm: str = "", against: str = "") -> None:
    """InputError unless both arms were asked the same questions with the same references.

    Scores of other questions are no pairs: a difference between them could be the questions'.
    """
    mine, its = (_asked(r.of(a), r.nats) for r, a in ((one, arm), (other, against)))
    different = [key for key in {**mine, **its} if mine.get(key) != its.get(key)]
    if different:
        raise InputError(
            "experiment.other_questions",
            where=f"{one.label}, {other.label}",
            count=len(different),
            total=len({**mine, **its}),
            example=" ".join(different[0])[:_SHOWN],
        )


def asked_of(run: Finished) -> str:
    """A digest of all that was asked: the same for two runs whose scores are pairs."""
    asked = sorted((*key, *rest) for key, rest in _asked(run.of(), run.nats).items())
    return digest(*(part for row in asked for part in row))


def _asked(samples: Sequence[Sample], nats: Nats | None) -> dict[tuple[str, str], tuple[str, ...]]:
    """(held-out set, id) to what was asked; of likelihoods the group, as they keep no text."""
    rows = nats.after if nats else {}
    asked: dict[tuple[str, str], tuple[str, ...]] = {
        ("log-likelihood", key): (group,) for key, (_, group) in rows.items()
    }
    asked |= {(s.held_out, s.question_id): (s.question, s.reference, s.group) for s in samples}
    return asked


def why_no_claim(runs: Sequence[Finished]) -> str:
    """Code of the first reason why one of the runs claims no verdict; empty where all may.

    A leak in either of two runs makes their difference unfit for a verdict, whether its comparison
    found it or `leaks.json` tells of it now.
    """
    reasons = (
        r.unfit or ("" if r.summary.claims_verdict else r.summary.why_no_verdict) for r in runs
    )
    return next((why for why in reasons if why), "")
