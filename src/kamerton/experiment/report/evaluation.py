"""The pages of `kamerton eval`: one model on mathematics, multiple choice, perplexity, texts."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from kamerton.experiment.ask.choice import words as choice_words
from kamerton.experiment.ask.choice.rows import ChoiceResults
from kamerton.experiment.ask.continuation import words as continuation_words
from kamerton.experiment.ask.continuation.evaluate import ContinuationResults, Continued
from kamerton.experiment.ask.evaluate import PAGE, Results
from kamerton.experiment.ask.perplexity import words as text_words
from kamerton.experiment.ask.perplexity.rows import TextResults
from kamerton.experiment.report import plot
from kamerton.experiment.report.blocks import (
    Answer,
    Answers,
    Block,
    Chart,
    Code,
    Details,
    Heading,
    Page,
    PlotRow,
    Plots,
    Question,
    Score,
    ScoreRow,
    Scores,
    Section,
    Term,
    Terms,
    Text,
    html,
)
from kamerton.experiment.report.figures import decimal
from kamerton.experiment.report.sections import text
from kamerton.experiment.tasks.maths import words as maths_words
from kamerton.formats.jsonl import write_text
from kamerton.formats.scores import Interval

Measured = tuple[str, str, Interval]
"""Name, figure in words, and the value with its interval."""


def write_page(page: Page, out: Path) -> Path:
    """Write the page into `out`, in the language in force; its path."""
    write_text(out / PAGE, html(page))
    return out / PAGE


def maths_page(results: Results) -> Page:
    """Accuracy, the vote's curve over the number of samples, and the errors to read."""
    grading = results.grading
    shown = grading.vote.accuracy if grading.vote else grading.accuracy
    unparsed = {
        "share": percent(grading.unparsed_share),
        "most": percent(grading.most_unparsed, 0),
    }
    return Page(
        title=text("ask_title", task=results.task, model=results.model),
        kicker=f"{results.task} · {results.model}",
        headline=text("ask_headline", share=percent(shown.mean)),
        leads=[
            text(
                "ask_lead",
                questions=grading.questions,
                all=grading.problems,
                shots=results.shots,
                samples=results.settings["samples"],
                temperature=decimal(f"{results.settings['temperature']:g}"),
            )
        ],
        warnings=(
            [text("maths_too_many_unparsed", **unparsed)] if grading.too_many_unparsed else []
        ),
        sections=[
            _accuracy(results),
            *_votes(results),
            _errors(results),
            _figures(
                maths_words.lines(grading),
                [
                    _weights(results.fingerprint),
                    Term(text("ask_prompts"), "", [results.prompts], f"({results.language})"),
                    *_asked(results.settings, results.prompt_tokens, results.completion_tokens),
                ],
            ),
        ],
    )


def choice_page(results: ChoiceResults) -> Page:
    """Accuracy by the likeliest choice, and how often each place is chosen."""
    figures, lines = results.figures, choice_words.lines(results)
    accuracies = (("choice_name", figures.accuracy), ("choice_name_norm", figures.accuracy_norm))
    measured = [(text(key), choice_words.share(one), one) for key, one in accuracies]
    columns = [text(f"choice_{key}") for key in ("right", "chosen", "chosen_norm")]
    rows = [
        ScoreRow(one.letter, [_bar(s) for s in (one.right, one.chosen, one.chosen_norm)])
        for one in figures.positions
    ]
    note = Text(text("choice_places_note"), "quiet")
    places = Section(text("choice_places"), [note, Scores("", columns, [("", rows)])])
    title = text("ask_title", task=text("choice_title"), model=results.model)
    return Page(
        title=title,
        kicker=title,
        headline=text("ask_headline", share=percent(figures.accuracy.mean)),
        leads=lines[:1],
        warnings=choice_words.leaning(results),
        sections=[
            *_values(measured, plot.SHARES),
            *([places] if rows else []),
            _figures(lines, [_weights(results.fingerprint), _texts(results.prompts)]),
        ],
    )


def perplexity_page(results: TextResults) -> Page:
    """Nats for each token, character and byte."""
    rates, lines = results.figures.rates, text_words.lines(results)
    measured = [
        (text_words.name(rate), text_words.value(rate), rate.interval)
        for rate in rates
        if rate.interval is not None
    ]
    byte = next(rate for rate in rates if rate.unit == "byte")
    scale = plot.from_zero(max((one.high for _, _, one in measured), default=1.0))
    title = text("ask_title", task=text("texts_title"), model=results.model)
    return Page(
        title=title,
        kicker=title,
        headline=text("texts_headline", value=decimal(f"{byte.value:.4f}")),
        leads=lines[:1],
        sections=[
            *_values(measured, scale),
            _figures(lines, [_weights(results.fingerprint), _texts(results.texts)]),
        ],
    )


def continuation_page(results: ContinuationResults, rows: Sequence[Continued]) -> Page:
    """Beginnings and their continuations, side by side."""
    title = text("ask_title", task=text("continue_title"), model=results.model)
    terms = [
        _weights(results.fingerprint),
        Term(text("ask_prompts"), codes=[results.prompts]),
        *_asked(results.settings, results.prompt_tokens, results.completion_tokens),
    ]
    lines: list[Block] = [Text(line) for line in continuation_words.lines(results)]
    return Page(
        title=title,
        kicker=title,
        headline=text("continue_headline"),
        sections=[
            Section("", [*lines, Answers([_continued(row) for row in rows])]),
            Section(text("ask_figures"), [Terms(terms)]),
        ],
    )


def percent(share: float, digits: int = 1) -> str:
    """A share as a figure in per cent, with the decimal sign of the language in force."""
    return decimal(f"{100 * share:.{digits}f}")


def vote_curve(shares: Sequence[float]) -> plot.Curve | None:
    """The drawing of the accuracy of a vote of 1, 2, … samples, in per cent."""
    points = [(float(n), 100 * share) for n, share in enumerate(shares, 1)]
    return plot.curve(
        [("", "held", points)],
        least=0.0,
        label=lambda n, share: f"{n:g}: {percent(share / 100)} %",
    )


def _accuracy(results: Results) -> Section:
    grading, early = results.grading, bool(results.settings["early"])
    shares = [("ask_one", grading.accuracy)]
    if grading.vote and early:
        shares = [("ask_vote", grading.vote.accuracy)]
    elif grading.vote:
        vote = grading.vote
        shares += [("ask_vote", vote.accuracy), ("ask_vote_samples", vote.with_samples)]
    measured = [
        (
            text(name),
            text(
                "ask_interval", mean=percent(one.mean), low=percent(one.low), high=percent(one.high)
            ),
            one,
        )
        for name, one in shares
    ]
    note = Text(text("ask_accuracy_note"), "quiet")
    remark = [Text(text("ask_early_note"))] if early else []
    return Section(text("ask_accuracy"), [note, *remark, _plots(measured, plot.SHARES)])


def _votes(results: Results) -> list[Section]:
    """None too where votes ended early: which answers there are then depends on what they say."""
    vote = results.grading.vote
    if vote is None or len(vote.curve) < 2 or results.settings["early"]:
        return []
    lines = vote_curve(vote.curve)
    if lines is None:
        return []
    title = text("ask_curve")
    note = Text(text("ask_curve_note"), "quiet")
    return [Section(title, [note, Chart(lines, title, "", text("ask_curve_across"))])]


def _errors(results: Results) -> Section:
    """Every class of error with examples."""
    grading = results.grading
    wrong = grading.answers - grading.right
    classes = {kind: count for kind, count in grading.classes.items() if count}
    if not classes:
        return Section(text("ask_errors"), [Text(text("ask_no_errors"))])
    blocks: list[Block] = [Text(text("ask_errors_note", wrong=wrong), "quiet")]
    for kind, count in classes.items():
        name = text(f"maths_class_{kind}")
        blocks.append(Heading(f"{name}: {count} ({percent(count / wrong)} %)"))
        for one in grading.examples.get(kind, []):
            summary = text("ask_example", id=one.id, value=one.value or "—", gold=one.gold)
            if one.detail:
                summary += f" · {maths_words.detail(kind, one.detail)}"
            blocks.append(Details(summary, [Code(one.answer)]))
    return Section(text("ask_errors"), blocks)


def _values(measured: Sequence[Measured], scale: plot.Scale) -> list[Section]:
    if not measured:
        return []
    note = Text(text("score_values_note"), "quiet")
    return [Section(text("score_values"), [note, _plots(measured, scale)])]


def _plots(measured: Sequence[Measured], scale: plot.Scale) -> Plots:
    rows = [
        PlotRow(plot.strip(interval, scale), name, interval=figure, look="a3")
        for name, figure, interval in measured
    ]
    return Plots(rows, scale)


def _bar(share: float) -> Score:
    return Score(f"{percent(share)} %", "", round(100 * share, 1))


def _figures(lines: Sequence[str], terms: Sequence[Term]) -> Section:
    """All figures as the terminal shows them, and what they depend on."""
    return Section(text("ask_figures"), [Code("\n".join(lines)), Terms(terms)])


def _weights(fingerprint: str) -> Term:
    return Term(text("ask_weights"), codes=[fingerprint])


def _texts(digest: str) -> Term:
    return Term(text("score_texts"), codes=[digest])


def _asked(settings: Mapping[str, object], prompt_tokens: int, answer_tokens: int) -> list[Term]:
    """How the model was asked, and the tokens of questions and answers."""
    said = [f"{k} = {json.dumps(v, ensure_ascii=False)}" for k, v in settings.items()]
    tokens = f"{prompt_tokens} + {answer_tokens}"
    return [Term(text("ask_settings"), codes=said), Term(text("ask_tokens"), tokens)]


def _continued(row: Continued) -> Question:
    answers = []
    for answer, finish, loop in zip(row.answers, row.finish_reasons, row.loops, strict=True):
        stopped = text("continue_stopped" if finish == "stop" else "continue_cut")
        notes = [stopped, text("continue_loop")] if loop else [stopped]
        answers.append(Answer("", answer, None, [" · ".join(notes)]))
    return Question(row.question or "", answers, title=str(row.id))
