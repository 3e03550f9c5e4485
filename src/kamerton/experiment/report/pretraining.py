"""The report of a pretraining: its figures, and how the model learnt to speak."""

import math
from dataclasses import dataclass
from typing import Any

from kamerton.experiment.report import blocks, card, material, plot, sections
from kamerton.experiment.report.blocks import Block, Code, Section, Text
from kamerton.experiment.report.figures import capital, count, duration, text
from kamerton.experiment.report.material import ReportInputs, Run, read_json, scalars
from kamerton.experiment.report.table import wrapped
from kamerton.formats.jsonl import read_model, read_rows
from kamerton.formats.pretraining import (
    CONTINUATIONS,
    PRETRAINING,
    Continuation,
    Evaluation,
    Pretraining,
)
from kamerton.formats.table import aligned

SAME = 0.01
"""Ratios of perplexities nearer to 1 than this are called about the same."""
_OVERFITTED = 1.005
"""A last loss this many times the best one is reported."""


@dataclass(frozen=True)
class PretrainedRun(Run):
    """What the report of a pretraining shows, in memory."""

    figures: Pretraining
    continuations: list[Continuation]
    tokenizer: dict[str, Any]
    """The tokenizer's report, as the data stage left it; empty where it left none."""
    checks: dict[str, Any]
    """Results of the training's self-tests."""
    language: str
    """Of the corpus, as the recipe says."""


def load(inputs: ReportInputs) -> PretrainedRun:
    """Read what the stages left; continuations and the tokenizer's report may be missing."""
    trained, data = inputs.folders["pretrain"], inputs.folders.get("data")
    continuations = trained / CONTINUATIONS
    return PretrainedRun(
        **vars(material.read_run(inputs)),
        figures=read_model(trained / PRETRAINING, Pretraining),
        continuations=read_rows(continuations, Continuation)
        if continuations.is_file() and continuations.stat().st_size
        else [],
        tokenizer=read_json(data / "tokenizer" if data else None, "report.json"),
        checks=read_json(trained, material.CHECKS),
        language=str((inputs.recipe.get("data") or {}).get("language") or "ru"),
    )


def page(run: PretrainedRun) -> blocks.Page:
    """The whole page; it needs no script."""
    architecture = sections.figures_of(run.figures.architecture)
    tokenizer = sections.blocks_of(run.tokenizer, "token")
    checks = [(text("details_checks"), sections.blocks_of(run.checks, "check"))]
    return blocks.Page(
        title=text("pretrained_title", name=run.name),
        kicker=f"{text('pretrained_kicker')} · {run.name}",
        headline=headline(run.figures) + ".",
        leads=[sentence(run.figures)],
        sections=[
            sections.notes(notes(run.figures)),
            Section(
                text("facts_title"),
                [
                    blocks.Figures(facts(run.figures), "facts"),
                    blocks.Details(text("details_architecture"), architecture),
                ],
            ),
            *_learning(run),
            *_loss(run.figures),
            *_perplexity(run.figures),
            *([Section(text("tokenizer_title"), tokenizer)] if tokenizer else []),
            *sections.lineage(run),
            sections.rerun(run, text("pretrained_rerun_note"), checks),
        ],
    )


def table(run: PretrainedRun) -> str:
    """What ends the run in the terminal: the figures, and what came out in a sentence."""
    outcome = f"{headline(run.figures)}. {sentence(run.figures)}"
    return f"{plain_table(run.figures)}\n\n{wrapped(outcome)}\n"


def model_card(run: PretrainedRun) -> card.Card:
    """The model card."""
    figures, end = run.figures, last(run.figures)
    settings = dict(scalars(figures.architecture)) | dict(scalars(run.recipe.get("pretrain") or {}))
    metric, results = "perplexity per character", []
    if end:
        results.append(("held_out", metric, math.exp(end.nats_per_character)))
    tags = ["pretrained"]
    intro = text("pretrained_card_intro", parameters=count(figures.parameters))
    continued = []
    if learning := learning_of(run):
        # As text: nothing in a continuation is markup.
        lines = [f"{prompt} → {texts[-1] or ''}" for prompt, texts in learning.prompts]
        code = Code("\n".join(" ".join(line.split()) for line in lines), "indented")
        at = Text(text("learnt_at", step=learning.steps[-1][1]))
        continued = [Section(text("learning_title"), [at, code])]
    return card.Card(
        card.card_data(run, run.language, "transformers", tags, "held-out texts", results),
        [
            card.title(run.name),
            Section("", [Text(intro), Text(f"**{headline(figures)}.** {sentence(figures)}")]),
            card.section("card_use", Text(text("pretrained_card_use"))),
            card.section(
                "card_training", blocks.Bullets([f"`{k}`: {v}" for k, v in settings.items()])
            ),
            card.section("card_results", Code(plain_table(figures))),
            *continued,
            card.section("card_limits", blocks.Bullets(notes(figures))),
            card.lineage(run),
        ],
    )


def per_character(nats: float) -> str:
    """A perplexity per character."""
    return f"{math.exp(nats):.3f}"


def last(figures: Pretraining) -> Evaluation | None:
    """The last evaluation: of the model that was kept."""
    return max(figures.evaluations, key=lambda e: e.step, default=None)


def headline(figures: Pretraining) -> str:
    """What came out, in one line, without a full stop."""
    end, ratio = last(figures), figures.ratio_to_ngram
    if end is None:
        return capital(text("pretrained_blind", seen=count(figures.seen_tokens)))
    if ratio is None or figures.ngram_nats_per_character is None:
        return capital(text("pretrained_alone", end=per_character(end.nats_per_character)))
    code = "same" if abs(ratio - 1) < SAME else "better" if ratio < 1 else "worse"
    return capital(text(f"ngram_{code}", order=figures.ngram_order))


def sentence(figures: Pretraining) -> str:
    """The figures behind the headline, as whole sentences."""
    end = last(figures)
    if end is None:
        return text("pretrained_no_evaluation")
    first = min(figures.evaluations, key=lambda e: e.step)
    measured = text(
        "pretrained_figures",
        end=per_character(end.nats_per_character),
        step=count(end.step),
        start=per_character(first.nats_per_character),
        first=count(first.step),
    )
    return f"{measured} {against_ngram(figures)}".strip()


def against_ngram(figures: Pretraining) -> str:
    """The n-gram's figure and the ratio, as a sentence; empty where there is no n-gram."""
    if figures.ratio_to_ngram is None or figures.ngram_nats_per_character is None:
        return ""
    return text(
        "ngram_figures",
        order=figures.ngram_order,
        ngram=per_character(figures.ngram_nats_per_character),
        ratio=f"{figures.ratio_to_ngram:.3f}",
    )


def facts(figures: Pretraining) -> list[tuple[str, str]]:
    """The figures of the run, with their names."""
    speed = figures.seen_tokens / figures.seconds if figures.seconds else 0.0
    end = last(figures)
    values = {
        "parameters": count(figures.parameters),
        "train_tokens": count(figures.train_tokens),
        "seen_tokens": count(figures.seen_tokens),
        "passes": f"{figures.seen_tokens / max(1, figures.train_tokens):.2f}",
        "steps": count(figures.steps),
        "time": duration(figures.seconds),
        "speed": count(speed),
        "last_loss": f"{figures.loss[-1][1]:.3f}" if figures.loss else "",
        "held_out_loss": f"{end.loss:.3f}" if end else "",
    }
    return [(text(f"fact_{key}"), value) for key, value in values.items() if value]


def learning_of(run: PretrainedRun) -> blocks.Learning | None:
    """Every prompt with its continuations in the order of the steps; None where there are none.

    Of a step that a resumed run made twice, the later continuation counts.
    """
    continued = {(one.prompt, one.step): one.text for one in run.continuations}
    steps = sorted({step for _, step in continued})
    if not steps:
        return None
    measured = {
        e.step: text("learning_perplexity", value=per_character(e.nats_per_character))
        for e in run.figures.evaluations
    }
    prompts = dict.fromkeys(one.prompt for one in run.continuations)
    return blocks.Learning(
        [(step, count(step), measured.get(step, "")) for step in steps],
        [(prompt, [continued.get((prompt, step)) for step in steps]) for prompt in prompts],
    )


def _learning(run: PretrainedRun) -> list[Section]:
    learning = learning_of(run)
    note = Text(text("learning_note"))
    return [Section(text("learning_title"), [note, learning])] if learning else []


def _loss(figures: Pretraining) -> list[Section]:
    """Training and held-out loss, in nats for each token."""
    held_out = [(float(e.step), e.loss) for e in figures.evaluations]
    train = [(float(step), loss) for step, loss in figures.loss if math.isfinite(loss)]
    curve = plot.curve(
        [(text("line_train"), "train", train), (text("line_held_out"), "held", held_out)]
    )
    return [Section(text("loss_curve_title"), [_chart(curve, "loss_curve")])] if curve else []


def _chart(curve: plot.Curve, key: str) -> blocks.Chart:
    return blocks.Chart(curve, text(f"{key}_name"), text(f"{key}_unit"), text("axis_steps"))


def _perplexity(figures: Pretraining) -> list[Section]:
    """Held-out perplexity per character, and that of the n-gram model as a level line."""
    evaluations = figures.evaluations
    model = [(float(e.step), math.exp(e.nats_per_character)) for e in evaluations]
    series: list[tuple[str, str, plot.Points]] = [(text("line_model"), "held", model)]
    if model and figures.ngram_nats_per_character is not None:
        level = math.exp(figures.ngram_nats_per_character)
        name = text("line_ngram", order=figures.ngram_order)
        series.append((name, "ngram", [(0.0, level), (model[-1][0], level)]))
    curve = plot.curve(series, ratios=True)
    if curve is None:
        return []
    rows = []
    for e in evaluations:
        nats = e.nats_per_character
        rows.append((count(e.step), [f"{e.loss:.4f}", f"{nats:.4f}", per_character(nats)]))
    columns = [text(f"column_{name}") for name in ("loss", "nats", "perplexity")]
    table = blocks.Table(columns, rows, corner=text("column_step"), look="numbers")
    against = against_ngram(figures)
    shown: list[Block] = [
        *([Text(against)] if against else []),
        _chart(curve, "perplexity"),
        blocks.Details(text("details_evaluations"), [table]),
    ]
    return [Section(text("perplexity_title"), shown)]


def notes(figures: Pretraining) -> list[str]:
    """What a reader should mind."""
    end = last(figures)
    least = min(figures.evaluations, key=lambda e: e.loss, default=None)
    sentences = [text("note_one_run"), text("note_greedy")]
    if figures.ngram_nats_per_character is not None:
        sentences.append(text("note_ngram", order=figures.ngram_order))
    if end and least and end.loss > _OVERFITTED * least.loss:
        values = {"step": count(least.step), "least": f"{least.loss:.3f}", "end": f"{end.loss:.3f}"}
        sentences.append(text("note_overfitted", **values))
    return [*sentences, text("note_no_facts")]


def plain_table(figures: Pretraining) -> str:
    """The figures of the run, and the perplexity per character at the last evaluation."""
    rows = [(text("pretrained_table_head"), ""), *facts(figures)]
    ngram, column = figures.ngram_nats_per_character, text("column_perplexity")
    for evaluation in figures.evaluations[-1:]:
        value = per_character(evaluation.nats_per_character)
        rows.append((f"{column}, {text('line_model')}", value))
    if ngram is not None:
        name = text("line_ngram", order=figures.ngram_order)
        rows.append((f"{column}, {name}", per_character(ngram)))
    return aligned(rows, head=True)
