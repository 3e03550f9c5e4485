"""The compare stage: ask, score, compare, write."""

import json
from collections.abc import Sequence
from pathlib import Path

from kamerton.experiment import lineage
from kamerton.experiment.compare import cells, claims, comparisons, scored
from kamerton.experiment.design import arms, design, hypotheses
from kamerton.experiment.generate import GenerationConfig, Reply, ask_all, changed, models
from kamerton.experiment.metrics import insist_ready
from kamerton.experiment.references import insist_right
from kamerton.experiment.settings import ExperimentSettings, Hypothesis
from kamerton.formats.errors import InputError
from kamerton.formats.jsonl import insist_unique, read_rows, read_text, write_rows, write_text
from kamerton.formats.questions import NAMES, Question
from kamerton.formats.scores import SAMPLES, SUMMARY, Sample, Summary

SETS = ("known", "unknown", "safety")


def compare(
    settings: ExperimentSettings,
    name: str,
    data: Path,
    base_url: str,
    out: Path,
    seed: int,
    deterministic: bool,
    slots: int = 8,
    tune: Path | None = None,
    max_tokens: int | None = None,
    unspoken: str = "",
) -> None:
    """Ask all arms at `base_url` the held-out questions of `data`; write samples and summary.

    `slots` is how many answers the server computes at the same time; `tune` the training's outputs,
    for its lineage; `max_tokens` the longest answer where references need more than the settings
    give; `unspoken` the language of the texts where the base does not speak it. A second start
    asks only what the first left open. InputError where a reference fails the criteria that it is
    graded by.
    """
    questions, path = read_questions(data), data / NAMES
    # A dataset made elsewhere may have no names.
    names = dict(json.loads(read_text(path))) if path.is_file() else {}
    insist_right(questions, names)
    insist_ready(settings.guide_criteria)
    longest = max_tokens or settings.max_tokens
    offered, wanted = models(base_url), arms(settings, name)
    # A declared arm that is not served is an error, a default one is left out.
    insist(wanted if settings.arms else [name], offered)
    asked = [arm for arm in wanted if arm in offered]
    declared = _declared(settings, name, questions, asked)
    asking = GenerationConfig(
        base_url=base_url,
        max_tokens=longest,
        seed=seed,
        concurrency=1 if deterministic else slots,
        repeat_share=settings.repeat_share,
    )
    replies = ask_all(questions, asked, asking, out)
    samples = scored(questions, replies, names, settings.guide_criteria)
    why = why_no_verdict(settings, data, tune, asked, name)
    claimed = claims(settings, declared, name)
    planned = design(settings, questions, name)
    summary = Summary(
        claims_verdict=not why,
        why_no_verdict=why,
        comparisons=comparisons(samples, claimed, settings, planned, seed, not why),
        cells=cells(samples, settings, seed, criteria=settings.guide_criteria),
        arms=asked,
        seed=seed,
        max_tokens=longest,
        unspoken=unspoken,
    )
    write(out, samples, replies, summary)


def write(out: Path, samples: Sequence[Sample], replies: Sequence[Reply], summary: Summary) -> None:
    """Write samples, and the summary with the count of answers that changed."""
    times_changed, times_repeated = changed(replies)
    if times_repeated:
        counts = {"changed_answers": times_changed, "repeated_answers": times_repeated}
        summary = summary.model_copy(update=counts)
    write_rows(out / SAMPLES, samples)
    write_text(out / SUMMARY, summary.model_dump_json(indent=2) + "\n")


def read_questions(data: Path) -> list[Question]:
    """All held-out questions of a data stage; a set may be absent or empty."""
    files = [data / f"{name}.jsonl" for name in SETS]
    there = [path for path in files if path.is_file() and path.stat().st_size]
    questions = [question for path in there for question in read_rows(path, Question)]
    if not questions:
        raise InputError("experiment.nothing_to_ask", where=str(data))
    insist_unique((question.id for question in questions), str(data))
    return questions


def why_no_verdict(
    settings: ExperimentSettings,
    data: Path,
    tune: Path | None = None,
    arms: Sequence[str] = (),
    name: str = "",
) -> str:
    """Why no verdict may be claimed, as a code or `code: figure`; empty where one may be.

    `data` and `tune` are the outputs of the stages that made the tuned model `name`, `arms` what
    is compared.
    """
    why = lineage.of_comparison(data, tune, arms, name)
    return why or ("" if settings.claims_verdict else "too_small")


def insist(wanted: Sequence[str], offered: Sequence[str]) -> None:
    """Raise InputError where the server lacks a wanted arm."""
    missing = [arm for arm in wanted if arm not in offered]
    if missing:
        raise InputError(
            "experiment.arm_not_served", arm=", ".join(missing), known=", ".join(offered)
        )


def _declared(
    settings: ExperimentSettings, name: str, questions: list[Question], asked: list[str]
) -> list[Hypothesis]:
    """Primary hypotheses: one of the recipe that names an arm not asked is an error."""
    declared = hypotheses(settings, name, questions)
    for hypothesis in settings.hypotheses:
        for arm in {hypothesis.arm, hypothesis.against} - set(asked):
            raise InputError(
                "experiment.unknown_arm",
                hypothesis=hypothesis.name,
                arm=arm,
                known=", ".join(asked),
            )
    return [h for h in declared if {h.arm, h.against} <= set(asked)]
