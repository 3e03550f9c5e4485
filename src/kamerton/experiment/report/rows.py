"""The report of rows: held-out loss or choices before and after, and the form of the answers."""

import math
from collections.abc import Sequence
from typing import Any

from kamerton.experiment.likelihood import CHOICE, LIKELIHOOD, PREFERRED
from kamerton.experiment.metrics import RIGHT
from kamerton.experiment.report import plot, rows_run, sections, words
from kamerton.experiment.report.blocks import (
    Block,
    Claim,
    Page,
    ScatterPlot,
    Section,
    Table,
    Text,
)
from kamerton.experiment.report.card import Card, card_data, compared_card
from kamerton.experiment.report.figures import capital, figure, p_value, short, signed, text
from kamerton.experiment.report.rows_run import NAMES, RowsRun, figures_of, perplexity
from kamerton.experiment.report.sections import HeldOutSet, Outcome
from kamerton.experiment.report.table import plain_table, share
from kamerton.experiment.rows import SETS
from kamerton.formats.language import label, language_of
from kamerton.formats.scores import Cell, Comparison, Summary
from kamerton.formats.table import aligned


def outcome(run: RowsRun) -> Outcome:
    """The verdict on what was declared, and on the form of the answers."""
    return Outcome(
        headline=rows_run.headline(run.summary),
        verdict=" ".join([rows_run.verdict_sentence(run), *words.language(run.summary)]),
        harm=rows_run.harm(run.summary),
        sets=held_out_sets(run),
        notes=notes(run),
        table=tables(run.summary),
    )


def page(run: RowsRun) -> Page:
    """The whole page, the verdict first."""
    kind, sets = "brief" if run.briefed else "form", held_out_sets(run)
    loss = [c for c in run.summary.comparisons if c.criterion == LIKELIHOOD][:1]
    choices = rows_run.of_choices(run.summary)
    about = text("choices_compared" if choices and not loss else f"{kind}_rows_compared")
    whole = "arm_whole" if run.method == "full" else "arm_tuned"
    return sections.compared_page(
        run,
        outcome(run),
        leads=[
            *(capital(figures_of(c, run.summary)) + "." for c in [*loss, *choices]),
            *(f"{sentence}." for sentence in rows_run.side_effects(run)),
            *words.language(run.summary),
        ],
        evidence=[
            sections.compared(run, about, sets, whole),
            *(_loss(run, one) for one in loss),
            *_choices(run, choices),
            *_preferences(run.training),
            *_form(run, kind),
        ],
        answers=sections.answers(
            run.samples,
            lambda sample: float(all(score >= RIGHT for score in sample.scores.values())),
            # The recipe's prompts, then those whose form differs.
            lambda question: (question.held_out != "prompts", not question.differs),
            sets,
            (f"{kind}_answers_note", f"{kind}_whole", f"{kind}_faulty"),
        ),
        checks=sections.blocks_of(run.checks, "check"),
    )


def card(run: RowsRun) -> Card:
    """The model card."""
    tuned = [c for c in run.summary.cells if (c.arm, c.held_out) == (run.name, "rows")]
    language = language_of(sample.question for sample in run.samples)
    library = {"": None, "full": "transformers"}.get(run.method, "peft")
    said = {"method": run.method, "objective": run.objective}
    tags, results = [*filter(None, said.values())], [_result(cell) for cell in tuned]
    data = card_data(run, language, library, tags, "held-out rows", results, run.base)
    named = {key: value or text("not_recorded") for key, value in said.items()}
    intro = text("rows_card_intro", base=run.base, **named)
    return compared_card(run, outcome(run), data, intro, text("rows_card_use"))


def _result(cell: Cell) -> tuple[str, str, float]:
    """Set, metric and value: of the likelihood its perplexity, which hubs know."""
    mean = cell.score.mean
    if cell.criterion == LIKELIHOOD:
        return cell.held_out, "perplexity", math.exp(-mean)
    if cell.criterion == CHOICE:
        return cell.held_out, "choice_loss", -mean
    return cell.held_out, cell.criterion, mean


def held_out_sets(run: RowsRun) -> list[HeldOutSet]:
    """The sets that have prompts."""
    return sections.held_out_sets(SETS, ((s.held_out, s.question_id, s.group) for s in run.samples))


def _claim(one: Comparison, run: RowsRun) -> Claim:
    """A declared hypothesis; one group has no interval."""
    name, effect, margin = NAMES[one.criterion], one.effect, run.settings.loss_margin
    planned: dict[str, object] = {"margin": margin, "detectable": f"{one.detectable:.3f}"}
    scale = plot.around_zero([effect], margin)
    if one.criterion == PREFERRED:
        margin, scale = run.settings.margin, plot.differences([effect])
        planned = {"margin": round(100 * margin), "detectable": round(100 * one.detectable)}
        mean, interval = sections.shown_in_points(effect)
    else:
        if one.criterion == LIKELIHOOD:
            planned["factor"] = short(math.exp(-one.detectable))
            ratio = rows_run.ratio(effect)
            mean, interval = f"× {ratio['ratio']}", f"{ratio['low']} … {ratio['high']}"
        else:
            mean, interval = signed(effect.mean), f"{signed(effect.low)} … {signed(effect.high)}"
        interval = interval if one.groups > 1 else ""
    p, p_holm, sign = map(p_value, (one.p, one.p_holm, one.mcnemar_p))
    return sections.claim(
        one,
        scale,
        margin,
        (mean, interval),
        sentence=figures_of(one, run.summary),
        counts=text(f"{name}_counts", **one.model_dump()),
        test=text(f"{name}_test", p=p, p_holm=p_holm, sign=sign, groups=one.groups, **planned),
        unit=text(f"{name}_axis"),
    )


def _loss(run: RowsRun, declared: Comparison) -> Section:
    """The verdict on held-out loss, in nats for each token, and each answer as a dot."""
    dots = plot.scatter([(row.before, row.after) for row in run.losses])
    note = text("dots_note")
    if dots.left_out:
        note += " " + text("dots_left_out", count=dots.left_out)
    # Over all held-out tokens long answers count for more.
    tokens = sum(row.tokens for row in run.losses) or 1
    before = sum(row.tokens * row.before for row in run.losses) / tokens
    after = sum(row.tokens * row.after for row in run.losses) / tokens
    by_tokens = text(
        "loss_by_tokens",
        tokens=short(tokens),
        before=f"{before:.3f}",
        after=f"{after:.3f}",
        perplexity_before=perplexity(before),
        perplexity_after=perplexity(after),
    )
    blocks: list[Block] = [
        Text(text("loss_note", alpha=run.settings.alpha), "quiet"),
        _claim(declared, run),
        ScatterPlot(dots, text("dots_title"), note, text("dots_before"), text("dots_after")),
        Text(by_tokens, "quiet"),
    ]
    return Section(text("loss_title"), blocks)


def _choices(run: RowsRun, declared: Sequence[Comparison]) -> list[Section]:
    """The verdicts on what people chose."""
    if not declared:
        return []
    note = Text(text("choices_note", alpha=run.settings.alpha), "quiet")
    return [Section(text("choices_title"), [note, *(_claim(c, run) for c in declared)])]


def _preferences(training: dict[str, Any]) -> list[Section]:
    """What training on preferences did to held-out ones; nothing where it was no such training."""
    held_out = training.get("held_out")
    sides = held_out if isinstance(held_out, dict) else {}
    before, after = sides.get("before"), sides.get("after")
    if not (isinstance(before, dict) and isinstance(after, dict)):
        return []
    rows = [
        (label("experiment", "preference", key), [figure(value), figure(after.get(key))])
        for key, value in before.items()
    ]
    columns = [text("preferences_before"), text("preferences_after")]
    note = Text(text("preferences_note", rows=sides.get("rows")), "quiet")
    return [Section(text("preferences_title"), [note, Table(columns, rows)])]


def _form(run: RowsRun, kind: str) -> list[Section]:
    """Scores of the form of the answers, and the differences."""
    form, margin = rows_run.form_only(run.summary), run.settings.margin
    parts = []
    if form.cells:
        title, note, primary = text(f"{kind}_title"), text("form_note"), run.settings.primary
        parts.append(sections.scores(form, title, note, primary))
    if others := [c for c in form.comparisons if c.family == "secondary"]:
        title = text(f"{kind}_compared_title")
        parts.append(sections.secondary(others, title, "form_compared_note", margin))
    return parts


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
    if form := rows_run.of_form(run.summary):
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
    for name, cells in (("loss", loss), ("choices", choices)):
        if cells:
            rows = [[text(f"{name}_table_head"), *(cell.arm for cell in cells)]]
            rows.append([text(f"{name}_row"), *map(_nats, cells)])
            if cells is loss:
                rows.append([text("perplexity_row"), *(perplexity(-c.score.mean) for c in cells)])
            elif pairs:
                rows.append([text("pairs_row"), *map(share, pairs)])
            parts.append(aligned(rows, head=True))
    form = rows_run.form_only(summary)
    return "\n\n".join([*parts, *([plain_table(form)] if form.cells else [])])


def _nats(cell: Cell) -> str:
    """A loss, with its interval where it has one: not where it holds by definition."""
    score = cell.score
    exact = cell.groups < 2 or score.low == score.high
    return f"{-score.mean:.3f}" + ("" if exact else f" [{-score.high:.3f}-{-score.low:.3f}]")
