"""Ratings unblinded: agreement of the raters, and a verdict for each criterion.

A question with three raters is one question: its score is the mean of their choices, and whole
groups of questions are the unit of the test and the interval.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from kamerton import stats
from kamerton.experiment.criteria import Judgeable
from kamerton.experiment.judge.decide import RULE, Decision, Rule, Scored, decide, unclaimed
from kamerton.experiment.judge.doubts import Human
from kamerton.experiment.judge.pairs import SCORE, Choice
from kamerton.experiment.rating.read import Rating, Said, read_ratings
from kamerton.experiment.rating.sheet import Key, Secret, read_key
from kamerton.formats.jsonl import insist_unique, read_rows, write_rows, write_text
from kamerton.formats.scores import Interval

FILE = "ratings.json"


@dataclass(frozen=True)
class Opinion:
    """What one rater chose of one pair, no longer blind."""

    rater: str
    pair: str
    group: str
    criterion: Judgeable
    choice: Choice


class Rated(BaseModel):
    """One criterion: agreement, figures and verdict."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    criterion: Judgeable
    raters: int
    """Raters who rated anything by it."""
    questions: int
    identical: int
    """Of the questions: equal answers, ties that nobody was shown."""
    unrated: int
    """Questions that no rater has rated."""
    ratings: dict[str, int]
    """Choice to the number of single ratings."""
    left_chosen: float | None
    """Share of the ratings with a winner that went to the left side; one half is right."""
    alpha: Interval | None
    """Krippendorff's ordinal alpha over base, tie, tuned; None where it is not defined."""
    compared: int
    """Questions with two ratings or more."""
    decision: Decision


class RatingReport(BaseModel):
    """All criteria of one sheet, as `ratings.json`."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    sheet: str
    raters: list[str]
    criteria: list[Rated]


def rate(
    paths: Sequence[Path], key_file: Path, out: Path, rule: Rule = RULE, claims: bool = True
) -> RatingReport:
    """Read the raters' files, unblind them by the key, and write `ratings.json` into `out`.

    `claims` is false for a run that may claim no verdict: none is written, the figures stay.
    """
    key = read_key(key_file)
    ratings = read_ratings(paths, key)
    report = RatingReport(
        sheet=key.sheet,
        raters=sorted({one.rater for one in ratings if one.said != "skip"}),
        criteria=rated(ratings, key, rule),
    )
    report = report if claims else silenced(report)
    write_text(out / FILE, report.model_dump_json(indent=2) + "\n")
    return report


def silenced(found: RatingReport) -> RatingReport:
    """The report without verdicts: for a run that may claim none."""
    plain = [c.model_copy(update={"decision": unclaimed(c.decision)}) for c in found.criteria]
    return found.model_copy(update={"criteria": plain})


def unblinded(ratings: Sequence[Rating], key: Key) -> list[Opinion]:
    """Every rating with its pair and the arm that it chose."""
    found = []
    for one in ratings:
        secret = key.items[one.item]
        choice = _choice(one.said, secret)
        found.append(Opinion(one.rater, secret.pair, secret.group, one.criterion, choice))
    return found


def consensus(opinions: Sequence[Opinion]) -> dict[tuple[str, str], Choice]:
    """(pair, criterion) to the choice of most raters, to calibrate a judge by.

    Where two choices have equally many votes it is a tie; where nobody rated, the pair is unrated.
    """
    found: dict[tuple[str, str], Choice] = {}
    for place in dict.fromkeys((one.pair, one.criterion) for one in opinions):
        votes = [o.choice for o in opinions if (o.pair, o.criterion) == place]
        counts = {choice: votes.count(choice) for choice in SCORE}
        most = [
            choice for choice, count in counts.items() if count and count == max(counts.values())
        ]
        found[place] = "unrated" if not most else most[0] if len(most) == 1 else "tie"
    return found


def rated(ratings: Sequence[Rating], key: Key, rule: Rule = RULE) -> list[Rated]:
    """Agreement and verdict of every criterion, with Holm's correction among them."""
    opinions = unblinded(ratings, key)
    tables = {
        name: _table([o for o in opinions if o.criterion == name], key) for name in key.criteria
    }
    decisions = decide([_scored(tables[name], key) for name in key.criteria], rule)
    return [
        _rated(name, ratings, opinions, tables[name], key, decision)
        for name, decision in zip(key.criteria, decisions, strict=True)
    ]


def _choice(said: Said, secret: Secret) -> Choice:
    if said in {"skip", "tie"}:
        return "unrated" if said == "skip" else "tie"
    return "tuned" if said == secret.tuned else "base"


Table = Mapping[str, list[float]]
"""Pair id to the scores that raters gave it; an empty list where nobody did."""


def _table(opinions: Sequence[Opinion], key: Key) -> Table:
    table: dict[str, list[float]] = {secret.pair: [] for secret in key.items.values()}
    for one in opinions:
        if one.choice != "unrated":
            table[one.pair].append(SCORE[one.choice])
    return table


def _scored(table: Table, key: Key) -> list[Scored]:
    groups = {secret.pair: secret.group for secret in key.items.values()}
    shown = [
        Scored(groups[pair], sum(scores) / len(scores) if scores else None)
        for pair, scores in table.items()
    ]
    return shown + [Scored(group, 0.0) for group in key.identical.values()]


def _rated(
    name: Judgeable,
    ratings: Sequence[Rating],
    opinions: Sequence[Opinion],
    table: Table,
    key: Key,
    decision: Decision,
) -> Rated:
    own = [o for o in opinions if o.criterion == name]
    said = [r.said for r in ratings if r.criterion == name and r.said in {"left", "right"}]
    groups = {secret.pair: secret.group for secret in key.items.values()}
    agreement = stats.alpha(list(table.values()), [groups[pair] for pair in table], "ordinal")
    choices: tuple[Choice, ...] = ("tuned", "base", "tie", "unrated")
    return Rated(
        criterion=name,
        raters=len({o.rater for o in own if o.choice != "unrated"}),
        questions=len(table) + len(key.identical),
        identical=len(key.identical),
        unrated=sum(not scores for scores in table.values()),
        ratings={choice: sum(o.choice == choice for o in own) for choice in choices},
        left_chosen=said.count("left") / len(said) if said else None,
        alpha=agreement.value,
        compared=agreement.units,
        decision=decision,
    )


CHOICES = "ratings.jsonl"
"""What raters chose of each pair, unblinded; a judge is calibrated by it."""


class Chosen(BaseModel):
    """One pair on one criterion."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    pair: str
    criterion: Judgeable
    choice: Choice
    """Of most raters; a tie where two choices have equally many."""
    raters: dict[str, Choice]
    """Rater to what they chose."""


def write_choices(paths: Sequence[Path], key_file: Path, out: Path) -> list[Chosen]:
    """Read the raters' files, unblind them by the key, and write `ratings.jsonl` into `out`."""
    key = read_key(key_file)
    opinions = unblinded(read_ratings(paths, key), key)
    by: dict[tuple[str, Judgeable], list[Opinion]] = {}
    for one in opinions:
        by.setdefault((one.pair, one.criterion), []).append(one)
    rows = [
        Chosen(
            pair=pair,
            criterion=criterion,
            choice=consensus(of)[pair, criterion],
            raters={one.rater: one.choice for one in of},
        )
        for (pair, criterion), of in by.items()
    ]
    write_rows(out / CHOICES, rows)
    return rows


def read_choices(folder: Path) -> Human | None:
    """People's choices to calibrate a judge by; None where nobody has rated the run."""
    path = folder / CHOICES
    if not path.is_file():
        return None
    rows = read_rows(path, Chosen)
    insist_unique(((row.pair, row.criterion) for row in rows), str(path))
    found: Human = {(row.pair, row.criterion): row.choice for row in rows}
    return found if any(choice != "unrated" for choice in found.values()) else None
