"""HumanEval (Chen et al. 2021) and HumanEval+ (Liu et al. 2023): pass@k, programs run in boxes."""

from pathlib import Path

from kamerton.experiment.code.tasks import humaneval, humaneval_plus
from kamerton.experiment.tasks.asking import Options, Outcome, place
from kamerton.experiment.tasks.programs import grade_programs

PUBLISHED = "humaneval/HumanEval.jsonl.gz"
PLUS = "humaneval/HumanEvalPlus.jsonl.gz"


def grade(task: str, answers: Path, options: Options) -> Outcome:
    """Judge answers by HumanEval's own checks."""
    return grade_programs(task, humaneval(place(task, PUBLISHED, options)), answers, options)


def grade_plus(task: str, answers: Path, options: Options) -> Outcome:
    """Judge answers by HumanEval's checks, and by further inputs against the known solution."""
    return grade_programs(task, humaneval_plus(place(task, PLUS, options)), answers, options)
