"""The effect of training on preferences: rewards and ranks, before and after.

An answer's reward is beta times what training added to its log-probability (Rafailov et al. 2023,
section 4); so every reward is 0 before, and only its sign and differences mean something.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import cast

from kamerton.develop.tune.preference.rows import Answered, Judged, Pair, Row
from kamerton.formats.losses import ChoiceRow

LogProbs = Mapping[Answered, float]
Figures = dict[str, float | None]


def compare(
    objective: str, rows: Sequence[Row], before: LogProbs, after: LogProbs, beta: float
) -> dict[str, object]:
    """Figures of rows under the starting model and under the trained one.

    `before` and `after` hold the log-probability in nats of each row's answers.
    """
    figures = _FIGURES[objective]
    return {
        "rows": len(rows),
        "before": figures(rows, before, before, beta),
        "after": figures(rows, before, after, beta),
    }


def paired(rows: Sequence[Row], before: LogProbs, after: LogProbs) -> Figures | None:
    """Whether the trained model prefers what people preferred more than the starting model did.

    The unit is the group (a user). Of a pair counts by how many nats training raised the better
    answer above the worse one; of a judged answer by how many it raised a good one, or lowered a
    bad one. Mean with its interval, and p of the sign-flip test; None for less than two groups.
    """
    from kamerton.stats import bootstrap, sign_flip

    groups = [row.group for row in rows]
    if len(set(groups)) < 2:
        return None
    gains = [_gain(row, before, after) for row in rows]
    interval = bootstrap(gains, groups, (-math.inf, math.inf))
    return {
        "groups": len(set(groups)),
        "mean_gain": interval.mean,
        "low": interval.low,
        "high": interval.high,
        "p": sign_flip(gains, groups),
    }


def choices(rows: Sequence[Row], before: LogProbs, after: LogProbs, beta: float) -> list[ChoiceRow]:
    """Cross-entropy of what people said of held-out answers, in nats for each choice or vote.

    That an answer is preferred, or good, has the odds of its reward (the models of DPO and KTO);
    the starting model is their zero, so every row begins at ln 2, the loss of a coin. Whether the
    preferred answer is the likelier one is asked of the log-probabilities of whole answers, with
    no reference: of a pair, and of a good answer whose prompt has bad ones too.
    """
    bad: dict[tuple[int, ...], list[Answered]] = {}  # by their prompt
    for row in rows:
        if isinstance(row, Judged) and not row.good:
            bad.setdefault(row.given.prompt, []).append(row.given)
    return [
        ChoiceRow(
            id=row.id,
            question=row.question,
            group=row.group,
            before=math.log(2),
            after=math.log1p(math.exp(-abs(odds))) + max(-odds, 0.0),  # -log sigmoid
            right_before=_likelier(row, bad, before),
            right_after=_likelier(row, bad, after),
        )
        for row in rows
        for odds in [beta * _gain(row, before, after)]
    ]


def _likelier(
    row: Row, bad: Mapping[tuple[int, ...], Sequence[Answered]], now: LogProbs
) -> float | None:
    """How often the row's preferred answer is likelier than the others of its prompt."""
    if isinstance(row, Pair):
        return _right(now[row.better] - now[row.worse])
    others = bad.get(row.given.prompt, ()) if row.good else ()
    return _mean([_right(now[row.given] - now[other]) for other in others])


def _gain(row: Row, before: LogProbs, after: LogProbs) -> float:
    moved = [after[answer] - before[answer] for answer in row.answers]
    if isinstance(row, Pair):
        return moved[0] - moved[1]
    return moved[0] if row.good else -moved[0]


def _pairs(rows: Sequence[Row], start: LogProbs, now: LogProbs, beta: float) -> Figures:
    """Mean margin of the rewards, and shares of pairs in the right order; a tie is half a pair.

    `reward_accuracy` ranks by rewards, `ranked_right` by the log-probabilities of whole answers,
    which favour short ones under any model.
    """
    pairs = cast(Sequence[Pair], rows)
    ranks = [now[p.better] - now[p.worse] for p in pairs]
    margins = [
        beta * (r - start[p.better] + start[p.worse]) for r, p in zip(ranks, pairs, strict=True)
    ]
    return {
        "reward_margin": _mean(margins),
        "reward_accuracy": _mean([_right(margin) for margin in margins]),
        "ranked_right": _mean([_right(rank) for rank in ranks]),
    }


def _judged(rows: Sequence[Row], start: LogProbs, now: LogProbs, beta: float) -> Figures:
    """Mean rewards of good and bad answers; the share of (good, bad) that they rank right."""
    from scipy.stats import mannwhitneyu

    rewards: dict[bool, list[float]] = {True: [], False: []}
    for row in cast(Sequence[Judged], rows):
        rewards[row.good].append(beta * (now[row.given] - start[row.given]))
    good, bad = _mean(rewards[True]), _mean(rewards[False])
    figures: Figures = {"reward_good": good, "reward_bad": bad}
    if good is None or bad is None:
        return figures | {"reward_margin": None, "reward_accuracy": None}
    # Mann and Whitney's U as a share of all pairs; a tie is half a pair.
    u = float(mannwhitneyu(rewards[True], rewards[False]).statistic)
    accuracy = u / (len(rewards[True]) * len(rewards[False]))
    return figures | {"reward_margin": good - bad, "reward_accuracy": accuracy}


_FIGURES: dict[str, Callable[[Sequence[Row], LogProbs, LogProbs, float], Figures]] = {
    "dpo": _pairs,
    "kto": _judged,
}


def _right(difference: float) -> float:
    return 0.5 if difference == 0 else float(difference > 0)


def _mean(values: Sequence[float]) -> float | None:
    return sum(values) / len(values) if values else None
