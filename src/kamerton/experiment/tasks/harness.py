"""The results of an evaluation once more, as lm-evaluation-harness writes them.

So its table, its viewers (Zeno, Weights & Biases, Trackio) and leaderboards read them. Names and
places are those of lm_eval 0.4.13 (`loggers/evaluation_tracker.py`, `result_schema.py`):
`results_<time>.json` and `samples_<task>_<time>.jsonl`, one row for each question and filter. The
filter `declared` is our extractor, its metric the share of a question's answers that are right;
`maj@N` is the vote of N answers, where a tie counts as a fair draw. What the harness writes and we
do not know (a task's version, the environment, its hash of a published row) is left out.
"""

import hashlib
import json
import re
import statistics
from collections.abc import Sequence
from datetime import datetime
from fractions import Fraction
from typing import Any

from pydantic import BaseModel

from kamerton.experiment.ask.asking import Prompt
from kamerton.experiment.tasks.maths import votes
from kamerton.experiment.tasks.maths.grading import AnswerRow, Graded
from kamerton.experiment.tasks.maths.problems import Problem
from kamerton.experiment.tasks.maths.report import MathsResults
from kamerton.formats.jsonl import Record

METRIC, DECLARED = "exact_match", "declared"
UNREAD = "[invalid]"
"""What the harness's own filters put in the place of an answer without a number."""
_UNSAFE = re.compile(r'["<>:/|\\?*\[\]]+')
Tree = dict[str, Any]


class SampleRow(Record):
    """One question under one filter, as a line of `samples_<task>_<time>.jsonl`."""

    doc_id: int
    """Place of the question among all problems, from 0."""
    doc: dict[str, str]
    target: str
    arguments: dict[str, dict[str, Any]]
    """Prompt and settings: `{"gen_args_0": {"arg_0": …, "arg_1": …}}`."""
    resps: list[list[str]]
    """All answers, in a list of one request."""
    filtered_resps: list[str] | list[list[str]]
    """What was read: of one answer `["18"]`; of several a list (all, or the winners of the vote)
    in a list, in every row of a file, so that its columns have one type."""
    filter: str
    metrics: list[str]
    doc_hash: str
    prompt_hash: str
    target_hash: str
    exact_match: float


def harness_files(
    results: MathsResults,
    problems: Sequence[Problem],
    prompts: Sequence[Prompt],
    rows: Sequence[AnswerRow],
    graded: Sequence[Graded],
) -> dict[str, Sequence[BaseModel] | str]:
    """Both files by name, which has the present time in it: its viewers take the newest.

    `prompts` and `rows` are those of the questions that were asked, in one order.
    """
    samples = _samples(results, problems, prompts, rows, graded)
    tree = json.dumps(_results(results, samples), indent=2, ensure_ascii=False)
    time = datetime.now().isoformat().replace(":", "-")
    return {f"samples_{results.task}_{time}.jsonl": samples, f"results_{time}.json": tree + "\n"}


def _results(results: MathsResults, samples: Sequence[SampleRow]) -> Tree:
    task, grading, settings = results.task, results.grading, results.settings
    figures: Tree = {"name": task, "alias": task, "sample_len": grading.questions}
    for name in _filters(results):
        scores = [row.exact_match for row in samples if row.filter == name]
        # The standard error of the mean, with n - 1 as in the harness.
        error = statistics.stdev(scores) / len(scores) ** 0.5 if len(scores) > 1 else "N/A"
        figures |= {f"{METRIC},{name}": statistics.fmean(scores), f"{METRIC}_stderr,{name}": error}
    return {
        "results": {task: figures},
        "group_subtasks": {},
        "configs": {
            task: {
                "task": task,
                "output_type": "generate_until",
                "num_fewshot": results.shots,
                "repeats": settings["samples"],
                "generation_kwargs": _generation(results),
                "metric_list": [
                    {"metric": METRIC, "aggregation": "mean", "higher_is_better": True}
                ],
                # Names alone: our extractors are no functions of the harness. Viewers tell rows by
                # them.
                "filter_list": [{"name": name} for name in _filters(results)],
            }
        },
        "versions": {},
        "n-shot": {task: results.shots},
        "higher_is_better": {task: {METRIC: True}},
        "n-samples": {task: {"original": grading.problems, "effective": grading.questions}},
        "config": {
            "model": "kamerton",
            "model_args": f"pretrained={results.model}",
            "limit": grading.questions if grading.questions < grading.problems else None,
            "gen_kwargs": _generation(results),
            "random_seed": settings["seed"],
        },
        "task_hashes": {
            task: _hash("".join(r.doc_hash + r.prompt_hash + r.target_hash for r in samples))
        },
        "model_source": "kamerton",
        "model_name": results.model,
        "model_name_sanitized": _UNSAFE.sub("__", results.model),
        "system_instruction": None,
        "chat_template": None,
    }


def _generation(results: MathsResults) -> Tree:
    settings = results.settings
    return {
        "until": settings["stops"],
        "max_gen_toks": settings["max_tokens"],
        "do_sample": settings["temperature"] != 0,
        "temperature": settings["temperature"],
    }


def _samples(
    results: MathsResults,
    problems: Sequence[Problem],
    prompts: Sequence[Prompt],
    rows: Sequence[AnswerRow],
    graded: Sequence[Graded],
) -> list[SampleRow]:
    """Rows filter by filter, as the harness has them."""
    places = {problem.id: place for place, problem in enumerate(problems)}
    read: dict[str, list[Graded]] = {}
    for one in graded:
        read.setdefault(one.id, []).append(one)
    arguments = _generation(results)
    samples = []
    for name in _filters(results):
        for prompt, row in zip(prompts, rows, strict=True):
            problem = problems[places[prompt.id]]
            texts, score = _filtered(name, read[prompt.id], problem.gold)
            target = str(problem.gold)
            doc = {"id": problem.id, "question": problem.question, "answer": target}
            samples.append(
                SampleRow(
                    doc_id=places[prompt.id],
                    doc=doc,
                    target=target,
                    arguments={"gen_args_0": {"arg_0": prompt.text, "arg_1": arguments}},
                    resps=[row.answers],
                    filtered_resps=[texts] if results.grading.vote else texts,
                    filter=name,
                    metrics=[METRIC],
                    doc_hash=_hash(json.dumps(doc, indent=2, ensure_ascii=False)),
                    prompt_hash=_hash(prompt.text),
                    target_hash=_hash(target),
                    exact_match=score,
                )
            )
    return samples


def _filters(results: MathsResults) -> list[str]:
    """Which answers an early decision left depends on what they say: the vote alone is told."""
    count = results.settings["samples"]
    vote = [f"maj@{count}"] if results.grading.vote else []
    return vote if results.settings["early"] and vote else [DECLARED, *vote]


def _filtered(name: str, read: Sequence[Graded], gold: Fraction) -> tuple[list[str], float]:
    """What a filter makes of the answers to one question, and its score."""
    values = [one.value for one in read]
    score = sum(one.right for one in read) / len(read)
    if name != DECLARED:
        vote = votes.vote([None if v is None else Fraction(v) for v in values])
        values, score = [str(leader) for leader in vote.leaders] or [None], vote.score(gold)
    return [UNREAD if value is None else value for value in values], score


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
