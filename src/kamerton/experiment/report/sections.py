"""The sections that several kinds of run share."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from kamerton.experiment.metrics import RIGHT
from kamerton.experiment.report import blocks, plot, words
from kamerton.experiment.report.blocks import Block, Section, Text
from kamerton.experiment.report.figures import (
    capital,
    duration,
    figure,
    in_points,
    interval_legend,
    interval_marks,
    text,
)
from kamerton.experiment.report.material import ComparedRun, Run, scalars
from kamerton.experiment.report.table import grid, wrapped
from kamerton.formats.language import label
from kamerton.formats.manifest import StageName
from kamerton.formats.recipe import dump_yaml
from kamerton.formats.scores import Cell, Comparison, Interval, Sample, Summary, verdict_code
from kamerton.formats.serving import BASE, RAG

HeldOutSet = tuple[str, str, str]
"""Held-out set, what it tests, and how many questions it has."""
_COUNTED = {"safety": "asked_safety", "prompts": "asked_prompts"}
"""Texts of the counts, where they are not `asked_set`."""


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


def closing_words(outcome: Outcome) -> str:
    """What ends a run in the terminal: the table, what became worse, and the verdict."""
    sentences = [*outcome.harm, f"{text('verdict_label')}: {outcome.verdict}"]
    return "\n\n".join([outcome.table, *map(wrapped, sentences)]) + "\n"


def compared_page(
    run: ComparedRun,
    outcome: Outcome,
    leads: Sequence[str],
    evidence: Sequence[Section],
    answers: Sequence[Section],
    checks: Sequence[Block] = (),
) -> blocks.Page:
    """The page of a comparison, the verdict first."""
    details = (
        ("details_training", figures_of(run.training)),
        ("details_checks", checks),
        ("details_parity", figures_of(run.parity)),
    )
    return blocks.Page(
        title=text("title", name=run.name),
        kicker=f"{text('kicker')} · {run.name}",
        headline=f"{outcome.headline}.",
        leads=leads,
        warnings=outcome.harm,
        warnings_title=text("harm_title"),
        sections=[
            notes(outcome.notes),
            *evidence,
            *feedback(run),
            *answers,
            *lineage(run),
            rerun(run, text("rerun_note"), [(text(key), shown) for key, shown in details]),
        ],
    )


def held_out_sets(
    order: Iterable[str], questions: Iterable[tuple[str, str, str]]
) -> list[HeldOutSet]:
    """The sets that have questions; of each question its set, id and group."""
    groups: dict[str, dict[str, str]] = defaultdict(dict)
    for held_out, question_id, group in questions:
        groups[held_out][question_id] = group
    sets: list[HeldOutSet] = []
    for name in order:
        if of := groups[name]:
            counts = {"questions": len(of), "groups": len(set(of.values()))}
            key = _COUNTED.get(name, "asked_set")
            sets.append((name, text(f"about_{name}"), text(key, **counts)))
    return sets


def compared(
    run: ComparedRun, about: str, sets: Sequence[HeldOutSet], tuned: str = "arm_tuned"
) -> Section:
    """What was compared with what, and on which held-out sets; `tuned` says what the run made."""

    def what(arm: str) -> str:
        if arm.endswith(RAG):
            return text("arm_rag", arm=arm.removesuffix(RAG))
        if arm == BASE:
            return text("arm_base", base=run.base)
        return text(tuned if arm == run.name else "arm_other")

    arms = [blocks.Term(arm, what(arm)) for arm in run.summary.arms]
    terms = [blocks.Term(text(f"set_{name}"), about_set, note=n) for name, about_set, n in sets]
    shown: list[Block] = [Text(about), blocks.Terms(arms, "arm")]
    return Section(text("compared_title"), [*shown, *([blocks.Terms(terms)] if terms else [])])


def claim(
    comparison: Comparison,
    scale: plot.Scale,
    margin: float,
    shown: tuple[str, str],
    sentence: str,
    counts: str,
    test: str,
    unit: str = "",
) -> blocks.Claim:
    """A declared hypothesis with its verdict; `shown` are the difference and its interval."""
    kind = interval_legend(interval_marks([comparison.effect]))
    code = verdict_code(comparison.verdict)
    row = blocks.PlotRow(comparison.effect, mean=shown[0], interval=shown[1], look=code)
    return blocks.Claim(
        title=f"{comparison.arm} {text('against')} {comparison.against}",
        verdict=code,
        plots=blocks.Plots([row], scale, unit, margin),
        sentence=capital(sentence) + ".",
        counts=counts,
        test=f"{test} {kind}".strip(),
    )


def shown_in_points(effect: Interval) -> tuple[str, str]:
    """A difference in points, and its interval."""
    points = in_points(effect)
    return points["effect"], f"{points['low']} … {points['high']}"


def secondary(comparisons: Sequence[Comparison], title: str, note: str, margin: float) -> Section:
    """The differences of a family on one scale, each with its verdict."""
    scale = plot.differences([c.effect for c in comparisons])
    marks, rows = interval_marks(c.effect for c in comparisons), []
    for c in comparisons:
        mean, interval = shown_in_points(c.effect)
        name, interval = words.criterion(c.criterion), interval + marks[c.effect.kind]
        rows.append(blocks.PlotRow(c.effect, name, mean, interval, verdict=verdict_code(c.verdict)))
    quiet = Text(f"{text(note, margin=round(100 * margin))} {interval_legend(marks)}", "quiet")
    return Section(title, [quiet, blocks.Plots(rows, scale, margin=margin)])


def scores(summary: Summary, title: str, note: str, primary: str) -> Section:
    """All cells, arms as columns, criteria of each held-out set as rows; what each measures."""
    marks = interval_marks(cell.score for cell in summary.cells)
    groups = [
        (
            text(f"set_{held_out}"),
            [
                blocks.ScoreRow(
                    words.criterion(criterion),
                    [_score(cell, marks) if cell else None for cell in cells],
                    text("primary") if criterion == primary else "",
                )
                for criterion, cells in rows.items()
            ],
        )
        for held_out, rows in grid(summary).items()
    ]
    measured = dict.fromkeys(cell.criterion for cell in summary.cells)
    rules = [blocks.Term(words.criterion(name), text(f"rule_{name}")) for name in measured]
    shown: list[Block] = [
        Text(f"{note} {interval_legend(marks)}", "quiet"),
        blocks.Scores(text("column_criterion"), summary.arms, groups),
        blocks.Details(text("rules_title"), [blocks.Terms(rules)]),
    ]
    return Section(title, shown)


def _score(cell: Cell, marks: Mapping[str, str]) -> blocks.Score:
    low, mean, high = (round(100 * v) for v in (cell.score.low, cell.score.mean, cell.score.high))
    interval = f"{low}–{high}{marks[cell.score.kind]}"
    return blocks.Score(str(mean), interval, round(100 * cell.score.mean, 1))


def feedback(run: ComparedRun) -> list[Section]:
    """What a judge model and people said later, a section each."""
    sections = []
    for one in run.feedback:
        shown: list[Block] = [Text(one.about, "quiet")]
        for verdict, *doubts in one.verdicts:
            shown += [Text(f"{verdict}."), *([blocks.Bullets(doubts, "quiet")] if doubts else [])]
        sections.append(Section(one.title, shown))
    return sections


def answers(
    samples: Iterable[Sample],
    mark: Callable[[Sample], float],
    order: Callable[[blocks.Question], tuple[object, ...]],
    sets: Sequence[HeldOutSet],
    labels: tuple[str, str, str],
) -> list[Section]:
    """All questions with their answers, in `order`, and why an answer scored below 1.

    `mark` is an answer's score; `labels` are the keys of a note, and of what stands above answers
    that are right, and above those that are wrong.
    """
    by_question: dict[str, list[Sample]] = defaultdict(list)
    for sample in samples:
        by_question[sample.question_id].append(sample)
    questions = []
    for of_arms in by_question.values():
        first, marks = of_arms[0], [mark(sample) for sample in of_arms]
        of_question = [
            blocks.Answer(
                s.arm, s.answer.strip(), m >= RIGHT, list(map(words.reason, s.why.values()))
            )
            for s, m in zip(of_arms, marks, strict=True)
        ]
        differs = max(marks) > min(marks)
        questions.append(
            blocks.Question(first.question, of_question, first.held_out, first.reference, differs)
        )
    if not questions:
        return []
    note, right, wrong = map(text, labels)
    questions.sort(key=order)
    shown = blocks.Answers(questions, [name for name, _, _ in sets], right, wrong)
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
    rows = []
    for stage, manifest in run.manifests.items():
        time = duration(manifest.seconds)
        time = text("time_resumed", time=time) if manifest.resumed else time
        parents = ", ".join(f"{stage_name(parent)} {h}" for parent, h in manifest.parents.items())
        cells = [time, manifest.hash, parents, str(len(manifest.outputs))]
        rows.append((stage_name(stage), cells))
    total = duration(sum(manifest.seconds for manifest in run.manifests.values()))
    columns = [text(key) for key in ("time", "hash", "made_from", "files")]
    table = blocks.Table(columns, rows, corner=text("stage"))
    shown: list[Block] = [Text(text("lineage_note", total=total), "quiet"), table]
    if run.sources:
        terms = [blocks.Term(name, codes=[digest]) for name, digest in run.sources]
        shown.append(blocks.Details(text("sources_title"), [blocks.Terms(terms)]))
    return [Section(text("lineage_title"), shown)]


def rerun(run: Run, note: str, figures: Sequence[tuple[str, Sequence[Block]]]) -> Section:
    """The command, and details behind a click: `figures`, the software, the whole recipe."""
    versions = [blocks.Figures(list(run.versions.items()))] if run.versions else []
    details = [
        *figures,
        (text("details_versions"), versions),
        (text("details_recipe"), [blocks.Code(dump_yaml(run.recipe))]),
    ]
    shown = [blocks.Details(title, inner) for title, inner in details if inner]
    return Section(text("rerun_title"), [blocks.Code(run.command), Text(note, "quiet"), *shown])


def notes(sentences: Sequence[str]) -> Section:
    """What a reader should mind."""
    return Section(text("notes_title"), [blocks.Bullets(sentences, "notes")])


def repeats(summary: Summary) -> str:
    """How many answers changed when a share was asked twice."""
    if summary.changed_answers is None:
        return text("note_not_repeated")
    repeated = summary.repeated_answers
    return text("note_changed", changed=summary.changed_answers, repeated=repeated)


def figures_of(report: dict[str, Any]) -> list[Block]:
    """A stage's figures, as they stand in its file."""
    return [blocks.Figures(scalars(report))] if report else []


def blocks_of(report: Mapping[str, Any], kind: str) -> list[Block]:
    """Scalars as figures, lists of scalars as terms, mappings or lists of one form as tables.

    What has another form (deeper than two levels) is left out: it stands in the file.
    """
    named = partial(label, "experiment", kind)
    pairs: list[tuple[str, str]] = []
    tables: list[Block] = []
    lists: list[blocks.Term] = []
    for key, value in report.items():
        name = named(key)
        if _plain(value):
            pairs.append((name, figure(value)))
            continue
        if not value or not isinstance(value, dict | list):
            continue
        names = list(value) if isinstance(value, dict) else [""] * len(value)
        entries = list(value.values()) if isinstance(value, dict) else value
        if all(isinstance(e, dict) and e.keys() == entries[0].keys() for e in entries):
            columns = [column for column, entry in entries[0].items() if _plain(entry)]
            rows = [
                (named(row) if row else "", [figure(entry[column]) for column in columns])
                for row, entry in zip(names, entries, strict=True)
            ]
            heads = list(map(named, columns))
            tables += [blocks.Table(heads, rows, caption=name)] if columns else []
        elif isinstance(value, dict):
            of = ((k, v) for k, v in value.items() if _plain(v))
            pairs += [(f"{name}: {named(k)}", figure(v)) for k, v in of]
        elif all(map(_plain, entries)):
            lists.append(blocks.Term(name, codes=[str(entry) for entry in entries]))
    listed = [blocks.Terms(lists)] if lists else []
    return [*([blocks.Figures(pairs)] if pairs else []), *tables, *listed]


def _plain(value: object) -> bool:
    return isinstance(value, str | int | float)
