"""One evaluation by multiple choice: each choice scored behind its question, and the figures.

The folder has `scores.jsonl` (the ledger), `scored.jsonl` (every question) and `results.json`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from kamerton import stats
from kamerton.client.connection import Model
from kamerton.client.ledger import Ledger
from kamerton.experiment.ask import scoring
from kamerton.experiment.ask.choice.prompts import context, continuations, names
from kamerton.experiment.ask.choice.rows import (
    SCORED,
    ChoiceFigures,
    ChoiceResults,
    Chosen,
    Position,
)
from kamerton.experiment.ask.choice.table import Item, Items
from kamerton.experiment.ask.evaluate import RESULTS
from kamerton.experiment.ask.scoring import SCORES, Likelihood, Part, Text, Tokens
from kamerton.experiment.scorers.likelihood_rows import ChoiceRow, Norm, Option, score_choices
from kamerton.formats.errors import InputError
from kamerton.formats.jsonl import write_rows, write_text
from kamerton.formats.language import Language
from kamerton.formats.manifest import digest
from kamerton.formats.scores import Interval

_TIE = 1e-9
_NORMS: tuple[Norm, Norm] = ("none", "characters")


@dataclass(frozen=True)
class Choosing:
    """What is evaluated, and how."""

    title: str
    """The model as a reader calls it."""
    language: Language = "en"
    shots: int = 0
    """The first so many questions of the table are worked examples, and are not asked."""
    letters: bool = False
    """List the choices and score their letters, not their texts."""
    limit: int | None = None
    seed: int = 0
    """Of the bootstrap."""


@dataclass(frozen=True)
class _Asked:
    """One question as it is scored."""

    item: Item
    context: str
    choices: tuple[str, ...]


def evaluate(what: Choosing, table: Items, model: Model, out: Path) -> ChoiceResults:
    """Score, count and write; a second start scores only what the first one left open.

    InputError for a table without questions to ask, for a question that is longer than the model
    reads, and when the server is gone; what it scored is kept.
    """
    asked = _asked(what, table)
    parts = [part for one in _parts(model, asked) for part in one]
    found = scoring.score_all(model, parts, Ledger(out / SCORES, Likelihood, "key"))
    rows = _rows(asked, found.parts)
    figures, chosen = _figures(rows, asked, what)
    results = ChoiceResults(
        task="choice",
        model=what.title,
        fingerprint=model.fingerprint,
        prompts=digest(*(one.context + choice for one in asked for choice in one.choices)),
        language=what.language,
        shots=what.shots,
        letters=what.letters,
        read_as=table.read_as,
        signature="; ".join(score_choices(rows, norm).signature for norm in _NORMS),
        cached=found.cached,
        tokens=sum(len(part.ids) for part in parts),
        figures=figures,
    )
    write_rows(out / SCORED, chosen)
    write_text(out / RESULTS, results.model_dump_json(indent=2) + "\n")
    return results


def check(what: Choosing, table: Items) -> None:
    """InputError where worked examples leave no question to ask."""
    if what.shots >= len(table.items):
        where = table.items[-1].where
        raise InputError("experiment.choice_all_shots", where=where, shots=what.shots)


def _asked(what: Choosing, table: Items) -> list[_Asked]:
    check(what, table)
    shots, rest = table.items[: what.shots], table.items[what.shots :]
    return [
        _Asked(
            item,
            context(item, shots, what.language, what.letters),
            continuations(item, what.language, what.letters),
        )
        for item in rest[: what.limit]
    ]


def _parts(model: Model, asked: Sequence[_Asked]) -> list[list[Part]]:
    """Each question's choices in tokens behind what they have in common."""
    wanted = [
        Text(one.item.where, text)
        for one in asked
        for text in (one.context, *(one.context + choice for choice in one.choices))
    ]
    split = iter(scoring.tokenized(model, wanted))
    found: list[list[Part]] = []
    for one in asked:
        before, wholes = next(split), [next(split) for _ in one.choices]
        first = min(boundary(before.ids, whole.ids) for whole in wholes)
        found.append([_part(one.item, whole, first) for whole in wholes])
    return found


def _part(item: Item, whole: Tokens, first: int) -> Part:
    if first < 1 or len(whole.ids) > whole.room:
        count = len(whole.ids)
        raise InputError(
            "experiment.choice_too_long", where=item.where, count=count, room=whole.room
        )
    return Part(item.where, whole.ids, first)


def boundary(before: Sequence[int], whole: Sequence[int]) -> int:
    """The token of the whole from which on it is scored.

    The number of tokens of the context alone, as in lm-evaluation-harness; less where the last of
    them grew together with the choice. At least one token is left.

    >>> boundary([1, 2, 3], [1, 2, 3, 4, 5]), boundary([1, 2, 3], [1, 2, 9]), boundary([1], [1])
    (3, 2, 0)
    """
    pairs = list(zip(before, whole, strict=False))
    same = next((place for place, (a, b) in enumerate(pairs) if a != b), len(pairs))
    return min(same, len(whole) - 1)


def _rows(asked: Sequence[_Asked], found: Sequence[Likelihood]) -> list[ChoiceRow]:
    left = iter(found)
    rows: list[ChoiceRow] = []
    for one in asked:
        options = [
            # The length is that of the choice as it was written, as in lm-evaluation-harness.
            Option(
                text=choice.strip(),
                log_likelihood=min(0.0, like.log_likelihood),
                tokens=like.tokens,
            )
            for choice, like in zip(one.choices, left, strict=False)
        ]
        item = one.item
        rows.append(ChoiceRow(id=item.id, group=item.group, options=options, right=item.right))
    return rows


def _figures(
    rows: Sequence[ChoiceRow], asked: Sequence[_Asked], what: Choosing
) -> tuple[ChoiceFigures, list[Chosen]]:
    scored = {norm: score_choices(rows, norm).items for norm in _NORMS}
    plain, normed = ([float(value or 0) for value in scored[norm]] for norm in _NORMS)
    groups = [row.group or row.id for row in rows]
    accuracy, method = interval(plain, groups, what.seed)
    accuracy_norm, _ = interval(normed, groups, what.seed)
    counts = [len(row.options) for row in rows]
    positions = _positions(rows, what.language)
    figures = ChoiceFigures(
        questions=len(rows),
        groups=len(set(groups)),
        accuracy=accuracy,
        accuracy_norm=accuracy_norm,
        method=method,
        chance=sum(1 / count for count in counts) / len(counts),
        always=max(one.right for one in positions),
        ties=sum(len(likeliest(row)) > 1 for row in rows),
        positions=positions,
    )
    chosen = [
        Chosen(**dict(row), question=one.item.question, score=a, score_norm=b)
        for row, one, a, b in zip(rows, asked, plain, normed, strict=True)
    ]
    return figures, chosen


def interval(values: Sequence[float], groups: Sequence[str], seed: int) -> tuple[Interval, str]:
    """A share with its 95 % interval, and the method's name.

    Wilson's for independent rights and wrongs; a bootstrap over groups where questions hang
    together, or where ties count in part.
    """
    if set(values) <= {0.0, 1.0} and len(set(groups)) == len(groups):
        return stats.wilson(int(sum(values)), len(values)), "wilson"
    return stats.bootstrap(values, groups, (0.0, 1.0), seed=seed), "bootstrap"


def likeliest(row: ChoiceRow, by_characters: bool = False) -> list[int]:
    """Places of the likeliest choices: one, but for ties."""
    scores = [one.log_likelihood / (len(one.text) if by_characters else 1) for one in row.options]
    best = max(scores)
    return [place for place, score in enumerate(scores) if best - score <= _TIE]


def _positions(rows: Sequence[ChoiceRow], language: Language) -> list[Position]:
    count = max(len(row.options) for row in rows)
    right = [0.0] * count
    chosen, normed = [0.0] * count, [0.0] * count
    for row in rows:
        right[row.right] += 1
        for counted, by_characters in ((chosen, False), (normed, True)):
            places = likeliest(row, by_characters)
            for place in places:
                counted[place] += 1 / len(places)
    # One remark for each place: their level is divided by their number (Bonferroni).
    level = 1 - 0.05 / count
    return [
        Position(
            letter=letter,
            right=right[place] / len(rows),
            chosen=chosen[place] / len(rows),
            chosen_norm=normed[place] / len(rows),
            leans=stats.wilson(int(chosen[place]), len(rows), level).low > right[place] / len(rows),
        )
        for place, letter in enumerate(names(count, language))
    ]
