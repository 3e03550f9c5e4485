"""Figures and verdicts in words: the same sentences on the page, the card and the terminal."""

from typing import Literal

from kamerton.experiment.compare import interval_of
from kamerton.formats.language import say
from kamerton.formats.scores import Comparison, Summary, Verdict
from kamerton.formats.serving import RAG

Change = Literal["tuning", "retrieval", "other"]
_CODES: dict[Verdict, str] = {
    "better": "better",
    "worse": "worse",
    "equivalent": "equivalent",
    "not enough evidence": "unclear",
}


def verdict_code(verdict: Verdict) -> str:
    """One word for keys and CSS classes."""
    return _CODES[verdict]


def percent(share: float) -> str:
    """A share as whole per cent: `69 %`, with a space that does not break."""
    return f"{100 * share:.0f}\u00a0%"


def points(difference: float) -> str:
    """A signed difference in whole percentage points, with a true minus sign."""
    rounded = round(100 * difference)
    return "0" if rounded == 0 else f"{rounded:+d}".replace("-", "\u2212")


def p_value(p: float) -> str:
    """A p value with its sign of relation: `= 0.012`, `< 0.001`."""
    return "<\u00a00.001" if p < 0.001 else f"=\u00a0{p:.3f}"


def duration(seconds: float) -> str:
    """Minutes and seconds: `4:05`."""
    whole = round(seconds)
    hours, rest = divmod(whole, 3600)
    minutes, left = divmod(rest, 60)
    return f"{hours}:{minutes:02d}:{left:02d}" if hours else f"{minutes}:{left:02d}"


def change(comparison: Comparison) -> Change:
    """What differs between the two arms of a comparison."""
    arm, against = comparison.arm, comparison.against
    if arm == against + RAG:
        return "retrieval"
    return "tuning" if arm.endswith(RAG) == against.endswith(RAG) else "other"


def finding(comparison: Comparison) -> str:
    """The verdict of one comparison as a clause: `tuning helped`."""
    key = f"experiment.{change(comparison)}_{verdict_code(comparison.verdict)}"
    return say(key, arm=comparison.arm, against=comparison.against)


def figures(comparison: Comparison, summary: Summary) -> str:
    """What was measured, as a clause."""
    means = {
        f"of_{side}": percent(
            interval_of(summary.cells, arm, comparison.held_out, comparison.criterion).mean
        )
        for side, arm in (("arm", comparison.arm), ("against", comparison.against))
    }
    measured = say(
        "experiment.figures",
        held_out=say(f"experiment.on_{comparison.held_out}"),
        arm=comparison.arm,
        against=comparison.against,
        criterion=say(f"experiment.criterion_{comparison.criterion}"),
        **means,
        **effect(comparison),
    )
    return measured + cut(comparison, summary.max_tokens) + too_few(comparison)


def cut(comparison: Comparison, limit: int | None) -> str:
    """How many answers of each side the length limit cut, as the end of a clause."""
    shares = (comparison.cut or 0.0, comparison.cut_against or 0.0)
    if limit is None or not any(shares):
        return ""
    return say(
        "experiment.figures_cut",
        limit=limit,
        arm=comparison.arm,
        against=comparison.against,
        cut=percent(shares[0]),
        cut_against=percent(shares[1]),
    )


def too_few(comparison: Comparison) -> str:
    """That so few groups can show no difference, as the end of a clause; empty where they can."""
    if comparison.verdict != "not enough evidence" or not comparison.groups_needed:
        return ""
    return say(
        "experiment.figures_too_few",
        groups=comparison.groups,
        groups_needed=comparison.groups_needed,
    )


def effect(comparison: Comparison) -> dict[str, str]:
    """Difference and interval in points, for the texts that name them."""
    found = comparison.effect
    return {"effect": points(found.mean), "low": points(found.low), "high": points(found.high)}


def primary(summary: Summary) -> list[Comparison]:
    """The declared hypotheses."""
    return [c for c in summary.comparisons if c.family == "primary"]


def headline(summary: Summary) -> str:
    """The findings alone, in one line, or why none is claimed."""
    if not summary.claims_verdict:
        return capital(say("experiment.no_claims", why=reason(summary.why_no_verdict, "why")))
    found = [finding(comparison) for comparison in primary(summary)]
    return capital("; ".join(dict.fromkeys(found)) or say("experiment.nothing_compared"))


def verdict_sentence(summary: Summary) -> str:
    """The whole verdict in one sentence, with its figures."""
    measured = [(c, figures(c, summary)) for c in primary(summary)]
    if not summary.claims_verdict:
        parts = [headline(summary), *(text for _, text in measured)]
    else:
        parts = [f"{finding(c)}: {text}" for c, text in measured]
    return capital("; ".join(parts) or say("experiment.nothing_compared")) + "."


def harm(summary: Summary) -> list[str]:
    """One sentence for everything that is proved worse, in either family."""
    return [
        say(
            "experiment.harm",
            arm=c.arm,
            against=c.against,
            criterion=say(f"experiment.criterion_{c.criterion}"),
            held_out=say(f"experiment.on_{c.held_out}"),
            **effect(c),
        )
        for c in summary.comparisons
        if c.verdict == "worse"
    ]


def reason(code: str, prefix: str = "reason") -> str:
    """The text of a code, or of `code: value`."""
    name, _, value = code.partition(": ")
    return say(f"experiment.{prefix}_{name}", value=value)


def capital(text: str) -> str:
    """The text with its first letter large."""
    return text[:1].upper() + text[1:]
