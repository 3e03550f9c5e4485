"""An evaluation on problems: its figures, and its page with accuracy, curve over n and errors."""

from collections.abc import Sequence
from dataclasses import dataclass

from kamerton.experiment.ask.evaluate import Results
from kamerton.experiment.ask.page import Plot, figure, percent, render, text
from kamerton.experiment.report.plot import SHARES, Scale, round_values, strip
from kamerton.experiment.tasks.maths.grading import Grading, detail, lines

_WIDTH, _HEIGHT, _LEFT, _LOW = 640.0, 260.0, 52.0, 34.0


class MathsResults(Results):
    """`results.json` of problems."""

    prompts: str
    """Digest of all prompts as they were sent."""
    language: str
    shots: int
    settings: dict[str, object]
    prompt_tokens: int
    """Of all questions, each counted once."""
    completion_tokens: int
    grading: Grading


@dataclass(frozen=True)
class Curve:
    """Accuracy over the number of samples, in a drawing's own units."""

    width: float
    height: float
    points: tuple[tuple[float, float, str], ...]
    """Place of each n and what is said of it."""
    ticks_x: tuple[tuple[float, str], ...]
    ticks_y: tuple[tuple[float, str], ...]

    @property
    def line(self) -> str:
        """The points as SVG reads them."""
        return " ".join(f"{x:g},{y:g}" for x, y, _ in self.points)


def maths_page(results: MathsResults) -> str:
    """The page as text, in the language in force."""
    grading, vote = results.grading, results.grading.vote
    wrong = grading.answers - grading.right
    # Where votes ended early, which answers there are depends on what they say: no curve.
    shows_curve = vote is not None and len(vote.curve) > 1 and not results.settings["early"]
    return render(
        "problems",
        results=results,
        found=grading,
        lines=lines(grading),
        detail=detail,
        strips=_plots(results),
        ticks=SHARES.ticks(),
        curve=curve(vote.curve) if vote is not None and shows_curve else None,
        temperature=figure(f"{results.settings['temperature']:g}"),
        classes=[
            (text(f"maths_class_{kind}"), count, percent(count / wrong), kind)
            for kind, count in grading.classes.items()
            if count
        ],
    )


def _plots(results: MathsResults) -> list[Plot]:
    """Name, figure and drawing of each accuracy with an interval."""
    accuracy, vote = results.grading.accuracy, results.grading.vote
    rows = [("ask_one", accuracy)]
    if vote and results.settings["early"]:
        rows = [("ask_vote", vote.accuracy)]
    elif vote:
        rows += [("ask_vote", vote.accuracy), ("ask_vote_samples", vote.with_samples)]
    return [
        (
            text(name),
            text(
                "ask_interval", mean=percent(one.mean), low=percent(one.low), high=percent(one.high)
            ),
            strip(one, SHARES),
        )
        for name, one in rows
    ]


def curve(shares: Sequence[float]) -> Curve:
    """The drawing of the accuracy of a vote of 1, 2, … samples."""
    top = max([*shares, 0.01])
    values = round_values(0.0, top * 1.1)
    high = max(values[-1], top * 1.05)
    across, up = Scale(1.0, float(len(shares))), Scale(0.0, high)
    inner_x, inner_y = (_WIDTH - _LEFT) / 100, (_HEIGHT - _LOW) / 100

    def x(n: float) -> float:
        return round(_LEFT + inner_x * across.at(n), 1)

    def y(share: float) -> float:
        return round(inner_y * (100 - up.at(share)), 1)

    every = max(1, len(shares) // 10)
    counts = [n for n in range(1, len(shares) + 1) if n == 1 or n % every == 0]
    return Curve(
        _WIDTH,
        _HEIGHT,
        tuple((x(n), y(share), f"{n}: {percent(share)} %") for n, share in enumerate(shares, 1)),
        tuple((x(n), str(n)) for n in counts),
        tuple((y(value), percent(value, 0 if high > 0.05 else 1)) for value in values),
    )
