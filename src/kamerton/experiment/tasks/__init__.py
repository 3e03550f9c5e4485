"""All tasks by name: what is asked of a model, and what answers made elsewhere are graded by."""

from kamerton.experiment.tasks import (
    adverts,
    choice,
    continuation,
    gsm8k,
    perplexity,
    programs,
    texts,
)
from kamerton.experiment.tasks.tables import Columns
from kamerton.experiment.tasks.task import Options, Outcome, Task

_SAMPLING = ("samples", "temperature", "max_tokens")
_MATHS = frozenset((*_SAMPLING, "early", "prompts", "shots", "max_unparsed"))
_CHOICE = ("prompts", "shots", "letters", "count_from")
_CHOICE_COLUMNS = ("id_column", "question_column", "answer_column", "group_column")
_TEXT_COLUMNS = ("id_column", "text_column", "group_column")

TASKS: dict[str, Task] = {
    task.name: task
    for task in (
        Task("gsm8k", gsm8k.DATASET, gsm8k.grade_maths, gsm8k.ask_maths, _MATHS),
        Task("maths", "", gsm8k.grade_maths, gsm8k.ask_maths, _MATHS),
        Task("humaneval", programs.HUMANEVAL, programs.grade_humaneval),
        Task("humaneval+", programs.HUMANEVAL_PLUS, programs.grade_humaneval_plus),
        Task("mbpp", programs.MBPP, programs.grade_mbpp),
        Task("scitldr", texts.SCITLDR, texts.grade_texts),
        Task("adverts", "", adverts.grade_adverts),
        Task("texts", "", texts.grade_texts),
        Task(
            "choice",
            asker=choice.ask_choice,
            asking_options=frozenset((*_CHOICE, *_CHOICE_COLUMNS)),
        ),
        Task(
            "perplexity",
            asker=perplexity.ask_perplexity,
            asking_options=frozenset(("window", "overlap", *_TEXT_COLUMNS)),
        ),
        Task(
            "continuation",
            asker=continuation.ask_continuation,
            asking_options=frozenset((*_SAMPLING, "id_column", "text_column")),
        ),
    )
}
"""Name to task; those without a published set are for a user's own data."""
GRADED = [name for name, task in TASKS.items() if task.grader]
"""What `kamerton grade` knows."""
ASKED = [name for name, task in TASKS.items() if task.asker]
"""What `kamerton eval` knows."""

__all__ = ["ASKED", "GRADED", "TASKS", "Columns", "Options", "Outcome", "Task"]
