"""The tasks that answers are graded by, each a small file behind one signature (`asking`)."""

from kamerton.experiment.tasks import adverts, gsm8k, humaneval, mbpp, scitldr, texts
from kamerton.experiment.tasks.asking import Columns, Grader, Options, Outcome

GRADERS: dict[str, Grader] = {
    "gsm8k": gsm8k.grade,
    "maths": gsm8k.grade,
    "humaneval": humaneval.grade,
    "humaneval+": humaneval.grade_plus,
    "mbpp": mbpp.grade,
    "scitldr": scitldr.grade,
    "adverts": adverts.grade_adverts,
    "texts": texts.grade_against,
}
"""Name of a task to its function; `maths`, `adverts` and `texts` are for a user's own."""

__all__ = ["GRADERS", "Columns", "Grader", "Options", "Outcome"]
