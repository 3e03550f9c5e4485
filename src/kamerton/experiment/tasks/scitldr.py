"""SciTLDR (Cachola et al. 2020): one-sentence summaries of papers, several references each."""

from dataclasses import replace
from pathlib import Path

from kamerton.experiment.tasks.asking import Options, Outcome, place
from kamerton.experiment.tasks.texts import grade_against

PUBLISHED = "scitldr/test.jsonl"


def grade(task: str, answers: Path, options: Options) -> Outcome:
    """Score summaries against the references of their papers (`paper_id`, `target`).

    The paper with the best reference counts, as in the published figures.
    """
    return grade_against(task, answers, replace(options, data=place(task, PUBLISHED, options)))
