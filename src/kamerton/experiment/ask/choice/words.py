"""An evaluation by multiple choice in words, in either language."""

from kamerton.experiment.ask.choice.rows import ChoiceResults, Position
from kamerton.formats.language import say
from kamerton.formats.scores import Interval


def lines(results: ChoiceResults) -> list[str]:
    """What a person reads, one statement a line."""
    found = results.figures
    return [
        say(
            "experiment.choice_asked",
            questions=found.questions,
            groups=found.groups,
            shots=results.shots,
            form=say(f"experiment.choice_form_{'letters' if results.letters else 'texts'}"),
        ),
        say("experiment.choice_accuracy", share=share(found.accuracy), method=method(results)),
        say("experiment.choice_accuracy_norm", share=share(found.accuracy_norm)),
        say(
            "experiment.choice_chance", chance=_percent(found.chance), always=_percent(found.always)
        ),
        say("experiment.choice_read", how=say(f"experiment.choice_as_{results.read_as}")),
        *([say("experiment.choice_ties", count=found.ties)] if found.ties else []),
        say("experiment.choice_positions"),
        *(f"  {_position(one)}" for one in found.positions),
        *leaning(results),
    ]


def leaning(results: ChoiceResults) -> list[str]:
    """A remark for each place that is chosen more often than it is right."""
    return [
        say(
            "experiment.choice_leans",
            letter=one.letter,
            chosen=_percent(one.chosen),
            right=_percent(one.right),
        )
        for one in results.figures.positions
        if one.leans
    ]


def method(results: ChoiceResults) -> str:
    """How the intervals were made."""
    return say(f"experiment.score_by_{results.figures.method}")


def share(found: Interval) -> str:
    """A share with its interval."""
    mean, low, high = (_percent(one) for one in (found.mean, found.low, found.high))
    return say("experiment.score_interval", mean=mean, low=low, high=high)


def _position(one: Position) -> str:
    return say(
        "experiment.choice_position",
        letter=one.letter,
        right=_percent(one.right),
        chosen=_percent(one.chosen),
        norm=_percent(one.chosen_norm),
    )


def _percent(share: float) -> str:
    return f"{100 * share:.2f} %"
