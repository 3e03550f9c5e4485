"""The verdict on held-out loss: how well a model says the held-out answers, before and after.

The score of an arm on a held-out answer is its mean log-likelihood, in nats for each token: the
loss with its sign turned, so that more is better, as with every other criterion. Every answer
counts the same, however long; the difference of two means is the logarithm of a ratio of
perplexities (geometric means over the answers). Groups are the units, as everywhere.
"""

import math
from collections.abc import Sequence
from pathlib import Path

from kamerton import stats
from kamerton.experiment.design import TUNING
from kamerton.experiment.settings import ExperimentSettings
from kamerton.formats.errors import InputError
from kamerton.formats.jsonl import check_row, read_objects
from kamerton.formats.losses import LOSSES, LossRow
from kamerton.formats.scores import Cell, Comparison

LIKELIHOOD = "log_likelihood"
"""The criterion's name in summary.json."""
WIDEST = 20.0
"""More nats than guessing among all tokens of any vocabulary: what one group alone can show."""
POWER = 0.8


def losses(tune: Path) -> list[LossRow]:
    """The rows of `tune`/losses.jsonl; none where the training left none.

    InputError names the line of a loss that is no number: a training that went wrong.
    """
    path = tune / LOSSES
    if not path.is_file() or not path.stat().st_size:
        return []
    found = []
    for number, row in read_objects(path):
        where = f"{path}:{number}"
        loss = check_row(row, LossRow, where)
        for value in (loss.before, loss.after):
            if not (math.isfinite(value) and value >= 0):
                raise InputError("experiment.impossible_loss", where=where, value=value)
        found.append(loss)
    return found


def comparison(
    rows: Sequence[LossRow],
    arm: str,
    against: str,
    settings: ExperimentSettings,
    seed: int,
    claims_verdict: bool,
) -> Comparison:
    """The primary hypothesis of a rows recipe: `arm` says held-out answers better than `against`.

    `effect` is in nats for each token; McNemar's test counts the answers that became likelier and
    those that became less likely: a sign test, answers taken as independent.
    """
    gains, units = [row.before - row.after for row in rows], groups(rows)
    widest = _widest(rows)
    effect = stats.bootstrap(gains, units, (-widest, widest), settings.resamples, seed)
    p = stats.sign_flip(gains, units, settings.resamples, seed)
    verdict = stats.verdict(effect, p, settings.alpha, settings.loss_margin)
    better, worse = sum(g > 0 for g in gains), sum(g < 0 for g in gains)
    return Comparison(
        name=TUNING,
        family="primary",
        arm=arm,
        against=against,
        held_out="rows",
        criterion=LIKELIHOOD,
        verdict=verdict if claims_verdict else "not enough evidence",
        effect=effect,
        p=p,
        p_holm=p,
        mcnemar_p=stats.mcnemar(better, worse),
        questions=len(rows),
        groups=len(set(units)),
        better=better,
        worse=worse,
        detectable=detectable(gains, units, settings.alpha),
    )


def cells(
    rows: Sequence[LossRow], arm: str, against: str, settings: ExperimentSettings, seed: int
) -> list[Cell]:
    """Mean log-likelihood of both arms, in nats for each token, with intervals."""
    units, bounds = groups(rows), (-_widest(rows), 0.0)
    values = {against: [-row.before for row in rows], arm: [-row.after for row in rows]}
    return [
        Cell(
            arm=name,
            held_out="rows",
            criterion=LIKELIHOOD,
            questions=len(rows),
            groups=len(set(units)),
            score=stats.bootstrap(scores, units, bounds, settings.resamples, seed),
        )
        for name, scores in values.items()
    ]


def groups(rows: Sequence[LossRow]) -> list[str]:
    """The unit of each row: its group, or itself."""
    return [row.group or row.id for row in rows]


def _widest(rows: Sequence[LossRow]) -> float:
    return max(WIDEST, *(max(row.before, row.after) for row in rows))


def detectable(
    differences: Sequence[float], units: Sequence[str], alpha: float, power: float = POWER
) -> float:
    """Smallest true mean difference that is found in `power` of all runs, in nats for each token.

    (t[1 - alpha/2, G - 1] + t[power, G - 1]) * se, with the cluster-robust standard error of the
    mean over G groups (Miller 2024, arXiv 2411.00640, with G / (G - 1)): the spread is the one
    that was found, the effect is not used. With fewer than two groups: `WIDEST`.
    """
    import numpy as np
    from scipy.stats import t

    names, index = np.unique(np.asarray(units), return_inverse=True)
    count = len(names)
    if count < 2:
        return WIDEST
    values = np.asarray(differences, dtype=float)
    residuals = np.bincount(index, weights=values - values.mean())
    error = float(np.sqrt(count / (count - 1) * np.sum(residuals**2)) / len(values))
    return float(t.ppf(1 - alpha / 2, count - 1) + t.ppf(power, count - 1)) * error
