"""What the verdict on rows rests on: held-out answers, and held-out choices of people.

Answers (losses.jsonl): the score of an arm is its mean log-likelihood in nats for each token, the
loss with its sign turned, so that more is better. Every answer counts the same, however long; the
difference of two means is the logarithm of a ratio of perplexities (geometric means over the
answers). Groups are the units.

Choices (choices.jsonl): the score is the log-probability that the arm gives to what a person said,
in nats for each choice, by the model of the objective (the odds of a choice are those of the
rewards; Rafailov et al. 2023, arXiv 2305.18290; Ethayarajh et al. 2024, arXiv 2402.01306). Beside
it stands the share of pairs of which the arm finds the preferred answer the likelier one: no
reference model has a part in that. Questions are the units.
"""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

from kamerton.experiment.design import TUNING
from kamerton.experiment.measures import WIDEST, Measure
from kamerton.experiment.settings import ExperimentSettings
from kamerton.formats.errors import InputError
from kamerton.formats.jsonl import check_row, read_objects
from kamerton.formats.losses import CHOICES, LOSSES, ChoiceRow, LossRow

LIKELIHOOD, CHOICE, PREFERRED = "log_likelihood", "choice_log_likelihood", "preferred_likelier"
"""Names of the criteria in summary.json."""
DECLARED: dict[str, tuple[str, ...]] = {
    "sft": (LIKELIHOOD,),
    "dpo": (CHOICE, PREFERRED),
    "kto": (CHOICE, PREFERRED),
}
"""What the primary hypotheses of each objective are about; it is said before the run. With kto
pairs are there only where held-out answers to one prompt were judged both good and bad."""
_Row = TypeVar("_Row", LossRow, ChoiceRow)


def losses(tune: Path) -> list[LossRow]:
    """The rows of `tune`/losses.jsonl; none where the training left none.

    InputError names the line of a loss that is no number: a training that went wrong.
    """
    return _read(tune / LOSSES, LossRow)


def choices(tune: Path) -> list[ChoiceRow]:
    """The rows of `tune`/choices.jsonl, with the same errors; none where there are none."""
    return _read(tune / CHOICES, ChoiceRow)


def _read(path: Path, form: type[_Row]) -> list[_Row]:
    if not path.is_file() or not path.stat().st_size:
        return []
    rows = []
    for number, fields in read_objects(path):
        where = f"{path}:{number}"
        row = check_row(fields, form, where)
        for value in (row.before, row.after):
            if not (math.isfinite(value) and value >= 0):
                raise InputError("experiment.impossible_loss", where=where, value=value)
        rows.append(row)
    return rows


def measures(
    lost: Sequence[LossRow], chosen: Sequence[ChoiceRow], settings: ExperimentSettings
) -> list[Measure]:
    """The measures that the rows allow, each a hypothesis of its own.

    How likely held-out answers are, in nats for each token; how likely held-out choices are, in
    nats for each choice; and of the rows that have a pair, whether the preferred answer is the
    likelier one.
    """
    made = []
    if lost:
        made.append(_of_nats(TUNING, LIKELIHOOD, lost, groups(lost), settings))
    if chosen:
        questions = [row.question for row in chosen]
        by_definition = len({row.before for row in chosen}) == 1
        made.append(_of_nats("choices", CHOICE, chosen, questions, settings, by_definition))
    pairs = [
        (row.right_after, row.right_before, row.question)
        for row in chosen
        if row.right_after is not None and row.right_before is not None
    ]
    if pairs:
        after, before, of = zip(*pairs, strict=True)
        made.append(
            Measure(
                name="pairs",
                criterion=PREFERRED,
                arm=list(after),
                against=list(before),
                groups=list(of),
                bounds=(0.0, 1.0),
                widest=1.0,
                margin=settings.margin,
            )
        )
    return made


def _of_nats(
    name: str,
    criterion: str,
    rows: Sequence[LossRow] | Sequence[ChoiceRow],
    units: list[str],
    settings: ExperimentSettings,
    by_definition: bool = False,
) -> Measure:
    widest = max(WIDEST, *(max(row.before, row.after) for row in rows))
    return Measure(
        name=name,
        criterion=criterion,
        arm=[-row.after for row in rows],
        against=[-row.before for row in rows],
        groups=units,
        bounds=(-widest, 0.0),
        widest=widest,
        margin=settings.loss_margin,
        exact=by_definition,
    )


def groups(rows: Sequence[LossRow]) -> list[str]:
    """The unit of each row: its group, or itself."""
    return [row.group or row.id for row in rows]
