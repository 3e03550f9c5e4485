"""The report of rows: held-out loss or choices before and after, and the form of the answers."""

import math
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from kamerton.experiment.likelihood import CHOICE, LIKELIHOOD, PREFERRED
from kamerton.experiment.metrics import RIGHT
from kamerton.experiment.report import plot, sections
from kamerton.experiment.report.blocks import (
    Block,
    Claim,
    Page,
    Question,
    ScatterPlot,
    Section,
    Table,
    Text,
)
from kamerton.experiment.report.card import Card, card_data, compared_card, result
from kamerton.experiment.report.figures import (
    blocks_of,
    capital,
    figure,
    label,
    p_value,
    short,
    signed,
)
from kamerton.experiment.report.rows_run import (
    NAMES,
    RowsRun,
    figures_of,
    form_only,
    harm,
    headline,
    of_choices,
    of_form,
    perplexity,
    ratio,
    side_effects,
    verdict_sentence,
)
from kamerton.experiment.report.sections import HeldOutSet, Outcome, text
from kamerton.experiment.report.table import aligned, plain_table, share
from kamerton.experiment.rows import SETS
from kamerton.formats.language import language_of
from kamerton.formats.losses import LossRow
from kamerton.formats.scores import Cell, Comparison, Sample, Summary


def outcome(run: RowsRun) -> Outcome:
    """The verdict on what was declared, and on the form of the answers."""
    return Outcome(
        headline=headline(run.summary),
        verdict=verdict_sentence(run),
        harm=harm(run.summary),
        sets=held_out_sets(run),
        notes=notes(run),
        table=tables(run.summary),
        criteria=run.criteria,
    )


def page(run: RowsRun) -> Page:
    """The whole page, the verdict first."""
    kind = "brief" if run.briefed else "form"
    loss = [c for c in run.summary.comparisons if c.criterion == LIKELIHOOD][:1]
    choices = of_choices(run.summary)
    about = "choices_compared" if choices and not loss else f"{kind}_rows_compared"
    return sections.compared_page(
        run,
        outcome(run),
        leads=[
            *(capital(figures_of(c, run.summary)) + "." for c in [*loss, *choices]),
            *(f"{sentence}." for sentence in side_effects(run)),
        ],
        evidence=[
            sections.compared(text(about), arms(run), held_out_sets(run)),
            *_loss(run, loss),
            *_choices(run, choices),
            *_preferences(run.training),
            *_form(run, kind),
        ],
        answers=_answers(run, kind),
        checks=blocks_of(run.checks, "check"),
    )


def card(run: RowsRun) -> Card:
    """The model card."""
    own = [c for c in run.summary.cells if (c.arm, c.held_out) == (run.name, "rows")]
    results = [result(run.name, c.held_out, "held-out rows", *_hub_metric(c)) for c in own]
    language = language_of(sample.question for sample in run.samples)
    library = "transformers" if run.method == "full" else "peft"
    tags = [run.method, run.objective]
    data = card_data(run, language, library, tags, results, run.base)
    intro = text("rows_card_intro", base=run.base, method=run.method, objective=run.objective)
    return compared_card(run, outcome(run), data, intro, text("rows_card_use"))


def _hub_metric(cell: Cell) -> tuple[str, float]:
    """Of the likelihood its perplexity, which hubs know, and of choices their loss."""
    mean = cell.score.mean
    if cell.criterion == LIKELIHOOD:
        return "perplexity", math.exp(-mean)
    return ("choice_loss", -mean) if cell.criterion == CHOICE else (cell.criterion, mean)


def arms(run: RowsRun) -> list[tuple[str, str]]:
    """Every arm with what it is, in words."""
    whole = run.method == "full"
    return [
        (arm, text("arm_whole") if whole and arm == run.name else what)
        for arm, what in sections.arms(run)
    ]


def held_out_sets(run: RowsRun) -> list[HeldOutSet]:
    """The sets that have prompts."""
    sets: list[HeldOutSet] = []
    for held_out in SETS:
        groups = {s.question_id: s.group for s in run.samples if s.held_out == held_out}
        key = "asked_prompts" if held_out == "prompts" else "asked_set"
        if groups:
            sets.append(sections.counted(held_out, len(groups), len(set(groups.values())), key))
    return sets


def _claim(
    comparison: Comparison,
    run: RowsRun,
    drawn: tuple[plot.Scale, float, tuple[str, str], str],
    values: dict[str, object],
) -> Claim:
    """A declared hypothesis; `drawn` is scale, margin, figure with interval, and the unit."""
    name = NAMES[comparison.criterion]
    test = text(
        f"{name}_test",
        p=p_value(comparison.p),
        p_holm=p_value(comparison.p_holm),
        sign=p_value(comparison.mcnemar_p),
        groups=comparison.groups,
        **values,
    )
    counts = text(f"{name}_counts", **comparison.model_dump())
    plots = sections.drawn(comparison, *drawn)
    return sections.claim(comparison, plots, figures_of(comparison, run.summary), counts, test)


def _loss(run: RowsRun, declared: Sequence[Comparison]) -> list[Section]:
    """The verdict on held-out loss, in nats for each token, and each answer as a dot."""
    if not declared:
        return []
    one, margin = declared[0], run.settings.loss_margin
    factor = ratio(one.effect)
    interval = f"{factor['low']} … {factor['high']}" if one.groups > 1 else ""
    shown = f"× {factor['ratio']}", interval
    scale = plot.around_zero([one.effect], margin)
    detectable = {"detectable": f"{one.detectable:.3f}", "factor": short(math.exp(-one.detectable))}
    claim = _claim(
        one, run, (scale, margin, shown, text("loss_axis")), {"margin": margin, **detectable}
    )
    scatter = plot.scatter([(row.before, row.after) for row in run.losses])
    note = text("dots_note")
    if scatter.left_out:
        note += " " + text("dots_left_out", count=scatter.left_out)
    dots = ScatterPlot(
        scatter, text("dots_title"), note, across=text("dots_before"), up=text("dots_after")
    )
    blocks: list[Block] = [
        Text(text("loss_note", alpha=run.settings.alpha), "quiet"),
        claim,
        dots,
        Text(text("loss_by_tokens", **_by_tokens(run.losses)), "quiet"),
    ]
    return [Section(text("loss_title"), blocks)]


def _by_tokens(rows: Sequence[LossRow]) -> dict[str, str]:
    """Figures over all held-out tokens, where long answers count for more."""
    tokens = sum(row.tokens for row in rows) or 1
    before = sum(row.tokens * row.before for row in rows) / tokens
    after = sum(row.tokens * row.after for row in rows) / tokens
    return {
        "tokens": short(tokens),
        "before": f"{before:.3f}",
        "after": f"{after:.3f}",
        "perplexity_before": perplexity(before),
        "perplexity_after": perplexity(after),
    }


def _choices(run: RowsRun, declared: Sequence[Comparison]) -> list[Section]:
    """The verdicts on what people chose."""
    if not declared:
        return []
    note = Text(text("choices_note", alpha=run.settings.alpha), "quiet")
    claims = [(_of_nats if c.criterion == CHOICE else _of_pairs)(c, run) for c in declared]
    return [Section(text("choices_title"), [note, *claims])]


def _of_nats(one: Comparison, run: RowsRun) -> Claim:
    margin, gain = run.settings.loss_margin, one.effect
    scale = plot.around_zero([gain], margin)
    interval = f"{signed(gain.low)} … {signed(gain.high)}" if one.groups > 1 else ""
    values: dict[str, object] = {"margin": margin, "detectable": f"{one.detectable:.3f}"}
    drawn = scale, margin, (signed(gain.mean), interval), text("choices_axis")
    return _claim(one, run, drawn, values)


def _of_pairs(one: Comparison, run: RowsRun) -> Claim:
    margin, scale = run.settings.margin, plot.differences([one.effect])
    values: dict[str, object] = {
        "margin": round(100 * margin),
        "detectable": round(100 * one.detectable),
    }
    drawn = scale, margin, sections.shown_in_points(one), text("pairs_axis")
    return _claim(one, run, drawn, values)


def _preferences(training: dict[str, Any]) -> list[Section]:
    """What training on preferences did to held-out ones; nothing where it was no such training."""
    held_out = training.get("held_out")
    sides = held_out if isinstance(held_out, dict) else {}
    before, after = sides.get("before"), sides.get("after")
    if not (isinstance(before, dict) and isinstance(after, dict)):
        return []
    rows = [
        (label(key, "preference"), [figure(value), figure(after.get(key))])
        for key, value in before.items()
    ]
    columns = [text("preferences_before"), text("preferences_after")]
    note = Text(text("preferences_note", rows=sides.get("rows")), "quiet")
    return [Section(text("preferences_title"), [note, Table(columns, rows)])]


def _form(run: RowsRun, kind: str) -> list[Section]:
    """Scores of the form of the answers, and the differences."""
    formal, margin = run.formal, run.settings.margin
    shown = []
    if formal.cells:
        scores = sections.scores(formal, run.settings.primary)
        shown.append(Section(text(f"{kind}_title"), [Text(text("form_note"), "quiet"), scores]))
    others = [c for c in formal.comparisons if c.family == "secondary"]
    if others:
        note = Text(text("form_compared_note", margin=round(100 * margin)), "quiet")
        plots = sections.secondary(others, margin)
        shown.append(Section(text(f"{kind}_compared_title"), [note, plots]))
    return shown


def _answers(run: RowsRun, kind: str) -> list[Section]:
    """All prompts with their answers: the recipe's own, then those whose form differs first."""
    by_prompt: dict[str, list[Sample]] = defaultdict(list)
    for sample in run.samples:
        by_prompt[sample.question_id].append(sample)
    questions = sorted(
        map(_question, by_prompt.values()), key=lambda q: (q.held_out != "prompts", not q.differs)
    )
    labels = (text(f"{kind}_{key}") for key in ("answers_note", "whole", "faulty"))
    return sections.answers(questions, held_out_sets(run), *labels)


def _question(samples: list[Sample]) -> Question:
    right = [all(score >= RIGHT for score in sample.scores.values()) for sample in samples]
    return sections.question(samples, right, len(set(right)) > 1)


def notes(run: RowsRun) -> list[str]:
    """What a reader should mind."""
    keys = ["loss"] if run.losses else []
    if run.choices:
        paired = any(row.right_after is not None for row in run.choices)
        keys += ["choices", "one_training", "pairs" if paired else "no_pairs"]
    sentences = [text(f"note_{key}") for key in keys]
    drift = run.training.get("kl")
    if run.choices and isinstance(drift, dict) and "per_answer" in drift:
        # A model can foresee every choice and have unlearnt to answer.
        sentences.append(text("note_drift", kl=figure(drift["per_answer"])))
    if not run.losses and not run.choices:
        sentences.append(text("note_no_losses"))
    if run.samples:
        keys = ["form", "prompts", "served", *(["brief"] if run.briefed else [])]
        sentences += [text(f"note_{key}") for key in keys]
        sentences.append(text("note_tokens", tokens=run.settings.answer_tokens))
        sentences.append(sections.repeats(run.summary))
    if form := of_form(run.summary):
        points = round(100 * max(c.detectable for c in form))
        sentences.append(text("note_form_detectable", points=points))
    if run.passed_over:
        sentences.append(text("note_passed_over", count=run.passed_over))
    return sentences


def tables(summary: Summary) -> str:
    """What training left of held-out rows, then the form of the answers: what was measured."""
    loss, choices, pairs = (
        [cell for cell in summary.cells if cell.criterion == criterion]
        for criterion in (LIKELIHOOD, CHOICE, PREFERRED)
    )
    parts = []
    if loss:
        perplexities = [perplexity(-cell.score.mean) for cell in loss]
        rows = [_nats_row("loss_row", loss), [text("perplexity_row"), *perplexities]]
        parts.append(_table("loss_table_head", loss, rows))
    if choices:
        rows = [_nats_row("choices_row", choices)]
        if pairs:
            rows.append([text("pairs_row"), *map(share, pairs)])
        parts.append(_table("choices_table_head", choices, rows))
    form = form_only(summary)
    if form.cells:
        parts.append(plain_table(form))
    return "\n\n".join(parts)


def _table(head: str, cells: Sequence[Cell], rows: list[list[str]]) -> str:
    return aligned([[text(head), *(cell.arm for cell in cells)], *rows])


def _nats_row(key: str, cells: Sequence[Cell]) -> list[str]:
    """The losses, with their intervals where there are some: not of what is known by definition."""
    row = [text(key)]
    for cell in cells:
        score = cell.score
        interval = f" [{-score.high:.3f}-{-score.low:.3f}]"
        known = cell.groups < 2 or score.low == score.high
        row.append(f"{-score.mean:.3f}" + ("" if known else interval))
    return row
