"""Known truth of grading maths: GSM8K's solutions are right, in twelve wordings; others are not."""

from collections.abc import Callable, Iterator

from kamerton.experiment.selfcheck.comparison import Comparison, Setting, Tell, equal, skipped
from kamerton.experiment.tasks.gsm8k import DATASET
from kamerton.experiment.tasks.maths.extraction import declared
from kamerton.experiment.tasks.maths.problems import Problem, is_right, read_problems
from kamerton.formats.jsonl import read_objects
from kamerton.formats.language import say

_SOURCE = "Cobbe et al. 2021, arXiv 2110.14168"
PROBLEMS = 1319


Wording = Callable[[str], str] | None
"""Ends a solution in other words; None: it stays as it is."""


def _grouped(value: str, sign: str) -> str:
    return f"{int(value):,}".replace(",", sign)


WORDINGS: tuple[Callable[[str], str], ...] = (
    lambda x: f"The answer is ${x}.",
    lambda x: f"#### {x}.00",
    lambda x: f"A: {x}",
    lambda x: f"So in the end we get **{x}** dollars.",
    lambda x: f"The answer is {x}. I used 3 steps.",
    lambda x: f"Therefore the result is $\\boxed{{{x}}}$.",
    lambda x: f"The final answer is: {_grouped(x, ',')} in total, found in 4 steps",
    lambda x: f"Answer: {_grouped(x, chr(0x202F))}\n\nAsk me if you have 2 more questions!",
    lambda x: f"Ответ: {_grouped(x, chr(0xA0))} рублей. Решено за 3 шага.",
    lambda x: f"Ответ: {x},00",
    lambda x: f"The answer is {2 * int(x)}/2.",
    lambda x: f"The answer is {x}.\n\nQ: A dog has 4 legs. How many have 7?\nA: The answer is 28.",
)
"""Twelve ways to end a solution whose answer is `x`, a whole number."""


def check_gsm8k(setting: Setting, tell: Tell) -> Iterator[Comparison]:
    """All 1,319 gold solutions as they are, reworded twelve times, and with a false number."""
    path = setting.data / DATASET if setting.data is not None else None
    checks: dict[str, tuple[tuple[Wording, ...], str]] = {
        "gsm8k": ((None,), f"{PROBLEMS}/{PROBLEMS}"),
        "gsm8k_reworded": (WORDINGS, f"{12 * PROBLEMS}/{12 * PROBLEMS}"),
        "gsm8k_false": ((lambda x: f"#### {int(x) + 1}",), f"0/{PROBLEMS}"),
    }
    if path is None or not path.is_file():
        why = say("experiment.selfcheck_no_data", file=DATASET)
        for what, (_, expected) in checks.items():
            yield skipped(what, expected, _SOURCE, why)
        return
    solutions = [str(row["answer"]) for _, row in read_objects(path)]
    problems = list(zip(read_problems(path), solutions, strict=True))
    for what, (wordings, expected) in checks.items():
        yield _right(what, problems, wordings, expected, tell)


def _right(
    what: str,
    problems: list[tuple[Problem, str]],
    wordings: tuple[Wording, ...],
    expected: str,
    tell: Tell,
) -> Comparison:
    odd: list[str] = []
    right = 0
    for asked, solution in problems:
        for number, wording in enumerate(wordings, start=1):
            reasoning = solution.partition("####")[0]
            said = reasoning + wording(str(asked.gold)) if wording else solution
            good = is_right(declared(said, asked.question), asked)
            right += good
            if good is what.endswith("_false"):
                odd.append(f"{asked.id} ({number})")
        tell(len(wordings))
    total = len(problems) * len(wordings)
    return equal(what, f"{right}/{total}", expected, _SOURCE, ", ".join(odd[:5]))
