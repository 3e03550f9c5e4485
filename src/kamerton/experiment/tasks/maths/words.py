"""A grading in words, for the terminal and for a report, in either language."""

from kamerton.experiment.tasks.maths.rows import Grading
from kamerton.formats.language import say
from kamerton.formats.scores import Interval

_SIGNS = {"+": "plus", "-": "minus", "*": "times", "/": "divided"}
_POINTS = (1, 2, 3, 5, 8, 10, 16, 20, 32, 40, 64)


def lines(found: Grading) -> list[str]:
    """What a person reads of a grading, one statement a line."""
    return [*_head(found), *_vote(found), *_reading(found), *problems(found)]


def problems(found: Grading) -> list[str]:
    """The classes of error with counts, most frequent first, and the sign that fails most."""
    wrong = found.answers - found.right
    if not wrong:
        return []
    told = [say("experiment.maths_wrong", wrong=wrong)]
    for kind, count in found.classes.items():
        if count:
            name = say(f"experiment.maths_class_{kind}")
            told.append(
                f"  {count:5d}  {100 * count / wrong:4.1f} %  {name}{_example(found, kind)}"
            )
    if found.operators:
        sign, count = next(iter(found.operators.items()))
        told.append(
            say(
                "experiment.maths_worst_sign",
                sign=say(f"experiment.maths_sign_{_SIGNS[sign]}"),
                count=count,
                all=found.classes["arithmetic"],
            )
        )
    return told


def detail(kind: str, told: str) -> str:
    """What an example of a class of error is about: why nothing was read is said in words."""
    read = kind not in ("unparsed", "looped_or_cut")
    return told if read or not told else say(f"experiment.maths_why_{told}")


def _example(found: Grading, kind: str) -> str:
    first = next(iter(found.examples.get(kind, [])), None)
    if first is None or not first.detail or kind == "plan":
        return ""
    return say("experiment.maths_example", id=first.id, detail=detail(kind, first.detail))


def _head(found: Grading) -> list[str]:
    told = [
        say("experiment.maths_asked", task=found.task, n=found.questions, all=found.problems),
        say(
            "experiment.maths_accuracy",
            accuracy=_percent(found.accuracy),
            right=found.right,
            answers=found.answers,
            interval=say(f"experiment.maths_by_{found.interval.partition(' ')[0]}"),
        ),
    ]
    return told


def _vote(found: Grading) -> list[str]:
    vote = found.vote
    if vote is None:
        return []
    points = [n for n in _POINTS if n < len(vote.curve)] + [len(vote.curve)]
    curve = ", ".join(f"{n}: {100 * vote.curve[n - 1]:.2f} %" for n in points)
    return [
        say("experiment.maths_vote", accuracy=_percent(vote.accuracy)),
        say("experiment.maths_vote_samples", accuracy=_percent(vote.with_samples)),
        say("experiment.maths_ties", ties=vote.ties, none=vote.no_vote),
        say("experiment.maths_curve", curve=curve),
        say("experiment.maths_needed", needed=f"{vote.needed:.1f}"),
    ]


def _reading(found: Grading) -> list[str]:
    others = ", ".join(f"{name} {100 * share:.2f} %" for name, share in found.extractors.items())
    share = f"{100 * found.unparsed_share:.2f}"
    return [
        say("experiment.maths_unparsed", count=found.unparsed, share=share),
        say("experiment.maths_extractors", others=others),
    ]


def _percent(found: Interval) -> str:
    low, high = f"{100 * found.low:.2f}", f"{100 * found.high:.2f}"
    return say("experiment.maths_percent", mean=f"{100 * found.mean:.2f}", low=low, high=high)
