"""The tasks of `kamerton eval`, each a small file behind one signature."""

from kamerton.cli.evaluating import choice, continuation, maths, perplexity
from kamerton.cli.evaluating.asked import Asked, Run, Task

TASKS: dict[str, Task] = {
    "gsm8k": maths.TASK,
    "maths": maths.TASK,
    "choice": choice.TASK,
    "perplexity": perplexity.TASK,
    "continuation": continuation.TASK,
}
"""Name of a task to what it does; all but `gsm8k` are for a user's own data."""

__all__ = ["TASKS", "Asked", "Run", "Task"]
