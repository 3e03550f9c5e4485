"""An evaluation on problems: its figures, and its page with accuracy, vote and errors to read."""

from collections.abc import Sequence

from kamerton.experiment.ask.evaluate import Results
from kamerton.experiment.report import evaluation, plot
from kamerton.experiment.report.blocks import (
    Block,
    Chart,
    Code,
    Details,
    Heading,
    Page,
    Section,
    Term,
    Text,
)
from kamerton.experiment.report.evaluation import Measured, percent
from kamerton.experiment.report.figures import decimal, text
from kamerton.experiment.tasks.maths.grading import Grading, detail, lines


class MathsResults(Results):
    """`results.json` of problems."""

    prompts: str
    """Digest of all prompts as they were sent."""
    language: str
    shots: int
    settings: dict[str, object]
    prompt_tokens: int
    """Of all questions, each counted once."""
    completion_tokens: int
    grading: Grading


def maths_page(results: MathsResults) -> Page:
    """Accuracy, the vote's curve over the number of samples, and the errors to read."""
    grading = results.grading
    shown = grading.vote.accuracy if grading.vote else grading.accuracy
    lead = text(
        "ask_lead",
        questions=grading.questions,
        all=grading.problems,
        shots=results.shots,
        samples=results.settings["samples"],
        temperature=decimal(f"{results.settings['temperature']:g}"),
    )
    share, most = percent(grading.unparsed_share), percent(grading.most_unparsed, 0)
    unparsed = text("maths_too_many_unparsed", share=share, most=most)
    terms = [
        Term(text("ask_prompts"), "", [results.prompts], f"({results.language})"),
        *evaluation.settings(results.settings, results.prompt_tokens, results.completion_tokens),
    ]
    return Page(
        title=text("ask_title", task=results.task, model=results.model),
        kicker=f"{results.task} · {results.model}",
        headline=text("ask_headline", share=percent(shown.mean)),
        leads=[lead],
        warnings=[unparsed] if grading.too_many_unparsed else [],
        sections=[
            _accuracy(results),
            *_votes(results),
            _errors(grading),
            evaluation.figures(results.fingerprint, terms, lines(grading)),
        ],
    )


def vote_curve(shares: Sequence[float]) -> plot.Curve | None:
    """The drawing of the accuracy of a vote of 1, 2, … samples, in per cent."""
    points = [(float(n), 100 * share) for n, share in enumerate(shares, 1)]
    return plot.curve(
        [("", "held", points)],
        least=0.0,
        label=lambda n, share: f"{n:g}: {percent(share / 100)} %",
    )


def _accuracy(results: MathsResults) -> Section:
    grading, early = results.grading, bool(results.settings["early"])
    shares = [("ask_one", grading.accuracy)]
    if grading.vote and early:
        shares = [("ask_vote", grading.vote.accuracy)]
    elif grading.vote:
        vote = grading.vote
        shares += [("ask_vote", vote.accuracy), ("ask_vote_samples", vote.with_samples)]
    named = [(text(name), one) for name, one in shares]
    measured: list[Measured] = []
    for name, one in named + [(f"pass@{k}", rate) for k, rate in grading.pass_at.items()]:
        mean, low, high = (percent(end) for end in (one.mean, one.low, one.high))
        measured.append((name, text("ask_interval", mean=mean, low=low, high=high), one))
    note = Text(text("ask_accuracy_note"), "quiet")
    remark = [Text(text("ask_early_note"))] if early else []
    return Section(text("ask_accuracy"), [note, *remark, evaluation.plots(measured, plot.SHARES)])


def _votes(results: MathsResults) -> list[Section]:
    """None too where votes ended early: which answers there are then depends on what they say."""
    vote = results.grading.vote
    if vote is None or len(vote.curve) < 2 or results.settings["early"]:
        return []
    curve = vote_curve(vote.curve)
    if curve is None:
        return []
    title, note = text("ask_curve"), Text(text("ask_curve_note"), "quiet")
    return [Section(title, [note, Chart(curve, title, "", text("ask_curve_across"))])]


def _errors(grading: Grading) -> Section:
    """Every class of error with examples."""
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
                summary += f" · {detail(kind, one.detail)}"
            blocks.append(Details(summary, [Code(one.answer)]))
    return Section(text("ask_errors"), blocks)
