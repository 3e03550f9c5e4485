"""Several finished runs on the same held-out questions: scores, paired verdicts, one family.

Primary family: every other run against the first on the primary criterion, Holm's correction over
all of them; secondary family: the same on the other criteria.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from kamerton.experiment import measures
from kamerton.experiment.compare import cells, comparisons
from kamerton.experiment.design import Design
from kamerton.experiment.finished import Finished, insist_same_questions, why_no_claim
from kamerton.experiment.measures import WIDEST, Claim, Family, Measure
from kamerton.experiment.settings import Hypothesis
from kamerton.formats.errors import InputError
from kamerton.formats.questions import HeldOut
from kamerton.formats.scores import Cell, Comparison, Sample
from kamerton.formats.serving import BASE

SETS: tuple[HeldOut, ...] = ("known", "unknown", "safety", "rows", "prompts")


@dataclass(frozen=True)
class Board:
    """Scores of all runs, and what may be claimed of them."""

    labels: list[str]
    """The runs; in a comparison the first is what the others are held against."""
    why: str
    """Code of the reason why no verdict is claimed; empty where one may be."""
    primary: str
    cells: list[Cell]
    comparisons: list[Comparison]


def compared(runs: Sequence[Finished]) -> Board:
    """Every run against the first one, question by question.

    InputError where two runs were asked different questions, or one is named twice.
    """
    labels = [run.label for run in runs]
    if len(set(labels)) < len(labels) or len(labels) < 2:
        raise InputError("experiment.compare_twice", where=", ".join(labels))
    for other in runs[1:]:
        insist_same_questions(runs[0], other)
    pairs = [(run, runs[0].label) for run in runs[1:]]
    return _board(runs[0], list(runs), pairs, why_no_claim(runs))


def leaderboard(runs: Sequence[Finished]) -> Board:
    """Runs that were asked the same, the best first, each against its own base model.

    Against a fixed arm, not against the best: the best of many is chosen by luck as well.
    """
    bases = [replace(run, label=f"{run.label}#{BASE}", arm=BASE) for run in runs]
    pairs = zip(runs, bases, strict=True)
    with_base = [(run, base) for run, base in pairs if BASE in run.summary.arms]
    everything = [*runs, *(base for _, base in with_base)]
    against = [(run, base.label) for run, base in with_base]
    found = _board(runs[0], everything, against, why_no_claim(runs))
    primary = (runs[0].primary, runs[0].primary_sets[0])
    scores = {c.arm: c.score.mean for c in found.cells if (c.criterion, c.held_out) == primary}
    own = [run.label for run in runs]
    labels = sorted(own, key=lambda label: -scores.get(label, float("-inf")))
    kept = [cell for cell in found.cells if cell.arm in own]
    return replace(found, labels=labels, cells=kept)


def _board(
    first: Finished, runs: Sequence[Finished], pairs: Sequence[tuple[Finished, str]], why: str
) -> Board:
    by_label = {run.label: run for run in runs}
    samples = relabelled(runs)
    on = first.settings
    claimed = [claim for run, against in pairs for claim in _claims(first, run.label, against)]
    plan = Design(first.primary, (), on.alpha)
    told = comparisons(samples, claimed, on, plan, first.seed, not why)
    nats = [(run, by_label[against]) for run, against in pairs]
    lost, means = _of_nats(first, nats, why)
    criteria = list(dict.fromkeys(name for s in samples for name in s.scores))
    scores = cells(samples, on, first.seed, SETS, criteria)
    return Board([run.label for run in runs], why, first.primary, means + scores, lost + told)


def relabelled(runs: Sequence[Finished]) -> list[Sample]:
    """The answers of the runs' own arms, under the runs' names."""
    return [s.model_copy(update={"arm": run.label}) for run in runs for s in run.of()]


def _claims(first: Finished, label: str, against: str) -> list[Claim]:
    """What is tested of one run: every criterion on every set that has scores."""
    places = dict.fromkeys((name, s.held_out) for s in first.of() for name in s.scores)
    primary = (first.primary, first.primary_sets[0])
    return [
        Claim(
            "primary" if (criterion, held_out) == primary else "secondary",
            Hypothesis(name=label, arm=label, against=against, held_out=held_out),
            criterion,
        )
        for criterion, held_out in places
        if held_out != "prompts"  # few, chosen by hand: shown, never tested
    ]


def _of_nats(
    first: Finished, pairs: Sequence[tuple[Finished, Finished]], why: str
) -> tuple[list[Comparison], list[Cell]]:
    """The same of runs over rows, whose primary measure is what training left."""
    found = [
        (run, other, _measure(run, other, run.nats.criterion)) for run, other in pairs if run.nats
    ]
    family: Family = "secondary" if first.settings.rows_primary else "primary"
    claimed = [
        pair
        for run, other, m in found
        for pair in measures.of_rows([m], run.label, other.label, family)
    ]
    told = measures.comparisons(claimed, first.settings, first.seed, not why)
    means = [
        cell
        for run, other, m in found
        for cell in measures.cells([m], run.label, other.label, first.settings, first.seed)
    ]
    return told, list({cell.arm: cell for cell in means}.values())


def _measure(run: Finished, other: Finished, criterion: str) -> Measure:
    mine, its = (one.scores(criterion, "rows") for one in (run, other))
    keys = list(mine)
    arm, against = ([scores[key][0] for key in keys] for scores in (mine, its))
    widest = max(WIDEST, *(-value for value in (*arm, *against)))
    return Measure(
        name=run.label,
        criterion=criterion,
        arm=arm,
        against=against,
        groups=[mine[key][1] for key in keys],
        bounds=(-widest, 0.0),
        widest=widest,
        margin=run.settings.loss_margin,
    )
