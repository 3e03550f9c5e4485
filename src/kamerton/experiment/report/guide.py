"""The report of a guide: base against tuned, with and without retrieval, on held-out questions."""

from dataclasses import dataclass

from kamerton.experiment.compare import SETS
from kamerton.experiment.design import Design, design
from kamerton.experiment.report import plot, sections, words
from kamerton.experiment.report.blocks import Page, Section, Text
from kamerton.experiment.report.card import Card, card_data, compared_card
from kamerton.experiment.report.figures import capital, p_value, percent, text
from kamerton.experiment.report.material import ComparedRun, ReportInputs, read_compared
from kamerton.experiment.report.sections import HeldOutSet, Outcome
from kamerton.experiment.report.table import plain_table
from kamerton.experiment.run import read_questions
from kamerton.formats.language import label, language_of
from kamerton.formats.questions import Question
from kamerton.formats.scores import Comparison, Sample


@dataclass(frozen=True)
class GuideRun(ComparedRun):
    """What a guide's report shows, in memory."""

    questions: list[Question]
    design: Design


def load(inputs: ReportInputs) -> GuideRun:
    """Read what the stages left."""
    run = read_compared(inputs)
    questions = read_questions(inputs.folders["data"])
    planned = design(run.settings, questions, inputs.name)
    return GuideRun(**vars(run), questions=questions, design=planned)


def outcome(run: GuideRun) -> Outcome:
    """The verdict on the declared hypotheses."""
    return Outcome(
        headline=words.headline(run.summary),
        verdict=" ".join([words.verdict_sentence(run.summary), *words.language(run.summary)]),
        harm=words.harm(run.summary),
        sets=held_out_sets(run),
        notes=notes(run),
        table=plain_table(run.summary),
    )


def page(run: GuideRun) -> Page:
    """The whole page, the verdict first."""
    declared, primary, sets = words.primary(run.summary), run.settings.primary, held_out_sets(run)
    sentences = [capital(words.figures(c, run.summary)) + "." for c in declared]
    about = text(
        "compared",
        arms=len(run.summary.arms),
        questions=len(run.questions),
        criterion=words.criterion(primary),
    )
    others = [c for c in run.summary.comparisons if c.family == "secondary"]
    title, margin = text("secondary_title", arm=run.name, against="base"), run.settings.margin
    return sections.compared_page(
        run,
        outcome(run),
        leads=[*([" ".join(sentences)] if sentences else []), *words.language(run.summary)],
        evidence=[
            sections.compared(run, about, sets),
            *_hypotheses(run, declared),
            sections.scores(run.summary, text("table_title"), text("table_note"), primary),
            *([sections.secondary(others, title, "secondary_note", margin)] if others else []),
        ],
        answers=_answers(run),
    )


def card(run: GuideRun) -> Card:
    """The model card."""
    language = language_of(question.question for question in run.questions)
    scores = [
        (c.held_out, c.criterion, c.score.mean) for c in run.summary.cells if c.arm == run.name
    ]
    data = card_data(run, language, "peft", ["lora"], "held-out questions", scores, run.base)
    intro = text("card_intro", base=run.base)
    return compared_card(run, outcome(run), data, intro, text("card_use"))


def held_out_sets(run: GuideRun) -> list[HeldOutSet]:
    """The sets that have questions."""
    return sections.held_out_sets(SETS, ((q.held_out, q.id, q.group) for q in run.questions))


def _hypotheses(run: GuideRun, declared: list[Comparison]) -> list[Section]:
    if not declared:
        return []
    scale, margin = plot.differences([c.effect for c in declared]), run.settings.margin
    claims = [
        sections.claim(
            c,
            scale,
            margin,
            sections.shown_in_points(c.effect),
            sentence=words.figures(c, run.summary),
            counts=text("better_worse", **c.model_dump()),
            test=_test(c),
        )
        for c in declared
    ]
    note = Text(text("hypotheses_note", alpha=run.settings.alpha), "quiet")
    return [Section(text("hypotheses_title"), [note, *claims])]


def _test(comparison: Comparison) -> str:
    p, p_holm, mcnemar = map(p_value, (comparison.p, comparison.p_holm, comparison.mcnemar_p))
    test = text("p_line", p=p, p_holm=p_holm, mcnemar=mcnemar, groups=comparison.groups)
    planned = text(
        "planned_too_few" if comparison.groups_needed else "planned_detectable",
        detectable=round(100 * comparison.detectable),
        groups=comparison.groups,
        groups_needed=comparison.groups_needed,
    )
    return f"{test} {planned}"


def _answers(run: GuideRun) -> list[Section]:
    """All questions with their answers; those on which the scores differ first."""
    places = {question.id: place for place, question in enumerate(run.questions)}
    samples = (sample for sample in run.samples if sample.question_id in places)

    def mark(sample: Sample) -> float:
        main = "safety" if sample.held_out == "safety" else run.settings.primary
        return sample.scores.get(main, 0.0)

    return sections.answers(
        sorted(samples, key=lambda sample: places[sample.question_id]),
        mark,
        lambda question: (not question.differs, list(map(str, SETS)).index(question.held_out)),
        held_out_sets(run),
        ("answers_note", "right", "wrong"),
    )


def notes(run: GuideRun) -> list[str]:
    """What a reader should mind."""
    planned = run.design
    listed = ", ".join(
        text(
            "note_too_few_item" if power.groups_needed else "note_detectable_item",
            points=round(100 * power.detectable),
            name=label("experiment", "hypothesis", power.name),
            questions=power.questions,
            groups=power.groups,
            groups_needed=power.groups_needed,
        )
        for power in planned.hypotheses
    )
    sentences = [text(f"note_{key}") for key in ("rules", "proxy", "quantised", "few")]
    if listed:
        shares = {"discordance": percent(planned.discordance), "correlation": planned.correlation}
        sentences.append(text("note_detectable", list=listed, **shares))
    return [*sentences, sections.repeats(run.summary)]
