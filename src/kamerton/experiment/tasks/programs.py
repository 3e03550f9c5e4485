"""Answers that are programs: cut out, run in boxes, judged, and counted as pass@k."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from kamerton.experiment.code.boxed import PROGRAMS, judge_all
from kamerton.experiment.code.extract import Extracted, extract, program
from kamerton.experiment.code.judge import Judged
from kamerton.experiment.code.tasks import CodeTask
from kamerton.experiment.scorers import Scorer
from kamerton.experiment.tasks.answers import Answered, read_answers
from kamerton.experiment.tasks.asking import Options, Outcome
from kamerton.experiment.tasks.program_figures import (
    CodeGraded,
    CodeGrading,
    counted,
    pass_at,
    raised,
    words,
)
from kamerton.experiment.tasks.scores import Score, Texts, choose, score_all
from kamerton.formats.errors import InputError
from kamerton.formats.language import say
from kamerton.formats.progress import progress
from kamerton.sandbox import require

KS = (1, 10, 100)
"""The k that are shown where there are as many samples (Chen et al. 2021)."""
_SAME_SET = 4
"""Letters by which the names of one set agree: MBPP/2, Mbpp/2 and MbppEval/2 are one task."""


@dataclass(frozen=True)
class _Answer:
    """One answer with its task and the program in it."""

    task: CodeTask
    sample: int
    found: Extracted


def grade_programs(
    task: str, tasks: Sequence[CodeTask], answers: Path, options: Options
) -> Outcome:
    """Judge every program of a file of answers.

    Raises InputError where there is no sandbox (with the command that installs it), for an answer
    to no task of these, for a k above the samples, for a broken task.
    """
    scorers = choose(options.scorers, options.encoder) if options.scorers else []
    rows = read_answers(answers, options.columns, references=False)
    asked = _asked(rows, tasks)
    ks = _ks(rows, options.ks)
    require()
    given = [
        _Answer(one, sample, extract(one, text))
        for row, one in zip(rows, asked, strict=True)
        for sample, text in enumerate(row.answers)
    ]
    items = _judged(given, options.workers)
    rates, method = pass_at(items, ks, options.seed)
    found = CodeGrading(
        task=task,
        tasks=len(tasks),
        asked=len(asked),
        programs=len(items),
        pass_at=rates,
        interval=method,
        outcomes=counted(items),
        errors=raised(items),
        extracted=dict(Counter(one.how for one in items).most_common()),
        unnamed=sum(not one.named for one in asked),
        cpu_seconds=PROGRAMS.cpu_seconds,
        memory_bytes=PROGRAMS.memory_bytes,
        scores=_scores(given, scorers, options.seed) if scorers else [],
    )
    return Outcome(tuple(words(found, PROGRAMS)), found.model_dump(), items)


def _asked(rows: Sequence[Answered], tasks: Sequence[CodeTask]) -> list[CodeTask]:
    """Each row's task, by id (`HumanEval/7`, or its end alone, `7`), else by prompt."""
    known = {_key(one.id): one for one in tasks} | {_key(one.id, bare=True): one for one in tasks}
    prompts = {one.prompt.strip(): one for one in tasks}
    found: dict[str, CodeTask] = {}
    for row in rows:
        one = known.get(_key(row.id)) if row.id else prompts.get(row.question)
        if one is None:
            named = (row.id or row.question)[:80]
            raise InputError("experiment.grade_unknown", where=row.where, named=named)
        if one.id in found:
            raise InputError("experiment.code_task_twice", where=row.where, task=one.id)
        found[one.id] = one
    return list(found.values())


def _key(id: str, bare: bool = False) -> tuple[str, str]:
    """The set's name, as far as it matters, and the place in it."""
    name, _, end = id.rpartition("/")
    return ("" if bare else name.casefold()[:_SAME_SET], end)


def _ks(rows: Sequence[Answered], wanted: Sequence[int]) -> tuple[int, ...]:
    fewest = min(len(row.answers) for row in rows)
    for k in wanted:
        if not 1 <= k <= fewest:
            raise InputError("experiment.scorer_k", where="--k", k=k, samples=fewest)
    return tuple(sorted(set(wanted))) or tuple(k for k in KS if k <= fewest)


def _judged(given: Sequence[_Answer], workers: int) -> list[CodeGraded]:
    """Every program judged, in order, with the share that passed so far."""
    found: list[CodeGraded] = []
    passed = 0
    trials = ((one.task, one.found.source) for one in given)
    with progress(say("experiment.grade_running"), len(given)) as bar:
        for one, judged in zip(given, judge_all(trials, PROGRAMS, workers), strict=True):
            found.append(_graded(one, judged))
            passed += judged.passed
            share = f"{100 * passed / len(found):.1f}"
            bar.set_postfix_str(say("experiment.grade_so_far", share=share), refresh=False)
            bar.update(1)
    return found


def _graded(one: _Answer, judged: Judged) -> CodeGraded:
    return CodeGraded(
        id=one.task.id,
        sample=one.sample,
        status=judged.status,
        detail=judged.detail,
        how=one.found.how,
    )


def _scores(given: Sequence[_Answer], scorers: Sequence[Scorer], seed: int) -> list[Score]:
    """Whole programs against the known solutions; both begin with the prompt, which all have."""
    texts = Texts(
        [one.found.source for one in given],
        [[program(one.task)] for one in given],
        [one.task.id for one in given],
    )
    return [score for score, _ in score_all(scorers, texts, seed)]
