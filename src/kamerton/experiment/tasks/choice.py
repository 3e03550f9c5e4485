"""Multiple choice from a user's own table: which of the given answers a model finds likeliest.

The form is that of lm-evaluation-harness's ARC: `Question: …`, `Answer:`, and each choice behind
one blank; with `letters` that of MMLU: the choices are listed, and their letters are scored.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from kamerton import stats
from kamerton.client.connection import Model
from kamerton.experiment.ask.evaluate import Report, Scoring
from kamerton.experiment.ask.scoring import Likelihood, Part, Scored, Text, Tokens
from kamerton.experiment.scorers.likelihood_rows import ChoiceRow, Norm, Option, score_choices
from kamerton.experiment.tasks.choice_report import (
    ChoiceFigures,
    ChoiceResults,
    Position,
    choice_lines,
    choice_page,
)
from kamerton.experiment.tasks.choice_table import CYRILLIC, LETTERS, Item, Items, read_items
from kamerton.experiment.tasks.task import Options, Task
from kamerton.formats.errors import InputError
from kamerton.formats.language import Language
from kamerton.formats.manifest import digest

SCORED = "scored.jsonl"
_WORDS: dict[Language, tuple[str, str]] = {
    "en": ("Question:", "Answer:"),
    "ru": ("Вопрос:", "Ответ:"),
}
_NORMS: tuple[Norm, Norm] = ("none", "characters")
_TIE = 1e-9


@dataclass(frozen=True)
class MultipleChoiceConfig:
    """How questions are asked."""

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


class Chosen(ChoiceRow):
    """One question as it was scored: a line of `scored.jsonl`."""

    question: str
    score: float
    """1 for right, 0 for wrong, 1 / number of likeliest choices for a tie with the right one."""
    score_norm: float


@dataclass(frozen=True)
class _Asked:
    """One question as it is scored."""

    item: Item
    context: str
    choices: tuple[str, ...]


def ask_choice(task: Task, options: Options) -> Scoring:
    """The questions of a user's own table."""
    table = read_items(task.own_data(options), options.columns, options.count_from)
    config = MultipleChoiceConfig(
        options.title,
        options.language,
        options.shots or 0,
        options.letters,
        options.limit,
        options.seed,
    )
    return choice(config, table)


def choice(config: MultipleChoiceConfig, table: Items) -> Scoring:
    """What is scored of the questions of `table`, and how it is counted.

    InputError where worked examples leave no question to ask.
    """
    if config.shots >= len(table.items):
        where = table.items[-1].where
        raise InputError("experiment.choice_all_shots", where=where, shots=config.shots)
    shots, rest = table.items[: config.shots], table.items[config.shots :]
    asked = [
        _Asked(item, context(item, shots, config), continuations(item, config))
        for item in rest[: config.limit]
    ]
    return Scoring(
        [
            Text(one.item.where, whole)
            for one in asked
            for whole in (one.context, *(one.context + choice for choice in one.choices))
        ],
        lambda tokens: _parts(asked, tokens),
        lambda model, _, scored: _report(config, table, asked, model, scored),
    )


def context(item: Item, shots: Sequence[Item], config: MultipleChoiceConfig) -> str:
    """The text before the choices, with worked examples; it ends without a blank."""
    examples = [_question(s, config) + continuations(s, config)[s.right] for s in shots]
    return "\n\n".join([*examples, _question(item, config)])


def continuations(item: Item, config: MultipleChoiceConfig) -> tuple[str, ...]:
    """What is scored behind the context: one text for each choice."""
    named = letters(len(item.choices), config.language) if config.letters else item.choices
    return tuple(f" {one}" for one in named)


def letters(count: int, language: Language) -> str:
    """The letters of so many choices."""
    return (CYRILLIC if language == "ru" else LETTERS)[:count]


def _question(item: Item, config: MultipleChoiceConfig) -> str:
    question, answer = _WORDS[config.language]
    named = zip(letters(len(item.choices), config.language), item.choices, strict=True)
    listed = [f"{letter}. {choice}" for letter, choice in named] if config.letters else []
    return "\n".join([f"{question} {item.question}", *listed, answer])


def _parts(asked: Sequence[_Asked], tokens: Sequence[Tokens]) -> list[Part]:
    """Each question's choices in tokens behind what they have in common."""
    parts: list[Part] = []
    left = iter(tokens)
    for one in asked:
        before, wholes = next(left), [next(left) for _ in one.choices]
        first = min(boundary(before.ids, whole.ids) for whole in wholes)
        where = one.item.where
        for whole in wholes:
            if first < 1 or len(whole.ids) > whole.room:
                size = {"count": len(whole.ids), "room": whole.room}
                raise InputError("experiment.choice_too_long", where=where, **size)
            parts.append(Part(where, whole.ids, first))
    return parts


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


def _report(
    config: MultipleChoiceConfig,
    table: Items,
    asked: Sequence[_Asked],
    model: Model,
    scored: Scored,
) -> Report:
    rows = _rows(asked, scored.likelihoods)
    figures, chosen = _figures(rows, asked, config)
    results = ChoiceResults(
        task="choice",
        model=config.title,
        fingerprint=model.fingerprint,
        cached=scored.cached,
        prompts=digest(*(one.context + choice for one in asked for choice in one.choices)),
        language=config.language,
        shots=config.shots,
        letters=config.letters,
        read_as=table.read_as,
        signature="; ".join(score_choices(rows, norm).signature for norm in _NORMS),
        tokens=sum(len(part.ids) for part in scored.parts),
        figures=figures,
    )
    return Report(results, choice_lines(results), choice_page(results), {SCORED: chosen})


def _rows(asked: Sequence[_Asked], likelihoods: Sequence[Likelihood]) -> list[ChoiceRow]:
    left = iter(likelihoods)
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
    rows: Sequence[ChoiceRow], asked: Sequence[_Asked], config: MultipleChoiceConfig
) -> tuple[ChoiceFigures, list[Chosen]]:
    scored = {norm: score_choices(rows, norm).items for norm in _NORMS}
    plain, normed = ([float(value or 0) for value in scored[norm]] for norm in _NORMS)
    groups = [row.group or row.id for row in rows]
    accuracy = stats.interval(plain, groups, seed=config.seed)
    counts = [len(row.options) for row in rows]
    positions = _positions(rows, config.language)
    figures = ChoiceFigures(
        questions=len(rows),
        groups=len(set(groups)),
        accuracy=accuracy,
        accuracy_norm=stats.interval(normed, groups, seed=config.seed),
        method=accuracy.kind,
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


def likeliest(row: ChoiceRow, by_characters: bool = False) -> list[int]:
    """Places of the likeliest choices: one, but for ties."""
    scores = [one.log_likelihood / (len(one.text) if by_characters else 1) for one in row.options]
    best = max(scores)
    return [place for place, score in enumerate(scores) if best - score <= _TIE]


def _positions(rows: Sequence[ChoiceRow], language: Language) -> list[Position]:
    count = max(len(row.options) for row in rows)
    right, chosen, normed = ([0.0] * count for _ in range(3))
    for row in rows:
        right[row.right] += 1
        for shares, by_characters in ((chosen, False), (normed, True)):
            places = likeliest(row, by_characters)
            for place in places:
                shares[place] += 1 / len(places)
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
        for place, letter in enumerate(letters(count, language))
    ]
