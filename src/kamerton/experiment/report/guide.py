"""The report of a guide: base against tuned, with and without retrieval, on held-out questions."""

from collections import defaultdict
from dataclasses import dataclass

from kamerton.experiment.compare import SETS
from kamerton.experiment.design import Design, design
from kamerton.experiment.metrics import RIGHT
from kamerton.experiment.report import plot, sections, words
from kamerton.experiment.report.blocks import (
    Block,
    Heading,
    Page,
    PlotRow,
    Plots,
    Question,
    Section,
    Text,
)
from kamerton.experiment.report.card import Card, card_data, compared_card, results_of
from kamerton.experiment.report.figures import capital, p_value, percent
from kamerton.experiment.report.material import ComparedRun, ReportInputs, read_compared
from kamerton.experiment.report.sections import HeldOutSet, Outcome, claim, text
from kamerton.experiment.report.table import plain_table
from kamerton.experiment.run import read_questions
from kamerton.formats import questions as asked
from kamerton.formats.language import language_of
from kamerton.formats.scores import Comparison, Sample


@dataclass(frozen=True)
class GuideRun(ComparedRun):
    """What a guide's report shows, in memory."""

    questions: list[asked.Question]
    design: Design


def load(inputs: ReportInputs) -> GuideRun:
    """Read what the stages left."""
    run = read_compared(inputs)
    questions = read_questions(inputs.folders["data"])
    return GuideRun(
        **vars(run), questions=questions, design=design(run.settings, questions, inputs.name)
    )


def outcome(run: GuideRun) -> Outcome:
    """The verdict on the declared hypotheses."""
    return Outcome(
        headline=words.headline(run.summary),
        verdict=words.verdict_sentence(run.summary),
        harm=words.harm(run.summary),
        sets=held_out_sets(run),
        notes=notes(run),
        table=plain_table(run.summary),
        criteria=run.settings.guide_criteria,
    )


def page(run: GuideRun) -> Page:
    """The whole page, the verdict first."""
    declared = words.primary(run.summary)
    sentences = [capital(words.figures(c, run.summary)) + "." for c in declared]
    scores = sections.scores(run.summary, run.settings.primary)
    return sections.compared_page(
        run,
        outcome(run),
        leads=[" ".join(sentences)] if sentences else [],
        evidence=[
            _compared(run),
            *_hypotheses(run, declared),
            Section(text("table_title"), [Text(text("table_note"), "quiet"), scores]),
            _by_arm(run),
            *_secondary(run),
        ],
        answers=_answers(run),
    )


def card(run: GuideRun) -> Card:
    """The model card."""
    own = [cell for cell in run.summary.cells if cell.arm == run.name]
    language = language_of(question.question for question in run.questions)
    results = results_of(run.name, own, "held-out questions")
    data = card_data(run, language, "peft", ["lora"], results, run.base)
    return compared_card(
        run, outcome(run), data, text("card_intro", base=run.base), text("card_use")
    )


def held_out_sets(run: GuideRun) -> list[HeldOutSet]:
    """The sets that have questions."""
    sets: list[HeldOutSet] = []
    for held_out in SETS:
        groups = [q.group for q in run.questions if q.held_out == held_out]
        key = "asked_safety" if held_out == "safety" else "asked_set"
        if groups:
            sets.append(sections.counted(held_out, len(groups), len(set(groups)), key))
    return sets


def _compared(run: GuideRun) -> Section:
    about = text(
        "compared",
        arms=len(run.summary.arms),
        questions=len(run.questions),
        criterion=words.criterion(run.settings.primary),
    )
    return sections.compared(about, sections.arms(run), held_out_sets(run))


def _hypotheses(run: GuideRun, declared: list[Comparison]) -> list[Section]:
    if not declared:
        return []
    scale, margin = plot.differences([c.effect for c in declared]), run.settings.margin
    claims = [
        claim(
            c,
            sections.drawn(c, scale, margin, sections.shown_in_points(c)),
            words.figures(c, run.summary),
            text("better_worse", **c.model_dump()),
            _test(c),
        )
        for c in declared
    ]
    note = Text(text("hypotheses_note", alpha=run.settings.alpha), "quiet")
    return [Section(text("hypotheses_title"), [note, *claims])]


def _test(comparison: Comparison) -> str:
    test = text(
        "p_line",
        p=p_value(comparison.p),
        p_holm=p_value(comparison.p_holm),
        mcnemar=p_value(comparison.mcnemar_p),
        groups=comparison.groups,
    )
    planned = text(
        "known_too_few" if comparison.groups_needed else "known_detectable",
        detectable=round(100 * comparison.detectable),
        groups=comparison.groups,
        groups_needed=comparison.groups_needed,
    )
    return f"{test} {planned}"


def _by_arm(run: GuideRun) -> Section:
    """Every arm on the primary criterion, a drawing for each held-out set."""
    rows: dict[str, list[PlotRow]] = defaultdict(list)
    for cell in run.summary.cells:
        if cell.criterion == run.settings.primary:
            strip, look = plot.strip(cell.score, plot.SHARES), f"a{len(rows[cell.held_out])}"
            mean = percent(cell.score.mean)
            rows[cell.held_out].append(PlotRow(strip, cell.arm, mean, look=look, arm=True))
    blocks: list[Block] = [Text(text("plot_note"), "quiet")]
    for held_out, of in rows.items():
        blocks += [Heading(capital(text(f"set_{held_out}"))), Plots(of, plot.SHARES)]
    title = text("plot_title", criterion=words.criterion(run.settings.primary))
    return Section(capital(title), blocks)


def _secondary(run: GuideRun) -> list[Section]:
    others = [c for c in run.summary.comparisons if c.family == "secondary"]
    if not others:
        return []
    margin = run.settings.margin
    note = Text(text("secondary_note", margin=round(100 * margin)), "quiet")
    title = text("secondary_title", arm=run.name, against="base")
    return [Section(title, [note, sections.secondary(others, margin)])]


def _answers(run: GuideRun) -> list[Section]:
    """All questions with their answers; those on which the scores differ first."""
    by_question: dict[str, dict[str, Sample]] = defaultdict(dict)
    for sample in run.samples:
        by_question[sample.question_id][sample.arm] = sample
    answered = [q.id for q in run.questions if q.id in by_question]
    questions = [_question(list(by_question[name].values()), run) for name in answered]
    order = list(map(str, SETS))
    questions.sort(key=lambda one: (not one.differs, order.index(one.held_out)))
    labels = text("answers_note"), text("right"), text("wrong")
    return sections.answers(questions, held_out_sets(run), *labels)


def _question(samples: list[Sample], run: GuideRun) -> Question:
    main = "safety" if samples[0].held_out == "safety" else run.settings.primary
    marks = [sample.scores.get(main, 0.0) for sample in samples]
    return sections.question(samples, [mark >= RIGHT for mark in marks], max(marks) > min(marks))


def notes(run: GuideRun) -> list[str]:
    """What a reader should mind."""
    planned = run.design
    listed = ", ".join(
        text(
            "note_too_few_item" if power.groups_needed else "note_detectable_item",
            points=round(100 * power.detectable),
            name=power.name,
            questions=power.questions,
            groups=power.groups,
            groups_needed=power.groups_needed,
        )
        for power in planned.hypotheses
    )
    detectable = text(
        "note_detectable",
        list=listed,
        discordance=percent(planned.discordance),
        correlation=planned.correlation,
    )
    plain = [text(f"note_{key}") for key in ("rules", "proxy", "quantised", "few")]
    return [*plain, *([detectable] if listed else []), sections.repeats(run.summary)]
