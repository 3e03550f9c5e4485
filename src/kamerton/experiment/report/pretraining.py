"""The report of a pretraining: its figures, and how the model learnt to speak."""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kamerton.experiment.report import plot, sections
from kamerton.experiment.report.blocks import (
    Block,
    Bullets,
    Chart,
    Code,
    Details,
    Figures,
    Learning,
    Page,
    Section,
    Step,
    Table,
    Text,
)
from kamerton.experiment.report.card import Card, card_data, lineage, result, section, title
from kamerton.experiment.report.figures import blocks_of, capital, count, duration
from kamerton.experiment.report.material import (
    CHECKS,
    ReportInputs,
    Run,
    read_json,
    read_run,
    scalars,
)
from kamerton.experiment.report.sections import text
from kamerton.experiment.report.table import aligned, wrapped
from kamerton.formats.jsonl import read_rows, read_text
from kamerton.formats.pretraining import (
    CONTINUATIONS,
    PRETRAINING,
    Continuation,
    Evaluation,
    Pretraining,
)

SAME = 0.01
"""Ratios of perplexities nearer to 1 than this are called about the same."""
_OVERFITTED = 1.005
"""A last loss this many times the best one is told of."""


@dataclass(frozen=True)
class PretrainedRun(Run):
    """What the page shows, in memory."""

    figures: Pretraining
    continuations: list[Continuation]
    tokenizer: dict[str, Any]
    """The tokenizer's report, as the data stage left it; empty where it left none."""
    checks: dict[str, Any]
    """What the training's self-tests found."""
    language: str
    """Of the corpus, as the recipe says."""


def load(inputs: ReportInputs) -> PretrainedRun:
    """Read what the stages left; continuations and the tokenizer's report may be missing."""
    made, data = inputs.folders["pretrain"], inputs.folders.get("data")
    return PretrainedRun(
        **vars(read_run(inputs)),
        figures=Pretraining.model_validate_json(read_text(made / PRETRAINING)),
        continuations=_continuations(made / CONTINUATIONS),
        tokenizer=read_json(data / "tokenizer" if data else None, "report.json"),
        checks=read_json(made, CHECKS),
        language=str((inputs.recipe.get("data") or {}).get("language") or "ru"),
    )


def _continuations(path: Path) -> list[Continuation]:
    there = path.is_file() and path.stat().st_size
    return read_rows(path, Continuation) if there else []


def page(run: PretrainedRun) -> Page:
    """The whole page; it needs no script."""
    return Page(
        title=text("pretrained_title", name=run.name),
        kicker=f"{text('pretrained_kicker')} · {run.name}",
        headline=headline(run.figures) + ".",
        leads=[sentence(run.figures)],
        sections=[
            _facts(run),
            *_learning(run),
            *_loss(run.figures),
            *_perplexity(run.figures),
            *_tokenizer(run),
            *sections.lineage(run),
            sections.rerun(
                run,
                text("pretrained_rerun_note"),
                [(text("details_checks"), blocks_of(run.checks, "check"))],
            ),
            sections.notes(notes(run.figures)),
        ],
    )


def table(run: PretrainedRun) -> str:
    """What ends the run in the terminal: the figures, and what came out in a sentence."""
    outcome = f"{headline(run.figures)}. {sentence(run.figures)}"
    return f"{plain_table(run.figures)}\n\n{wrapped(outcome)}\n"


def card(run: PretrainedRun) -> Card:
    """The model card."""
    figures, end = run.figures, last(run.figures)
    settings = dict(scalars(figures.architecture)) | dict(scalars(run.recipe.get("pretrain") or {}))
    results = []
    if end:
        metric, value = "perplexity per character", math.exp(end.nats_per_character)
        results.append(result(run.name, "held_out", "held-out texts", metric, value))
    outcome = f"**{headline(figures)}.** {sentence(figures)}"
    return Card(
        card_data(run, run.language, "transformers", ["pretrained"], results),
        [
            title(run.name),
            Section(
                "", [Text(text("pretrained_card_intro", parameters=count(figures.parameters)))]
            ),
            Section("", [Text(outcome)]),
            section("card_use", Text(text("pretrained_card_use"))),
            section("card_training", Bullets([f"`{k}`: {v}" for k, v in settings.items()])),
            section("card_results", Code(plain_table(figures))),
            *_last_continuations(run),
            section("card_limits", Bullets(notes(figures))),
            lineage(run),
        ],
    )


def _last_continuations(run: PretrainedRun) -> list[Section]:
    """What the kept model goes on to say, as text: nothing in it is markup."""
    learning = learning_of(run)
    if learning is None:
        return []
    lines = [f"{prompt} → {texts[-1] or ''}" for prompt, texts in learning.prompts]
    code = Code("\n".join(" ".join(line.split()) for line in lines), "indented")
    at = Text(text("learnt_at", step=learning.steps[-1].name))
    return [Section(text("learning_title"), [at, code])]


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


def _facts(run: PretrainedRun) -> Section:
    architecture = sections.figures_of(run.figures.architecture)
    shown = Details(text("details_architecture"), architecture)
    return Section(text("facts_title"), [Figures(facts(run.figures), "facts"), shown])


def learning_of(run: PretrainedRun) -> Learning | None:
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
    return Learning(
        [Step(step, count(step), measured.get(step, "")) for step in steps],
        [(p, [continued.get((p, step)) for step in steps]) for p in prompts],
    )


def _learning(run: PretrainedRun) -> list[Section]:
    learning = learning_of(run)
    if learning is None:
        return []
    return [Section(text("learning_title"), [Text(text("learning_note")), learning])]


def _loss(figures: Pretraining) -> list[Section]:
    """Training and held-out loss, in nats for each token."""
    held_out = [(float(e.step), e.loss) for e in figures.evaluations]
    train = [(float(step), loss) for step, loss in figures.loss if math.isfinite(loss)]
    lines = plot.curve(
        [(text("line_train"), "train", train), (text("line_held_out"), "held", held_out)]
    )
    if lines is None:
        return []
    chart = Chart(lines, text("loss_curve_name"), text("loss_curve_unit"), text("axis_steps"))
    return [Section(text("loss_curve_title"), [chart])]


def perplexity_curve(figures: Pretraining) -> plot.Curve | None:
    """Held-out perplexity per character, and that of the n-gram model as a level line."""
    model = [(float(e.step), math.exp(e.nats_per_character)) for e in figures.evaluations]
    if not model:
        return None
    series: list[tuple[str, str, plot.Points]] = [(text("line_model"), "held", model)]
    if figures.ngram_nats_per_character is not None:
        level = math.exp(figures.ngram_nats_per_character)
        name = text("line_ngram", order=figures.ngram_order)
        series.append((name, "ngram", [(0.0, level), (model[-1][0], level)]))
    return plot.curve(series, ratios=True)


def _perplexity(figures: Pretraining) -> list[Section]:
    lines = perplexity_curve(figures)
    if lines is None:
        return []
    rows = [
        (
            count(e.step),
            [f"{e.loss:.4f}", f"{e.nats_per_character:.4f}", per_character(e.nats_per_character)],
        )
        for e in figures.evaluations
    ]
    columns = [text(f"column_{name}") for name in ("loss", "nats", "perplexity")]
    evaluations = Table(columns, rows, corner=text("column_step"), look="numbers")
    against = against_ngram(figures)
    blocks: list[Block] = [
        *([Text(against)] if against else []),
        Chart(lines, text("perplexity_name"), text("perplexity_unit"), text("axis_steps")),
        Details(text("details_evaluations"), [evaluations]),
    ]
    return [Section(text("perplexity_title"), blocks)]


def _tokenizer(run: PretrainedRun) -> list[Section]:
    blocks = blocks_of(run.tokenizer, "token")
    return [Section(text("tokenizer_title"), blocks)] if blocks else []


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
    column = text("column_perplexity")
    for evaluation in figures.evaluations[-1:]:
        name = f"{column}, {text('line_model')}"
        rows.append((name, per_character(evaluation.nats_per_character)))
    if figures.ngram_nats_per_character is not None:
        name = f"{column}, {text('line_ngram', order=figures.ngram_order)}"
        rows.append((name, per_character(figures.ngram_nats_per_character)))
    return aligned(rows)
