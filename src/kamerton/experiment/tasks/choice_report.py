"""An evaluation by multiple choice: its figures, what a person reads of them, its page."""

from pydantic import BaseModel, ConfigDict

from kamerton.experiment.ask.evaluate import Results
from kamerton.experiment.report import evaluation, plot
from kamerton.experiment.report.blocks import Page, ScoreRow, Scores, Section, Text
from kamerton.experiment.report.evaluation import percent, share_with_interval
from kamerton.experiment.report.figures import text
from kamerton.formats.language import say
from kamerton.formats.scores import Interval


class Position(BaseModel):
    """One place among the choices (the letter A, B, …)."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    letter: str
    right: float
    """Share of the questions whose right choice stands here."""
    chosen: float
    """Share of the questions in which the model finds this one likeliest (ties are divided)."""
    chosen_norm: float
    """The same by likelihood for each character."""
    leans: bool
    """Whether it is chosen more often than it is right, beyond chance."""


class ChoiceFigures(BaseModel):
    """What an evaluation found."""

    model_config = ConfigDict(frozen=True, extra="forbid")
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


def choice_lines(results: ChoiceResults) -> list[str]:
    """What a person reads, in the language in force, one statement a line."""
    figures = results.figures
    form = say(f"experiment.choice_form_{'letters' if results.letters else 'texts'}")
    asked = {"questions": figures.questions, "groups": figures.groups, "shots": results.shots}
    method = say(f"experiment.interval_{figures.method}")
    guessed = {"chance": _percent(figures.chance), "always": _percent(figures.always)}
    return [
        say("experiment.choice_asked", **asked, form=form),
        say(
            "experiment.choice_accuracy",
            share=share_with_interval(figures.accuracy),
            method=method,
        ),
        say("experiment.choice_accuracy_norm", share=share_with_interval(figures.accuracy_norm)),
        say("experiment.choice_chance", **guessed),
        say("experiment.choice_read", how=say(f"experiment.choice_as_{results.read_as}")),
        *([say("experiment.choice_ties", count=figures.ties)] if figures.ties else []),
        say("experiment.choice_positions"),
        *(
            "  "
            + say(
                "experiment.choice_position",
                letter=one.letter,
                right=_percent(one.right),
                chosen=_percent(one.chosen),
                norm=_percent(one.chosen_norm),
            )
            for one in figures.positions
        ),
        *_leaning(figures),
    ]


def _leaning(figures: ChoiceFigures) -> list[str]:
    """A remark for each place that is chosen more often than it is right."""
    return [
        say(
            "experiment.choice_leans",
            letter=one.letter,
            chosen=_percent(one.chosen),
            right=_percent(one.right),
        )
        for one in figures.positions
        if one.leans
    ]


def _percent(share: float) -> str:
    return f"{100 * share:.2f} %"


def choice_page(results: ChoiceResults) -> Page:
    """Accuracy by the likeliest choice, and how often each place is chosen."""
    figures, lines = results.figures, choice_lines(results)
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
        leads=lines[:1],
        warnings=_leaning(figures),
        sections=[
            *evaluation.values(measured, plot.SHARES),
            *([places] if rows else []),
            evaluation.figures(results.fingerprint, terms, lines),
        ],
    )
