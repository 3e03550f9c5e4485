"""MBPP (Austin et al. 2021): pass@k, programs run in boxes."""

from pathlib import Path

from kamerton.experiment.code.tasks import mbpp
from kamerton.experiment.tasks.asking import Options, Outcome, place
from kamerton.experiment.tasks.programs import grade_programs

PUBLISHED = "mbpp/mbpp_sanitized.jsonl"


def grade(task: str, answers: Path, options: Options) -> Outcome:
    """Judge answers by the asserts of MBPP, whole (Google's form) or sanitized (CodeT's)."""
    return grade_programs(task, mbpp(place(task, PUBLISHED, options)), answers, options)
