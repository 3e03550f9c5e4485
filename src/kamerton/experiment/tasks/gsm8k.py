"""GSM8K, and problems of a user's own in its form: `tasks.maths` behind the common signature."""

from pathlib import Path

from kamerton.experiment.tasks.asking import Options, Outcome, place
from kamerton.experiment.tasks.maths.grade import grade as grade_maths
from kamerton.experiment.tasks.maths.grading import Problems, read_problems
from kamerton.experiment.tasks.maths.rows import AnswerRow
from kamerton.experiment.tasks.maths.words import lines
from kamerton.formats.jsonl import read_rows
from kamerton.formats.language import say

PUBLISHED = "gsm8k/test.jsonl"


def grade(task: str, answers: Path, options: Options) -> Outcome:
    """Accuracy, vote, unparsed rate and causes of error; a complaint if too much is unread.

    Rows are those of `maths.rows`; where all bring `gold`, no problems are needed. The published
    set is taken for `gsm8k` only: `maths` needs the user's own.
    """
    rows = read_rows(answers, AnswerRow)
    alone = options.data is None and bool(rows) and all(row.gold is not None for row in rows)
    published = PUBLISHED if task == "gsm8k" else ""
    problems = Problems([] if alone else read_problems(place(task, published, options)))
    found, graded = grade_maths(
        task, rows, problems, options.max_unparsed, seed=options.seed, where=str(answers)
    )
    complaint = ""
    if found.too_many_unparsed:
        share, most = f"{100 * found.unparsed_share:.2f}", f"{100 * found.most_unparsed:g}"
        complaint = say("experiment.maths_too_many_unparsed", share=share, most=most)
    figures = found.model_dump() | {"too_many_unparsed": found.too_many_unparsed}
    return Outcome(tuple(lines(found)), figures, graded, complaint)
