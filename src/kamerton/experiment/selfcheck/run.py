"""All checks of known truth, one after another with progress, and their outcome as a table."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any, get_args

from kamerton.experiment.selfcheck import maths, programs, statistics, texts
from kamerton.experiment.selfcheck.comparison import Checker, Comparison, Setting, Status
from kamerton.formats.errors import InputError
from kamerton.formats.language import say
from kamerton.formats.progress import progress


@dataclass(frozen=True)
class Check:
    """One group of checks."""

    run: Checker
    units: Callable[[Setting], int] = lambda setting: 1
    """Steps of its progress line."""


CHECKS: dict[str, Check] = {
    "sacrebleu": Check(texts.check_sacrebleu),
    "rouge": Check(texts.check_rouge),
    "examples": Check(texts.check_examples),
    "codebleu": Check(texts.check_codebleu),
    "bertscore": Check(texts.check_bertscore),
    "pass_at_k": Check(programs.check_pass_at_k),
    "statistics": Check(statistics.check_formulas),
    "rates": Check(statistics.check_rates, statistics.units),
    "gsm8k": Check(maths.check_gsm8k, lambda _: (2 + len(maths.WORDINGS)) * maths.PROBLEMS),
    "humaneval": Check(programs.check_humaneval, lambda _: 2 * programs.TASKS),
    "humaneval_plus": Check(
        programs.check_humaneval_plus,
        lambda s: 2 * (programs.TASKS if s.everything else -(-programs.TASKS // programs.EVERY)),
    ),
}
"""Name of a group to its checks; the order is that of the table."""


def run(setting: Setting, only: Sequence[str] = ()) -> Iterator[Comparison]:
    """What the checks find, as they find it; `only`: names of groups, all without it.

    A group whose package or sandbox is missing is skipped from there on, with the reason. Raises
    InputError for a name that is none.
    """
    for name in only:
        if name not in CHECKS:
            known = ", ".join(CHECKS)
            raise InputError("experiment.selfcheck_unknown", name=name, known=known)
    for name in only or CHECKS:
        check, label = CHECKS[name], say("experiment.selfcheck_running", name=name)
        with progress(label, check.units(setting)) as bar:
            try:
                yield from check.run(setting, bar.update)
            except InputError as error:
                yield Comparison(f"group_{name}", "-", "", "skipped", "", str(error))


def rows(checks: Sequence[Comparison]) -> list[tuple[str, ...]]:
    """Head and one row for each truth: what, found, expected, ok, source."""
    heads = ("what", "found", "expected", "status", "source")
    head = tuple(say(f"experiment.selfcheck_{name}") for name in heads)
    status = {name: say(f"experiment.selfcheck_{name}") for name in get_args(Status)}
    return [
        head,
        *((_what(c), c.found, c.expected, status[c.status], c.source) for c in checks),
    ]


def notes(checks: Sequence[Comparison]) -> list[str]:
    """Details of what was missed or skipped, and the count at the end."""
    told = [f"{_what(one)}: {one.detail}" for one in checks if one.status != "ok" and one.detail]
    return [*told, say("experiment.selfcheck_count", **_counts(checks))]


def figures(checks: Sequence[Comparison], seconds: float) -> dict[str, Any]:
    """The same for programs; `ok` is false where any truth was missed."""
    counts = _counts(checks)
    return {
        "ok": not counts["miss"],
        "counts": counts,
        "seconds": round(seconds, 1),
        "checks": [asdict(one) for one in checks],
    }


def _counts(checks: Sequence[Comparison]) -> dict[str, int]:
    statuses = [one.status for one in checks]
    return {name: statuses.count(name) for name in get_args(Status)}


def _what(one: Comparison) -> str:
    return say(f"experiment.selfcheck_{one.what}")
