"""An evaluation by multiple choice: its figures, what a person reads of them, its page."""

from kamerton.experiment.ask.evaluate import Results
from kamerton.experiment.report import evaluation, plot
from kamerton.experiment.report.blocks import Page, ScoreRow, Scores, Section, Text
from kamerton.experiment.report.evaluation import percent, share_with_interval
from kamerton.experiment.report.figures import text
from kamerton.formats.jsonl import Record
from kamerton.formats.scores import Interval


class Position(Record):
    """One place among the choices (the letter A, B, …)."""

    letter: str
    right: float
    """Share of the questions whose right choice stands here."""
    chosen: float
    """Share of the questions in which the model finds this one likeliest (ties are divided)."""
    chosen_norm: float
    """The same by likelihood for each character."""
    leans: bool
    """Whether it is chosen more often than it is right, beyond chance."""


class ChoiceFigures(Record):
    """What an evaluation found."""

    questions: int
    groups: int
    accuracy: Interval
    """Share of questions whose right choice is the likeliest (`acc`)."""
    accuracy_norm: Interval
    """The same by likelihood for each character (`acc_norm`)."""
    method: str
    """How the intervals were made: `wilson`, or `bootstrap` over groups."""
    chance: float
    """What guessing gets."""
    always: float
    """What always naming the place that is right most often gets."""
    ties: int
    """Questions with several likeliest choices; each counts 1 / their number."""
    positions: list[Position]


class ChoiceResults(Results):
    """`results.json` of multiple choice."""

    prompts: str
    """Digest of all that was scored, choices included."""
    language: str
    shots: int
    letters: bool
    """Whether letters behind listed choices were scored, and not their texts."""
    read_as: str
    """How the table's answers were read."""
    signature: str
    tokens: int
    """Of all prompts with their choices."""
    figures: ChoiceFigures


def lines(results: ChoiceResults) -> list[str]:
    """What a person reads, in the language in force, one statement a line."""
    figures = results.figures
    return [
        text(
            "choice_asked",
            questions=figures.questions,
            groups=figures.groups,
            shots=results.shots,
            form=text(f"choice_form_{'letters' if results.letters else 'texts'}"),
        ),
        text(
            "choice_accuracy",
            share=share_with_interval(figures.accuracy),
            method=text(f"interval_{figures.method}"),
        ),
        text("choice_accuracy_norm", share=share_with_interval(figures.accuracy_norm)),
        text("choice_chance", chance=_percent(figures.chance), always=_percent(figures.always)),
        text("choice_read", how=text(f"choice_as_{results.read_as}")),
        *([text("choice_ties", count=figures.ties)] if figures.ties else []),
        text("choice_positions"),
        *(f"  {text('choice_position', **_shares(one))}" for one in figures.positions),
        *_leaning(figures),
    ]


def _leaning(figures: ChoiceFigures) -> list[str]:
    """A remark for each place that is chosen more often than it is right."""
    return [text("choice_leans", **_shares(one)) for one in figures.positions if one.leans]


def _shares(one: Position) -> dict[str, str]:
    right, chosen, norm = map(_percent, (one.right, one.chosen, one.chosen_norm))
    return {"letter": one.letter, "right": right, "chosen": chosen, "norm": norm}


def _percent(share: float) -> str:
    return f"{100 * share:.2f} %"


def page(results: ChoiceResults) -> Page:
    """Accuracy by the likeliest choice, and how often each place is chosen."""
    figures, told = results.figures, lines(results)
    shares = (("choice_name", figures.accuracy), ("choice_name_norm", figures.accuracy_norm))
    measured = [(text(key), share_with_interval(one), one) for key, one in shares]
    columns = [text(f"choice_{key}") for key in ("right", "chosen", "chosen_norm")]
    rows = [
        ScoreRow(one.letter, [evaluation.bar(s) for s in (one.right, one.chosen, one.chosen_norm)])
        for one in figures.positions
    ]
    note = Text(text("choice_places_note"), "quiet")
    places = Section(text("choice_places"), [note, Scores("", columns, [("", rows)])])
    title = text("ask_title", task=text("choice_title"), model=results.model)
    terms = [evaluation.scored_texts(results.prompts)]
    return Page(
        title=title,
        kicker=title,
        headline=text("ask_headline", share=percent(figures.accuracy.mean)),
        leads=told[:1],
        warnings=_leaning(figures),
        sections=[
            *evaluation.values(measured, plot.SHARES),
            *([places] if rows else []),
            evaluation.figures(results.fingerprint, terms, told),
        ],
    )
