"""The verdict on rows in words: the same sentences on the page, the card and the terminal."""

import math

from kamerton.experiment.compare import interval_of
from kamerton.experiment.report import words
from kamerton.experiment.report.rows.material import form_only, loss_verdict, of_form
from kamerton.formats.language import say
from kamerton.formats.scores import Comparison, Interval, Summary, Verdict


def perplexity(loss: float) -> str:
    """The perplexity of a mean loss in nats, to three digits."""
    return short(math.exp(loss))


def short(value: float) -> str:
    """Three digits of a figure that may be large: 0.0213, 12.3, 1 230."""
    if value < 1000:
        return f"{value:#.3g}".rstrip(".")
    return f"{value:,.0f}".replace(",", "\u202f")


def nats(value: float) -> str:
    """A signed difference in nats, with a true minus sign."""
    return f"{value:+.3f}".replace("-", "\u2212")


def ratio(effect: Interval) -> dict[str, str]:
    """The ratio of the perplexities, tuned over base, with its interval: below 1 is better."""
    values = {"ratio": effect.mean, "low": effect.high, "high": effect.low}
    return {name: short(math.exp(-value)) for name, value in values.items()}


def loss_figures(found: Comparison, summary: Summary) -> str:
    """What was measured of the loss, as a clause; one group alone has no interval."""
    key = "loss_figures" if found.groups > 1 else "loss_figures_alone"
    means = {
        f"of_{side}": perplexity(-interval_of(summary.cells, arm, "rows", found.criterion).mean)
        for side, arm in (("arm", found.arm), ("against", found.against))
    }
    return say(
        f"experiment.{key}",
        arm=found.arm,
        against=found.against,
        rows=found.questions,
        groups=found.groups,
        nats=nats(-found.effect.mean),
        nats_low=nats(-found.effect.high),
        nats_high=nats(-found.effect.low),
        **means,
        **ratio(found.effect),
    )


def findings(summary: Summary) -> list[str]:
    """What may be claimed, as clauses: of the loss, then what is proved of the form."""
    loss = loss_verdict(summary)
    code = words.verdict_code(loss.verdict) if loss else "missing"
    found = [say(f"experiment.loss_{code}")]
    verdicts: tuple[Verdict, ...] = ("better", "worse")
    for verdict in verdicts:
        names = [
            say(f"experiment.criterion_{c.criterion}")
            for c in of_form(summary)
            if c.verdict == verdict
        ]
        if names:
            found.append(say(f"experiment.form_{verdict}", names=", ".join(names)))
    return found


def headline(summary: Summary) -> str:
    """The findings alone, in one line, or why none is claimed."""
    if not summary.claims_verdict:
        return words.headline(summary)
    return words.capital("; ".join(findings(summary)))


def verdict_sentence(summary: Summary) -> str:
    """The whole verdict in a sentence or two, with the figures of the loss."""
    loss = loss_verdict(summary)
    sentences = [headline(summary)]
    if loss:
        sentences.append(words.capital(loss_figures(loss, summary)))
    return ". ".join(sentences) + "."


def harm(summary: Summary) -> list[str]:
    """One sentence for everything that is proved worse."""
    loss = loss_verdict(summary)
    told = words.harm(form_only(summary))
    if loss and loss.verdict == "worse":
        values = ratio(loss.effect)
        told.insert(0, say("experiment.loss_harm", arm=loss.arm, against=loss.against, **values))
    return told
