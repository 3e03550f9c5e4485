"""pass@1: the program in the answer holds every assertion that the question states.

Prompts in the manner of MBPP end with their tests, lines that begin with `assert`; questions
without any do not count. The program runs in the sandbox, its results are compared outside of it
(`experiment.code.judge`). With one answer to a question the share is the unbiased pass@1
(`scorers.pass_at_k`).
"""

from kamerton.experiment.metrics.context import Context, Score
from kamerton.formats.questions import Question


def passes(question: Question, answer: str, finish_reason: str, context: Context) -> Score | None:
    """Score whether the program of one answer passes."""
    lines = (line.strip() for line in question.question.splitlines())
    tests = [line for line in lines if line.startswith("assert ")]
    if not tests:
        return None
    from kamerton.experiment.code.boxed import boxed
    from kamerton.experiment.code.extract import extract
    from kamerton.experiment.code.tasks import CodeTask, called

    check = "\n    ".join(["def check(candidate):", *tests])
    names = called(check, question.answer)
    if not names:
        return None
    task = CodeTask(question.id, question.question, names[0], check, continues=False)
    judged = boxed(task, extract(task, answer).source)
    return (1.0, "") if judged.passed else (0.0, f"program_{judged.status}")
