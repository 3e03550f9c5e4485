"""The verdict on rows in words: the same sentences on the page, the card and the terminal."""

import math
from collections.abc import Callable, Iterator

from kamerton.experiment.compare import interval_of
from kamerton.experiment.likelihood import CHOICE, LIKELIHOOD, PREFERRED
from kamerton.experiment.metrics import ADVERT, FORM
from kamerton.experiment.report import words
from kamerton.experiment.report.rows import kept
from kamerton.experiment.report.rows.material import RowsMaterial, declared, form_only, of_form
from kamerton.formats.language import say
from kamerton.formats.scores import Comparison, Interval, Summary, Verdict

_FAMILIES = {"form": FORM, "brief": ADVERT}
_VERDICTS: tuple[Verdict, ...] = ("better", "worse")


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


def change_of(effect: Interval) -> dict[str, str]:
    """How a loss changed, in nats with its interval: below 0 is better."""
    values = {"nats": effect.mean, "nats_low": effect.high, "nats_high": effect.low}
    return {name: nats(-value) for name, value in values.items()}


def ratio(effect: Interval) -> dict[str, str]:
    """The ratio of the perplexities, tuned over base, with its interval: below 1 is better."""
    values = {"ratio": effect.mean, "low": effect.high, "high": effect.low}
    return {name: short(math.exp(-value)) for name, value in values.items()}


def figures_of(found: Comparison, summary: Summary) -> str:
    """What was measured of a declared hypothesis, as a clause."""
    return _FIGURES[found.criterion](found, summary) + words.too_few(found)


def _loss(found: Comparison, summary: Summary) -> str:
    """Of answers; one group alone has no interval."""
    key = "loss_figures" if found.groups > 1 else "loss_figures_alone"
    means = {side: perplexity(-mean) for side, mean in _means(found, summary).items()}
    return _say(key, found, **means, **change_of(found.effect), **ratio(found.effect))


def _choices(found: Comparison, summary: Summary) -> str:
    """Of choices; one question alone has no interval."""
    key = "choices_figures" if found.groups > 1 else "choices_figures_alone"
    means = {side: f"{-mean:.3f}" for side, mean in _means(found, summary).items()}
    return _say(key, found, **means, **change_of(found.effect))


def _pairs(found: Comparison, summary: Summary) -> str:
    means = {side: words.percent(mean) for side, mean in _means(found, summary).items()}
    return _say("pairs_figures", found, **means, **words.effect(found))


_FIGURES: dict[str, Callable[[Comparison, Summary], str]] = {
    LIKELIHOOD: _loss,
    CHOICE: _choices,
    PREFERRED: _pairs,
}
NAMES = {LIKELIHOOD: "loss", CHOICE: "choices", PREFERRED: "pairs"}
"""How the texts of a declared hypothesis begin."""


def _say(key: str, found: Comparison, **values: str) -> str:
    return say(
        f"experiment.{key}",
        arm=found.arm,
        against=found.against,
        rows=found.questions,
        groups=found.groups,
        **values,
    )


def _means(found: Comparison, summary: Summary) -> dict[str, float]:
    """Mean score of both arms, under the names of the texts."""
    return {
        f"of_{side}": interval_of(summary.cells, arm, "rows", found.criterion).mean
        for side, arm in (("arm", found.arm), ("against", found.against))
    }


def findings(summary: Summary) -> list[str]:
    """What may be claimed, as clauses: of what was declared, then what is proved of the answers."""
    found = [
        say(f"experiment.{NAMES[c.criterion]}_{words.verdict_code(c.verdict)}")
        for c in declared(summary)
    ]
    found = found or [say("experiment.loss_missing")]
    return found + [told for verdict in _VERDICTS for told in _proved(summary, verdict)]


def _proved(summary: Summary, verdict: Verdict) -> Iterator[str]:
    """Of the form, then of the briefs, one clause that names all criteria with this verdict."""
    proved = [c.criterion for c in of_form(summary) if c.verdict == verdict]
    for family, criteria in _FAMILIES.items():
        names = [say(f"experiment.criterion_{name}") for name in proved if name in criteria]
        if names:
            yield say(f"experiment.{family}_{verdict}", names=", ".join(names))


def headline(summary: Summary) -> str:
    """The findings alone, in one line, or why none is claimed."""
    if not summary.claims_verdict:
        return words.headline(summary)
    return words.capital("; ".join(findings(summary)))


def verdict_sentence(material: RowsMaterial) -> str:
    """The whole verdict in a few sentences: what was declared, with its figures, and what broke."""
    summary = material.summary
    told = [words.capital(figures_of(found, summary)) for found in declared(summary)]
    return ". ".join([headline(summary), *told, *kept.sentences(material)]) + "."


def harm(summary: Summary) -> list[str]:
    """One sentence for everything that is proved worse."""
    return [_harm(c) for c in declared(summary) if c.verdict == "worse"] + words.harm(
        form_only(summary)
    )


def _harm(found: Comparison) -> str:
    values = {
        LIKELIHOOD: lambda: ratio(found.effect),
        CHOICE: lambda: change_of(found.effect),
        PREFERRED: lambda: words.effect(found),
    }[found.criterion]()
    return _say(f"{NAMES[found.criterion]}_harm", found, **values)
