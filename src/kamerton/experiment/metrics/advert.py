"""The criteria of an advertising text, by its brief; rows without a brief have none of these.

Each is a rule that a program can follow (`formats.advert`): the same choose a teacher's texts.
Whether a text sells, or says a fact rightly, none of them knows: that is for a judge model and for
people. An empty answer scores 0 everywhere.
"""

from collections.abc import Callable

from kamerton.experiment.metrics.context import Context, Metric, Score
from kamerton.formats import advert
from kamerton.formats.brief import Order
from kamerton.formats.questions import Question

Rule = Callable[[str, Order], Score | None]


def _beginning(text: str, order: Order) -> Score | None:
    """It begins to the letter as the brief says; briefs that give no beginning do not count."""
    if not order.brief.beginning:
        return None
    return _passed("" if advert.begins(text, order.brief) else "beginning")


def _channel_length(text: str, order: Order) -> Score:
    """Its characters lie between the limits of its channel."""
    misfit = advert.misfit(text, order.shortest, order.longest)
    return _passed(f"{misfit}: {len(text)}" if misfit else "")


def _facts(text: str, order: Order) -> Score:
    """The share of the brief's facts that it tells."""
    told, wanted = advert.told(text, order.brief), len(order.brief.facts)
    return told / wanted, "" if told == wanted else f"facts: {told}/{wanted}"


def _figures(text: str, order: Order) -> Score:
    """It has no figure that the brief does not have."""
    invented = advert.invented(text, order.brief)
    return _passed(f"invented: {', '.join(invented)}" if invented else "")


def _own_words(text: str, order: Order) -> Score:
    """It has no twelve words in a row from the brief."""
    run = advert.copied(text, order.brief)
    return _passed(f"copied: {run}" if run else "")


def _no_gaps(text: str, order: Order) -> Score:
    """It leaves no gap that somebody should fill in."""
    gap = advert.gap(text)
    return _passed(f"gap: {gap}" if gap else "")


def _passed(reason: str) -> Score:
    return (0.0, reason) if reason else (1.0, "")


def _by_brief(rule: Rule) -> Metric:
    """The criterion of a rule: of the text without spaces around it, where there is a brief."""

    def criterion(
        question: Question, answer: str, finish_reason: str, context: Context
    ) -> Score | None:
        order = context.orders.get(question.id)
        if order is None:
            return None
        text = answer.strip()
        found = rule(text, order)
        return found if text or found is None else (0.0, "empty")

    return criterion


ADVERT: dict[str, Metric] = {
    "beginning": _by_brief(_beginning),
    "channel_length": _by_brief(_channel_length),
    "facts": _by_brief(_facts),
    "figures": _by_brief(_figures),
    "own_words": _by_brief(_own_words),
    "no_gaps": _by_brief(_no_gaps),
}
"""By name, in the order in which they are told."""
