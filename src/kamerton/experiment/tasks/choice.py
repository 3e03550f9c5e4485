"""Multiple choice from a user's own table: which of the given answers a model finds likeliest.

The form is that of lm-evaluation-harness's ARC: `Question: …`, `Answer:`, and each choice behind
one blank; with `letters` that of MMLU: the choices are listed, and their letters are scored.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from kamerton import stats
from kamerton.client.connection import Model
from kamerton.experiment.ask.evaluate import Report, Scoring
from kamerton.experiment.ask.scoring import Likelihood, Part, Scored, Text, Tokens
from kamerton.experiment.tasks import choice_report
from kamerton.experiment.tasks.choice_report import ChoiceFigures, ChoiceResults, Position
from kamerton.experiment.tasks.choice_table import CYRILLIC, LETTERS, Item, Items, read_items
from kamerton.experiment.tasks.task import Options, Task
from kamerton.formats.errors import InputError
from kamerton.formats.jsonl import Record
from kamerton.formats.language import Language
from kamerton.formats.manifest import digest

SCORED = "scored.jsonl"
_WORDS: dict[Language, tuple[str, str]] = {
    "en": ("Question:", "Answer:"),
    "ru": ("Вопрос:", "Ответ:"),
}
_SIGNATURE = "choice|norm:none|tie:share; choice|norm:characters|tie:share"
_TIE = 1e-9


class Choice(Record):
    """One answer to choose, as the model sees it behind the question."""

    text: str
    log_likelihood: float
    """Sum over its tokens, in nats."""
    tokens: int


class Chosen(Record):
    """One question as it was scored: a line of `scored.jsonl`."""

    id: str
    group: str
    options: list[Choice]
    right: int
    """Place of the right one."""
    question: str
    score: float
    """1 for right, 0 for wrong, 1 / number of likeliest choices for a tie with the right one: what
    a fair draw gives on average."""
    score_norm: float
    """The same by likelihood for each character, the acc_norm of lm-evaluation-harness."""


@dataclass(frozen=True)
class _Asked:
    """One question as it is scored."""

    item: Item
    context: str
    choices: tuple[str, ...]


def ask_choice(task: Task, options: Options) -> Scoring:
    """The questions of a user's own table; the first `options.shots` are worked examples.

    InputError where these leave no question to ask.
    """
    return choice(options, read_items(task.own_data(options), options.columns, options.count_from))


def choice(options: Options, table: Items) -> Scoring:
    """What is scored of the questions of `table`, and how it is counted."""
    count = options.shots or 0
    if count >= len(table.items):
        where = table.items[-1].where
        raise InputError("experiment.choice_all_shots", where=where, shots=count)
    shots, rest = table.items[:count], table.items[count:]
    asked = [
        _Asked(item, context(item, shots, options), continuations(item, options))
        for item in rest[: options.limit]
    ]
    return Scoring(
        [
            Text(one.item.where, whole)
            for one in asked
            for whole in (one.context, *(one.context + choice for choice in one.choices))
        ],
        lambda tokens: _parts(asked, tokens),
        lambda model, _, scored: _report(options, table, asked, model, scored),
    )


def context(item: Item, shots: Sequence[Item], options: Options) -> str:
    """The text before the choices, with worked examples; it ends without a blank."""
    examples = [_question(s, options) + continuations(s, options)[s.right] for s in shots]
    return "\n\n".join([*examples, _question(item, options)])


def continuations(item: Item, options: Options) -> tuple[str, ...]:
    """What is scored behind the context: one text for each choice."""
    named = letters(len(item.choices), options.language) if options.letters else item.choices
    return tuple(f" {one}" for one in named)


def letters(count: int, language: Language) -> str:
    """The letters of so many choices."""
    return (CYRILLIC if language == "ru" else LETTERS)[:count]


def _question(item: Item, options: Options) -> str:
    question, answer = _WORDS[options.language]
    named = zip(letters(len(item.choices), options.language), item.choices, strict=True)
    listed = [f"{letter}. {choice}" for letter, choice in named] if options.letters else []
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
    options: Options, table: Items, asked: Sequence[_Asked], model: Model, scored: Scored
) -> Report:
    likelihoods = iter(scored.likelihoods)
    rows = [_chosen(one, likelihoods) for one in asked]
    results = ChoiceResults(
        task="choice",
        model=options.title,
        fingerprint=model.fingerprint,
        cached=scored.cached,
        prompts=digest(*(one.context + choice for one in asked for choice in one.choices)),
        language=options.language,
        shots=options.shots or 0,
        letters=options.letters,
        read_as=table.read_as,
        signature=_SIGNATURE,
        tokens=sum(len(part.ids) for part in scored.parts),
        figures=_figures(rows, options),
    )
    lines, page = choice_report.lines(results), choice_report.page(results)
    return Report(results, lines, page, {SCORED: rows})


def _chosen(one: _Asked, likelihoods: Iterator[Likelihood]) -> Chosen:
    """A question with the next likelihoods, one for each of its choices."""
    choices = [
        # The length is that of the choice as it was written, as in lm-evaluation-harness.
        Choice(text=text.strip(), log_likelihood=min(0.0, of.log_likelihood), tokens=of.tokens)
        for text, of in zip(one.choices, likelihoods, strict=False)
    ]
    best, best_norm = likeliest(choices), likeliest(choices, by_characters=True)
    item = one.item
    return Chosen(
        id=item.id,
        group=item.group,
        options=choices,
        right=item.right,
        question=item.question,
        score=(item.right in best) / len(best),
        score_norm=(item.right in best_norm) / len(best_norm),
    )


def likeliest(choices: Sequence[Choice], by_characters: bool = False) -> list[int]:
    """Places of the likeliest choices: one, but for ties."""
    scores = [one.log_likelihood / (len(one.text) if by_characters else 1) for one in choices]
    best = max(scores)
    return [place for place, score in enumerate(scores) if best - score <= _TIE]


def _figures(rows: Sequence[Chosen], options: Options) -> ChoiceFigures:
    groups = [row.group or row.id for row in rows]
    accuracy = stats.interval([row.score for row in rows], groups, seed=options.seed)
    positions = _positions(rows, options.language)
    return ChoiceFigures(
        questions=len(rows),
        groups=len(set(groups)),
        accuracy=accuracy,
        accuracy_norm=stats.interval([row.score_norm for row in rows], groups, seed=options.seed),
        method=accuracy.kind,
        chance=sum(1 / len(row.options) for row in rows) / len(rows),
        always=max(one.right for one in positions),
        ties=sum(len(likeliest(row.options)) > 1 for row in rows),
        positions=positions,
    )


def _positions(rows: Sequence[Chosen], language: Language) -> list[Position]:
    count = max(len(row.options) for row in rows)
    right, chosen, normed = ([0.0] * count for _ in range(3))
    for row in rows:
        right[row.right] += 1
        for shares, by_characters in ((chosen, False), (normed, True)):
            places = likeliest(row.options, by_characters)
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
