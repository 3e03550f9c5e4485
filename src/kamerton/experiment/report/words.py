"""The verdict of a comparison in words: the same sentences on page, card and terminal."""

from kamerton.experiment.compare import interval_of
from kamerton.experiment.report.figures import capital, in_points, percent, text
from kamerton.formats.scores import Comparison, Summary, verdict_code
from kamerton.formats.serving import RAG


def criterion(name: str) -> str:
    """A criterion as a reader calls it."""
    return text(f"criterion_{name}")


def reason(code: str, prefix: str = "reason") -> str:
    """The text of a code, or of `code: value`."""
    name, _, value = code.partition(": ")
    return text(f"{prefix}_{name}", value=value)


def finding(comparison: Comparison) -> str:
    """The verdict of one comparison as a clause: `tuning helped`."""
    arm, against = comparison.arm, comparison.against
    if arm == against + RAG:
        change = "retrieval"
    else:
        change = "tuning" if arm.endswith(RAG) == against.endswith(RAG) else "other"
    return text(f"{change}_{verdict_code(comparison.verdict)}", arm=arm, against=against)


def means(comparison: Comparison, summary: Summary) -> dict[str, float]:
    """Mean score of both arms, under the names of the texts."""
    return {
        f"of_{side}": interval_of(
            summary.cells, arm, comparison.held_out, comparison.criterion
        ).mean
        for side, arm in (("arm", comparison.arm), ("against", comparison.against))
    }


def in_percent(comparison: Comparison, summary: Summary) -> dict[str, str]:
    """Mean score of both arms in per cent, and the difference in points, for the texts."""
    shares = {side: percent(mean) for side, mean in means(comparison, summary).items()}
    return shares | in_points(comparison.effect)


def _compared(comparison: Comparison) -> dict[str, str]:
    """What was compared by what, under the names of the texts."""
    return {
        "arm": comparison.arm,
        "against": comparison.against,
        "criterion": criterion(comparison.criterion),
        "held_out": text(f"on_{comparison.held_out}"),
    }


def figures(comparison: Comparison, summary: Summary) -> str:
    """What was measured, as a clause; it ends with the share of answers that were cut."""
    names = _compared(comparison)
    clause = text("figures", **names, **in_percent(comparison, summary))
    cut, cut_against = comparison.cut or 0.0, comparison.cut_against or 0.0
    if summary.max_tokens is not None and (cut or cut_against):
        shares = {"cut": percent(cut), "cut_against": percent(cut_against)}
        clause += text("figures_cut", limit=summary.max_tokens, **names, **shares)
    return clause + too_few(comparison)


def too_few(comparison: Comparison) -> str:
    """That so few groups can show no difference, as the end of a clause; empty where they can."""
    if comparison.verdict != "not enough evidence" or not comparison.groups_needed:
        return ""
    needed = comparison.groups_needed
    return text("figures_too_few", groups=comparison.groups, groups_needed=needed)


def primary(summary: Summary) -> list[Comparison]:
    """The declared hypotheses, in their order."""
    return [c for c in summary.comparisons if c.family == "primary"]


def headline(summary: Summary) -> str:
    """The findings alone, in one line, or why none is claimed."""
    if not summary.claims_verdict:
        return capital(no_claims(summary.why_no_verdict))
    findings = dict.fromkeys(map(finding, primary(summary)))
    return capital("; ".join(findings) or text("nothing_compared"))


def no_claims(why: str) -> str:
    """That no verdict is claimed, and why, by the code of the reason."""
    return text("no_claims", why=reason(why, "why"))


def verdict_sentence(summary: Summary) -> str:
    """The whole verdict in one sentence, with its figures."""
    declared = primary(summary)
    if summary.claims_verdict:
        clauses = [f"{finding(c)}: {figures(c, summary)}" for c in declared]
    else:
        clauses = [headline(summary), *(figures(c, summary) for c in declared)]
    return capital("; ".join(clauses) or text("nothing_compared")) + "."


def language(summary: Summary) -> list[str]:
    """That the base does not speak the language of the texts, where it does not."""
    code = summary.unspoken
    return [text("unspoken", language=text(f"language_{code}"))] if code else []


def harm(summary: Summary) -> list[str]:
    """One sentence for everything that is proved worse, in either family."""
    worse = (c for c in summary.comparisons if c.verdict == "worse")
    return [text("harm", **_compared(c), **in_points(c.effect)) for c in worse]
