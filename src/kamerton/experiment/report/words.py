"""The verdict of a comparison in words: the same sentences on page, card and terminal."""

from typing import Literal

from kamerton.experiment.compare import interval_of
from kamerton.experiment.report.figures import capital, in_points, percent
from kamerton.formats.language import say
from kamerton.formats.scores import Comparison, Summary, Verdict
from kamerton.formats.serving import RAG

_CODES: dict[Verdict, str] = {
    "better": "better",
    "worse": "worse",
    "equivalent": "equivalent",
    "not enough evidence": "unclear",
}


def verdict_code(verdict: Verdict) -> str:
    """One word for keys and CSS classes."""
    return _CODES[verdict]


def criterion(name: str) -> str:
    """A criterion as a reader calls it."""
    return say(f"experiment.criterion_{name}")


def change(comparison: Comparison) -> Literal["tuning", "retrieval", "other"]:
    """What differs between the two arms of a comparison."""
    arm, against = comparison.arm, comparison.against
    if arm == against + RAG:
        return "retrieval"
    return "tuning" if arm.endswith(RAG) == against.endswith(RAG) else "other"


def finding(comparison: Comparison) -> str:
    """The verdict of one comparison as a clause: `tuning helped`."""
    key = f"experiment.{change(comparison)}_{verdict_code(comparison.verdict)}"
    return say(key, arm=comparison.arm, against=comparison.against)


def means(comparison: Comparison, summary: Summary) -> dict[str, float]:
    """Mean score of both arms, under the names of the texts."""
    return {
        f"of_{side}": interval_of(
            summary.cells, arm, comparison.held_out, comparison.criterion
        ).mean
        for side, arm in (("arm", comparison.arm), ("against", comparison.against))
    }


def figures(comparison: Comparison, summary: Summary) -> str:
    """What was measured, as a clause."""
    measured = say(
        "experiment.figures",
        held_out=say(f"experiment.on_{comparison.held_out}"),
        arm=comparison.arm,
        against=comparison.against,
        criterion=criterion(comparison.criterion),
        **{name: percent(mean) for name, mean in means(comparison, summary).items()},
        **in_points(comparison.effect),
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


def primary(summary: Summary) -> list[Comparison]:
    """The declared hypotheses, in the order in which they are told."""
    return [c for c in summary.comparisons if c.family == "primary"]


def headline(summary: Summary) -> str:
    """The findings alone, in one line, or why none is claimed."""
    if not summary.claims_verdict:
        return silence(summary)
    findings = dict.fromkeys(finding(comparison) for comparison in primary(summary))
    return capital("; ".join(findings) or say("experiment.nothing_compared"))


def silence(summary: Summary) -> str:
    """Why no verdict is claimed."""
    return capital(say("experiment.no_claims", why=reason(summary.why_no_verdict, "why")))


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
            criterion=criterion(c.criterion),
            held_out=say(f"experiment.on_{c.held_out}"),
            **in_points(c.effect),
        )
        for c in summary.comparisons
        if c.verdict == "worse"
    ]


def reason(code: str, prefix: str = "reason") -> str:
    """The text of a code, or of `code: value`."""
    name, _, value = code.partition(": ")
    return say(f"experiment.{prefix}_{name}", value=value)
