"""The sections that several kinds of run share."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import yaml

from kamerton.experiment.report import plot, words
from kamerton.experiment.report.blocks import (
    Answer,
    Answers,
    Block,
    Bullets,
    Cell,
    Claim,
    Code,
    Details,
    Figures,
    Page,
    PlotRow,
    Plots,
    Question,
    Score,
    ScoreRow,
    Scores,
    Section,
    Span,
    Table,
    Term,
    Terms,
    Text,
    Times,
)
from kamerton.experiment.report.figures import capital, duration, in_points
from kamerton.experiment.report.material import ComparedRun, Run, scalars
from kamerton.experiment.report.table import wrapped
from kamerton.formats import scores as formats
from kamerton.formats.language import say
from kamerton.formats.manifest import Manifest, StageName
from kamerton.formats.scores import Comparison, Sample, Summary
from kamerton.formats.serving import BASE, RAG

HeldOutSet = tuple[str, str, str]
"""Held-out set, what it tests, and how many questions it has."""


@dataclass(frozen=True)
class Outcome:
    """What a comparison came to, in words: the same on page, card and terminal."""

    headline: str
    verdict: str
    harm: Sequence[str]
    """A sentence for everything that is proved worse."""
    sets: Sequence[HeldOutSet]
    notes: Sequence[str]
    """What a reader should mind."""
    table: str
    criteria: Sequence[str]


def text(key: str, /, **values: object) -> str:
    """A text of the experiment in the language in force."""
    return say(f"experiment.{key}", **values)


def closing_words(outcome: Outcome) -> str:
    """What ends a run in the terminal: the table, what became worse, and the verdict."""
    texts = [*outcome.harm, f"{text('verdict_label')}: {outcome.verdict}"]
    return "\n\n".join([outcome.table, *map(wrapped, texts)]) + "\n"


def compared_page(
    run: ComparedRun,
    outcome: Outcome,
    leads: Sequence[str],
    evidence: Sequence[Section],
    answers: Sequence[Section],
    checks: Sequence[Block] = (),
) -> Page:
    """The page of a comparison, the verdict first."""
    details = (
        ("details_training", figures_of(run.training)),
        ("details_checks", checks),
        ("details_parity", figures_of(run.parity)),
    )
    return Page(
        title=text("title", name=run.name),
        kicker=f"{text('kicker')} · {run.name}",
        headline=f"{outcome.headline}.",
        leads=leads,
        warnings=outcome.harm,
        warnings_title=text("harm_title"),
        sections=[
            *evidence,
            *feedback(run),
            *answers,
            *lineage(run),
            rerun(run, text("rerun_note"), [(text(key), blocks) for key, blocks in details]),
            notes(outcome.notes, outcome.criteria),
        ],
    )


def arms(run: ComparedRun) -> list[tuple[str, str]]:
    """Every arm with what it is, in words."""
    return [(arm, _arm(arm, run)) for arm in run.summary.arms]


def _arm(arm: str, run: ComparedRun) -> str:
    if arm.endswith(RAG):
        return text("arm_rag", arm=arm.removesuffix(RAG))
    if arm == BASE:
        return text("arm_base", base=run.base)
    return text("arm_tuned" if arm == run.name else "arm_other")


def compared(
    about: str, run_arms: Sequence[tuple[str, str]], sets: Sequence[HeldOutSet]
) -> Section:
    """What was compared with what, and on which held-out sets."""
    blocks: list[Block] = [
        Text(about),
        Terms([Term(arm, what) for arm, what in run_arms], "arm"),
    ]
    if sets:
        blocks.append(Terms([Term(text(f"set_{name}"), what, note=n) for name, what, n in sets]))
    return Section(text("compared_title"), blocks)


def counted(held_out: str, questions: int, groups: int, key: str) -> HeldOutSet:
    """A held-out set with its counts in words."""
    return held_out, text(f"about_{held_out}"), text(key, questions=questions, groups=groups)


def claim(
    comparison: Comparison,
    plots: Plots,
    sentence: str,
    counts: str,
    test: str,
) -> Claim:
    """A declared hypothesis with its verdict."""
    code = words.verdict_code(comparison.verdict)
    return Claim(
        title=f"{comparison.arm} {text('against')} {comparison.against}",
        code=code,
        verdict=text(f"verdict_{code}"),
        plots=plots,
        sentence=capital(sentence) + ".",
        counts=counts,
        test=test,
    )


def drawn(
    comparison: Comparison,
    scale: plot.Scale,
    margin: float,
    shown: tuple[str, str],
    unit: str = "",
) -> Plots:
    """One difference on its scale; `shown` is the figure and its interval."""
    look = words.verdict_code(comparison.verdict)
    strip = plot.strip(comparison.effect, scale, margin)
    return Plots([PlotRow(strip, mean=shown[0], interval=shown[1], look=look)], scale, unit)


def shown_in_points(comparison: Comparison) -> tuple[str, str]:
    """A difference in points, and its interval."""
    moved = in_points(comparison.effect)
    return moved["effect"], f"{moved['low']} … {moved['high']}"


def secondary(comparisons: Sequence[Comparison], margin: float) -> Plots:
    """The differences of a family on one scale, each with its verdict."""
    scale = plot.differences([c.effect for c in comparisons])
    rows = []
    for one in comparisons:
        code, (mean, interval) = words.verdict_code(one.verdict), shown_in_points(one)
        badge = code, text(f"verdict_{code}")
        strip = plot.strip(one.effect, scale, margin)
        rows.append(PlotRow(strip, words.criterion(one.criterion), mean, interval, badge, code))
    return Plots(rows, scale)


def scores(summary: Summary, primary: str) -> Scores:
    """The table of all cells: arms as columns, criteria of each held-out set as rows."""
    cells: dict[str, dict[str, dict[str, formats.Cell]]] = defaultdict(lambda: defaultdict(dict))
    for cell in summary.cells:
        cells[cell.held_out][cell.criterion][cell.arm] = cell
    groups = [
        (
            text(f"set_{held_out}"),
            [
                ScoreRow(
                    words.criterion(criterion),
                    [_score(by_arm.get(arm)) for arm in summary.arms],
                    text("primary") if criterion == primary else "",
                )
                for criterion, by_arm in rows.items()
            ],
        )
        for held_out, rows in cells.items()
    ]
    return Scores(text("column_criterion"), summary.arms, groups)


def _score(cell: formats.Cell | None) -> Score | None:
    if cell is None:
        return None
    low, mean, high = (round(100 * v) for v in (cell.score.low, cell.score.mean, cell.score.high))
    return Score(str(mean), f"{low}–{high}", round(100 * cell.score.mean, 1))


def feedback(run: ComparedRun) -> list[Section]:
    """What a judge model and people said later, a section each."""
    sections = []
    for one in run.feedback:
        blocks: list[Block] = [Text(one.about, "quiet")]
        for verdict, *doubts in one.verdicts:
            blocks += [Text(f"{verdict}."), *([Bullets(doubts, "quiet")] if doubts else [])]
        sections.append(Section(one.title, blocks))
    return sections


def question(samples: Sequence[Sample], right: Sequence[bool], differs: bool) -> Question:
    """What every arm answered to one question, and why it scored below 1."""
    answers = [
        Answer(s.arm, s.answer.strip(), mark, list(map(words.reason, s.why.values())))
        for s, mark in zip(samples, right, strict=True)
    ]
    first = samples[0]
    return Question(first.question, answers, first.held_out, first.reference, differs)


def answers(
    questions: Sequence[Question], sets: Sequence[HeldOutSet], note: str, right: str, wrong: str
) -> list[Section]:
    """All questions with their answers; `right` and `wrong` stand above those that are."""
    if not questions:
        return []
    shown = Answers(questions, [held_out for held_out, _, _ in sets], right, wrong)
    return [Section(text("answers_title"), [Text(note, "quiet"), shown])]


def stage_name(stage: str) -> str:
    """A stage as a reader calls it; one of several adapters has its adapter's name too."""
    name = StageName(stage)
    title = text(f"stage_{name.does}")
    return f"{title} ({name.adapter})" if name.adapter else title


def lineage(run: Run) -> list[Section]:
    """How long the stages took, and the way from the report back to the texts."""
    if not run.manifests:
        return []
    whole = sum(m.seconds for m in run.manifests.values())
    spans = [
        Span(stage_name(name), _time(m), round(100 * m.seconds / (whole or 1.0), 2))
        for name, m in run.manifests.items()
    ]
    total = Text(text("times_total", total=duration(whole)), "quiet")
    columns = [text(key) for key in ("hash", "made_from", "files")]
    rows: list[tuple[str, list[Cell]]] = [
        (
            stage_name(stage),
            [
                [("", m.hash)],
                [(stage_name(parent), hash12) for parent, hash12 in m.parents.items()],
                str(len(m.outputs)),
            ],
        )
        for stage, m in run.manifests.items()
    ]
    blocks: list[Block] = [
        Text(text("lineage_note"), "quiet"),
        Table(columns, rows, corner=text("stage")),
    ]
    if run.sources:
        terms = [Term(name, codes=[digest]) for name, digest in run.sources]
        blocks.append(Details(text("sources_title"), [Terms(terms)]))
    return [
        Section(text("times_title"), [Times(spans), total]),
        Section(text("lineage_title"), blocks),
    ]


def _time(manifest: Manifest) -> str:
    time = duration(manifest.seconds)
    return text("time_resumed", time=time) if manifest.resumed else time


def rerun(run: Run, note: str, figures: Sequence[tuple[str, Sequence[Block]]]) -> Section:
    """The command, and details behind a click: `figures`, the software, the whole recipe."""
    recipe = yaml.safe_dump(run.recipe, allow_unicode=True, sort_keys=False)
    details = [
        *figures,
        (text("details_versions"), [Figures(list(run.versions.items()))] if run.versions else []),
        (text("details_recipe"), [Code(recipe)]),
    ]
    shown = [Details(title, blocks) for title, blocks in details if blocks]
    return Section(text("rerun_title"), [Code(run.command), Text(note, "quiet"), *shown])


def figures_of(report: dict[str, object]) -> list[Block]:
    """A stage's figures, as they stand in its file."""
    return [Figures([(k.replace("_", " "), v) for k, v in scalars(report)])] if report else []


def notes(sentences: Sequence[str], criteria: Sequence[str] = ()) -> Section:
    """What a reader should mind, and what each criterion measures."""
    blocks: list[Block] = [Bullets(sentences)]
    if criteria:
        rules = [Term(words.criterion(name), text(f"rule_{name}")) for name in criteria]
        blocks.append(Terms(rules))
    return Section(text("notes_title"), blocks)


def repeats(summary: Summary) -> str:
    """How many answers changed when a share was asked twice."""
    if summary.changed_answers is None:
        return text("note_not_repeated")
    repeated = summary.repeated_answers
    return text("note_changed", changed=summary.changed_answers, repeated=repeated)
