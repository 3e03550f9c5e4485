"""Answers that are programs: cut out, run in boxes, judged, and counted as pass@k.

HumanEval (Chen et al. 2021), HumanEval+ (Liu et al. 2023) and MBPP (Austin et al. 2021).
"""

import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from kamerton.experiment.code.extract import Extracted, How, extract, program
from kamerton.experiment.code.judge import PROGRAMS, Status
from kamerton.experiment.code.tasks import CodeTask, humaneval, humaneval_plus, mbpp
from kamerton.experiment.code.workers import Trial, judge_all, solved
from kamerton.experiment.scorers.pass_at_k import (
    KS,
    insist_on_samples,
    pass_at,
    pass_at_lines,
)
from kamerton.experiment.tasks.tables import Answered, read_answers
from kamerton.experiment.tasks.task import Options, Outcome, Task
from kamerton.experiment.tasks.texts import Score, Texts, choose, score_all, score_lines
from kamerton.formats.errors import InputError
from kamerton.formats.jsonl import append_row, write_rows
from kamerton.formats.language import say
from kamerton.formats.progress import progress
from kamerton.formats.scores import Interval
from kamerton.sandbox import Limits, require
from kamerton.sandbox.limits import MIB

HUMANEVAL, HUMANEVAL_PLUS = "humaneval/HumanEval.jsonl.gz", "humaneval/HumanEvalPlus.jsonl.gz"
MBPP = "mbpp/mbpp_sanitized.jsonl"
STATUSES: tuple[Status, ...] = ("passed", "failed", "error", "timeout", "limit")
_SAME_SET = 4
"""Letters by which the names of one set agree: MBPP/2, Mbpp/2 and MbppEval/2 are one task."""
_SHOWN = 8
_NAME = re.compile(r"(?:input \d+: )?([A-Za-z_]\w*)(?=:|$)")


class CodeGraded(BaseModel):
    """One program, as it was cut out of its answer and judged."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    id: str
    sample: int
    status: Status
    detail: str
    how: How
    """How the program was found in the answer."""


class CodeGrading(BaseModel):
    """Everything that one grading of programs found."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    task: str
    tasks: int
    """Tasks that there are; those without an answer are not counted as failed."""
    asked: int
    programs: int
    pass_at: dict[int, Interval]
    """k to the unbiased pass@k, mean over the asked tasks, with its 95 % interval over tasks."""
    interval: str
    """How the first interval was made, as `Interval.kind`."""
    outcomes: dict[Status, int]
    """`timeout` and `limit` say nothing of the results: they are counted apart from `failed`."""
    errors: dict[str, int]
    """What programs raised, most frequent first."""
    extracted: dict[str, int]
    """How many programs each way of cutting out has found."""
    unnamed: int
    """Asked tasks whose prompt does not name the function that is tested."""
    cpu_seconds: int
    memory_bytes: int
    scores: list[Score] = []
    """Scorers of texts, on whole programs against the known solutions, prompts included."""


def grade_programs(
    read: Callable[[Path], list[CodeTask]], task: Task, answers: Path, options: Options
) -> Outcome:
    """Judge every program of a file of answers; `read` gives the tasks of a data file.

    The known solutions are tried before. Raises InputError where there is no sandbox (with the
    command that installs it), for an answer to no task of these, for a k above the samples, and for
    a check that does not run or that the known solution does not pass.
    """
    tasks = read(task.data(options))
    scorers = choose(options.scorers, options.encoder) if options.scorers else []
    rows = read_answers(answers, options.columns, references=False)
    asked = _asked(rows, tasks)
    fewest = min(len(row.answers) for row in rows)
    ks = insist_on_samples(options.ks, fewest) or tuple(k for k in KS if k <= fewest)
    require()
    with progress(say("experiment.grade_solving"), len(asked)) as bar:
        solutions = []
        for trial in solved(asked, workers=options.workers):
            solutions.append(trial)
            bar.update(1)
    given = [
        (trial, sample, text)
        for row, trial in zip(rows, solutions, strict=True)
        for sample, text in enumerate(row.answers)
    ]
    items, found = _judged(given, options)
    passed: dict[str, list[bool]] = {}
    for one in items:
        passed.setdefault(one.id, []).append(one.status == "passed")
    rates = pass_at(list(passed.values()), list(passed), ks, options.seed)
    statuses = Counter(one.status for one in items)
    raised = (_NAME.match(one.detail) for one in items if one.status == "error")
    errors = Counter(name[1] if name else "?" for name in raised)
    # Whole programs against the known solutions; both begin with the prompt, which all have.
    texts = Texts(
        [one.source for one in found],
        [[program(trial.task)] for trial, *_ in given],
        [trial.task.id for trial, *_ in given],
    )
    grading = CodeGrading(
        task=task.name,
        tasks=len(tasks),
        asked=len(asked),
        programs=len(items),
        pass_at=rates,
        interval=next(iter(rates.values())).kind,
        outcomes={status: statuses[status] for status in STATUSES},
        errors=dict(errors.most_common()),
        extracted=dict(Counter(one.how for one in items).most_common()),
        unnamed=sum(not one.named for one in asked),
        cpu_seconds=PROGRAMS.cpu_seconds,
        memory_bytes=PROGRAMS.memory_bytes,
        scores=[s for s, _ in score_all(scorers, texts, options.seed)] if scorers else [],
    )
    return Outcome(tuple(_lines(grading, PROGRAMS)), grading.model_dump(), items)


grade_humaneval = partial(grade_programs, humaneval)
"""Judge answers by HumanEval's own checks."""
grade_humaneval_plus = partial(grade_programs, humaneval_plus)
"""Judge answers by HumanEval's checks, and by further inputs against the known solution."""
grade_mbpp = partial(grade_programs, mbpp)
"""Judge answers by the asserts of MBPP, whole (Google's form) or sanitized (CodeT's)."""


def _asked(rows: Sequence[Answered], tasks: Sequence[CodeTask]) -> list[CodeTask]:
    """Each row's task, by id (`HumanEval/7`, or its end alone, `7`), else by prompt."""
    by_id = {_key(one.id): one for one in tasks} | {_key(one.id, bare=True): one for one in tasks}
    by_prompt = {one.prompt.strip(): one for one in tasks}
    asked: dict[str, CodeTask] = {}
    for row in rows:
        one = by_id.get(_key(row.id)) if row.id else by_prompt.get(row.question)
        if one is None:
            raise InputError("experiment.grade_unknown", where=row.where, named=row.name)
        if one.id in asked:
            raise InputError("experiment.code_task_twice", where=row.where, task=one.id)
        asked[one.id] = one
    return list(asked.values())


def _key(id: str, bare: bool = False) -> tuple[str, str]:
    """The set's name, as far as it matters, and the place in it."""
    name, _, end = id.rpartition("/")
    return ("" if bare else name.casefold()[:_SAME_SET], end)


def _judged(
    given: Sequence[tuple[Trial, int, str]], options: Options
) -> tuple[list[CodeGraded], list[Extracted]]:
    """Every answer judged, in order, with its program; each is written as soon as it is there."""
    items: list[CodeGraded] = []
    found: list[Extracted] = []
    passed = 0

    def trials() -> Iterator[Trial]:
        for trial, _, text in given:
            found.append(extract(trial.task, text))
            yield replace(trial, source=found[-1].source)

    kept = (
        options.out if options.out and (options.out.is_file() or not options.out.exists()) else None
    )
    if kept is not None:
        write_rows(kept, [])
    with progress(say("experiment.grade_running"), len(given)) as bar:
        for place, judged in enumerate(judge_all(trials(), options.workers)):
            trial, sample, _ = given[place]
            detail, how = judged.detail, found[place].how
            item = CodeGraded(
                id=trial.task.id, sample=sample, status=judged.status, detail=detail, how=how
            )
            items.append(item)
            if kept is not None:
                append_row(kept, item)
            passed += judged.passed
            share = f"{100 * passed / len(items):.1f}"
            bar.set_postfix_str(say("experiment.grade_so_far", share=share), refresh=False)
            bar.update(1)
    return items, found


def _lines(grading: CodeGrading, limits: Limits) -> list[str]:
    """What a person reads, one statement a line."""
    counts = {"n": grading.asked, "all": grading.tasks, "answers": grading.programs}
    lines = [say("experiment.grade_asked", task=grading.task, **counts)]
    lines += pass_at_lines(grading.pass_at)
    lines.append(say("experiment.grade_outcomes"))
    bounds = {"seconds": limits.cpu_seconds, "memory": limits.memory_bytes // MIB}
    for status, count in grading.outcomes.items():
        name = say(f"experiment.grade_{status}", **bounds)
        lines.append(f"  {count:6d}  {100 * count / grading.programs:5.1f} %  {name}")
    if grading.errors:
        most = [f"{name} {count}" for name, count in list(grading.errors.items())[:_SHOWN]]
        lines.append(say("experiment.grade_errors", errors=", ".join(most)))
    ways = (f"{say(f'experiment.grade_how_{how}')} {n}" for how, n in grading.extracted.items())
    lines.append(say("experiment.grade_extracted", ways=", ".join(ways)))
    if grading.unnamed:
        lines.append(say("experiment.grade_unnamed", count=grading.unnamed))
    return lines + score_lines(grading.scores)
