"""Ratings unblinded: agreement of the raters, and a verdict for each criterion.

A question with three raters is one question: its score is the mean of their choices, and whole
groups of questions are the unit of the test and the interval.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from kamerton import stats
from kamerton.experiment.criteria import Judgeable
from kamerton.experiment.judge.decide import RULE, Decision, Rule, Scored, decide, unclaimed
from kamerton.experiment.judge.pairs import SCORE, Choice
from kamerton.experiment.judge.report import Human
from kamerton.experiment.rating.read import Rating, read_ratings
from kamerton.experiment.rating.sheet import Key, read_key
from kamerton.formats.jsonl import Record, insist_unique, read_rows, write_rows, write_text
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


class Rated(Record):
    """One criterion: agreement, figures and verdict."""

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


class RatingReport(Record):
    """All criteria of one sheet, as `ratings.json`."""

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
    opinions = []
    for one in ratings:
        secret = key.items[one.item]
        choice: Choice = "tuned" if one.said == secret.tuned else "base"
        if one.said in {"skip", "tie"}:
            choice = "unrated" if one.said == "skip" else "tie"
        opinions.append(Opinion(one.rater, secret.pair, secret.group, one.criterion, choice))
    return opinions


def consensus(opinions: Sequence[Opinion]) -> dict[tuple[str, str], Choice]:
    """(pair, criterion) to the choice of most raters, to calibrate a judge by.

    Where two choices have equally many votes it is a tie; where nobody rated, the pair is unrated.
    """
    votes: dict[tuple[str, str], Counter[Choice]] = {}
    for one in opinions:
        counts = votes.setdefault((one.pair, one.criterion), Counter())
        counts.update([one.choice] if one.choice in SCORE else [])
    return {place: _winner(counts) for place, counts in votes.items()}


def _winner(counts: Counter[Choice]) -> Choice:
    most = [choice for choice, count in counts.items() if count == max(counts.values())]
    return "unrated" if not most else most[0] if len(most) == 1 else "tie"


def rated(ratings: Sequence[Rating], key: Key, rule: Rule = RULE) -> list[Rated]:
    """Agreement and verdict of every criterion, with Holm's correction among them."""
    opinions = unblinded(ratings, key)
    groups = {secret.pair: secret.group for secret in key.items.values()}
    tables: dict[str, dict[str, list[float]]] = {
        name: {pair: [] for pair in groups} for name in key.criteria
    }
    for one in opinions:
        if one.choice != "unrated":
            tables[one.criterion][one.pair].append(SCORE[one.choice])
    same = [Scored(group, 0.0) for group in key.identical.values()]
    family = [
        [Scored(groups[p], sum(of) / len(of) if of else None) for p, of in table.items()] + same
        for table in tables.values()
    ]
    return [
        _rated(name, ratings, opinions, table, key, decision)
        for (name, table), decision in zip(tables.items(), decide(family, rule), strict=True)
    ]


def _rated(
    name: Judgeable,
    ratings: Sequence[Rating],
    opinions: Sequence[Opinion],
    table: Mapping[str, list[float]],
    key: Key,
    decision: Decision,
) -> Rated:
    """`table`: pair to the scores that raters gave it, in the order of the key."""
    choices = Counter(o.choice for o in opinions if o.criterion == name)
    said = Counter(r.said for r in ratings if r.criterion == name)
    sided = said["left"] + said["right"]
    groups = [secret.group for secret in key.items.values()]
    agreement = stats.alpha(list(table.values()), groups, "ordinal")
    shown: tuple[Choice, ...] = ("tuned", "base", "tie", "unrated")
    return Rated(
        criterion=name,
        raters=len({o.rater for o in opinions if o.criterion == name and o.choice != "unrated"}),
        questions=len(table) + len(key.identical),
        identical=len(key.identical),
        unrated=sum(not scores for scores in table.values()),
        ratings={choice: choices[choice] for choice in shown},
        left_chosen=said["left"] / sided if sided else None,
        alpha=agreement.value,
        compared=agreement.units,
        decision=decision,
    )


CHOICES = "ratings.jsonl"
"""What raters chose of each pair, unblinded; a judge is calibrated by it."""


class Chosen(Record):
    """One pair on one criterion."""

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
