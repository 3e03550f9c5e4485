"""GSM8K (Cobbe et al. 2021), and problems of a user's own in its form.

The few-shot prompt: eight worked examples in the style of Wei et al. 2022, written by us. Each
answer reasons in words and ends in "The answer is N." (in Russian "Ответ: N."). They lie in
`maths/cot.en.txt` and `maths/cot.ru.txt`, one block each, a blank line between.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cache
from importlib.resources import files
from pathlib import Path

from pydantic import BaseModel

from kamerton.client.connection import Model
from kamerton.documents.tables import read_table
from kamerton.experiment.ask.asking import Asked, Prompt, Reply
from kamerton.experiment.ask.evaluate import Generation, Report
from kamerton.experiment.tasks.harness import harness_files
from kamerton.experiment.tasks.maths import votes
from kamerton.experiment.tasks.maths.extraction import Answer, declared
from kamerton.experiment.tasks.maths.grading import AnswerRow, grade, lines
from kamerton.experiment.tasks.maths.problems import Problem, Problems, is_right, read_problems
from kamerton.experiment.tasks.maths.report import MathsResults, maths_page
from kamerton.experiment.tasks.task import Options, Outcome, Task
from kamerton.formats.jsonl import check_row
from kamerton.formats.language import LANGUAGES, Language, say
from kamerton.formats.manifest import digest

DATASET = "gsm8k/test.jsonl"
SHOTS = 8
ANSWERS, GRADED = "answers.jsonl", "graded.jsonl"
_LABELS: dict[Language, tuple[str, str]] = {"en": ("Q:", "A:"), "ru": ("Вопрос:", "Решение:")}


@dataclass(frozen=True)
class Shot:
    """One worked example."""

    question: str
    answer: str

    @property
    def text(self) -> str:
        """Both parts, to look for copies in."""
        return f"{self.question}\n{self.answer}"


@cache
def shots(language: Language = "en") -> tuple[Shot, ...]:
    """The eight worked examples of a language."""
    asks, answers = _LABELS[language]
    text = (files("kamerton.experiment.tasks.maths") / f"cot.{language}.txt").read_text("utf-8")
    blocks = (block.partition(f"\n{answers}") for block in re.split(r"\n\s*\n", text.strip()))
    return tuple(Shot(q.removeprefix(asks).strip(), answer.strip()) for q, _, answer in blocks)


def prompt(question: str, language: Language = "en", count: int = SHOTS) -> str:
    """The first `count` examples and the question, up to where the model goes on."""
    asks, answers = _LABELS[language]
    blocks = [
        f"{asks} {shot.question}\n{answers} {shot.answer}" for shot in shots(language)[:count]
    ]
    return "\n\n".join([*blocks, f"{asks} {question.strip()}\n{answers}"])


def stops(language: Language = "en") -> list[str]:
    """Where the model is to stop: at the next question that it would make up."""
    return [f"\n{_LABELS[language][0]}", f"\n\n{_LABELS[language][0]}"]


def grade_maths(task: Task, answers: Path, options: Options) -> Outcome:
    """Accuracy, vote, unparsed rate and causes of error; a complaint if too much is unread.

    Rows are `maths.grading.AnswerRow`; where all bring `gold`, no problems are needed.
    """
    rows = [check_row(row, AnswerRow, at) for at, row in read_table(answers, any_name=True)]
    alone = options.data is None and bool(rows) and all(row.gold is not None for row in rows)
    problems = Problems([] if alone else read_problems(task.data(options)))
    ours = [shot.text for language in LANGUAGES for shot in shots(language)]
    grading, graded = grade(
        task.name,
        rows,
        problems,
        ours,
        options.max_unparsed,
        options.seed,
        str(answers),
        options.ks,
    )
    figures = grading.model_dump() | {"too_many_unparsed": grading.too_many_unparsed}
    return Outcome(tuple(lines(grading)), figures, graded, grading.complaint)


def ask_maths(task: Task, options: Options) -> Generation:
    """Problems of the data, with worked examples before each."""
    return maths(task.name, options, read_problems(task.data(options)))


def maths(task: str, options: Options, problems: Sequence[Problem]) -> Generation:
    """What is asked of a model about `problems`, and how it is counted."""
    count = SHOTS if options.shots is None else options.shots
    stop = options.sampling.stops or tuple(stops(options.language))
    options = replace(options, shots=count, sampling=replace(options.sampling, stops=stop))
    by_id = {problem.id: problem for problem in problems}
    prompts = [
        Prompt(one.id, prompt(one.question, options.language, count))
        for one in problems[: options.limit]
    ]

    def answer(reply: Reply) -> Answer:
        return declared(reply.text, by_id[reply.id].question, reply.finish_reason)

    def samples_left(replies: Sequence[Reply], left: int) -> int:
        values: list[Fraction | None] = [answer(reply).value for reply in replies]
        return votes.least(values, left)

    return Generation(
        prompts,
        options.sampling,
        lambda model, asked: _report(task, options, problems, prompts, model, asked),
        is_right=lambda reply: is_right(answer(reply), by_id[reply.id]),
        samples_left=samples_left if options.sampling.early else None,
    )


def _report(
    task: str,
    options: Options,
    problems: Sequence[Problem],
    prompts: Sequence[Prompt],
    model: Model,
    asked: Asked,
) -> Report:
    rows = [
        AnswerRow(
            id=id,
            answers=[reply.text for reply in replies],
            finish_reasons=[reply.finish_reason for reply in replies],
        )
        for id, replies in asked.replies.items()
    ]
    sampling = options.sampling
    shown = [shot.text for shot in shots(options.language)[: options.shots]]
    grading, graded = grade(
        task,
        rows,
        Problems(problems),
        shown,
        options.max_unparsed,
        sampling.seed,
        ks=None if sampling.early else (),
    )
    results = MathsResults(
        task=task,
        model=options.title,
        fingerprint=model.fingerprint,
        cached=asked.cached,
        prompts=digest(*(one.text for one in prompts)),
        language=options.language,
        shots=options.shots or 0,
        settings=sampling.settings(),
        prompt_tokens=asked.prompt_tokens,
        completion_tokens=asked.completion_tokens,
        grading=grading,
    )
    own: dict[str, Sequence[BaseModel] | str] = {ANSWERS: rows, GRADED: graded}
    return Report(
        results,
        lines(grading),
        maths_page(results),
        own | harness_files(results, problems, prompts, rows, graded),
        notes=(say("experiment.ask_early_note"),) if sampling.early else (),
        complaint=grading.complaint,
    )
