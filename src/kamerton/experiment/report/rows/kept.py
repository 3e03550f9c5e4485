"""What a verdict on loss or votes does not see: whether the answers themselves broke.

A model can foresee every vote and have unlearnt to end an answer. So the verdict says which
criteria of form got worse beyond their 95 % interval, proved after the correction or not, and after
training on preferences whether the answers' length changed beyond its interval: which length is
better, no rule here knows.
"""

from kamerton import stats
from kamerton.experiment.compare import interval_of
from kamerton.experiment.report import words
from kamerton.experiment.report.rows.material import RowsMaterial, of_choices, of_form
from kamerton.formats.language import say
from kamerton.formats.scores import Comparison, Interval, Summary
from kamerton.formats.serving import BASE


def sentences(material: RowsMaterial) -> list[str]:
    """Sentences for the verdict, without full stops; none where the answers kept their form."""
    told = [_worse(material.summary)]
    if of_choices(material.summary):
        told += [_length(material), _unknown(material.summary)]
    return [text for text in told if text]


def broken(summary: Summary) -> list[Comparison]:
    """Criteria of form whose whole interval is on the worse side, and not within the margin."""
    return [c for c in of_form(summary) if c.effect.high < 0 and c.verdict != "equivalent"]


def _worse(summary: Summary) -> str:
    items = [_item(found, summary) for found in broken(summary)]
    key = "kept_worse_but_votes" if _better_on_votes(summary) else "kept_worse"
    return say(f"experiment.{key}", list="; ".join(items)) if items else ""


def _better_on_votes(summary: Summary) -> bool:
    return any(found.verdict == "better" for found in of_choices(summary))


def _item(found: Comparison, summary: Summary) -> str:
    means = {
        f"of_{side}": words.percent(
            interval_of(summary.cells, arm, found.held_out, found.criterion).mean
        )
        for side, arm in (("arm", found.arm), ("against", found.against))
    }
    name = say(f"experiment.criterion_{found.criterion}")
    item = say("experiment.kept_item", criterion=name, **means, **words.effect(found))
    return item if found.verdict == "worse" else say("experiment.kept_unproved", item=item)


def _length(material: RowsMaterial) -> str:
    """How the mean length changed; empty where its interval holds 0."""
    before, after, change = lengths(material)
    if change is None or change.low <= 0 <= change.high:
        return ""
    values = {"effect": change.mean, "low": change.low, "high": change.high}
    signed = {name: f"{value:+.1f}".replace("-", "\u2212") for name, value in values.items()}
    means = {"of_arm": f"{after:.1f}", "of_against": f"{before:.1f}"}
    return say("experiment.kept_length", **means, **signed)


def lengths(material: RowsMaterial) -> tuple[float, float, Interval | None]:
    """Mean tokens of the base's answers and the tuned model's, and the difference.

    Paired by held-out prompt, whole groups drawn again; None where no such prompt was asked.
    """
    by_arm = {
        arm: {s.question_id: s for s in material.samples if (s.arm, s.held_out) == (arm, "rows")}
        for arm in (BASE, material.name)
    }
    pairs = [(old, by_arm[material.name].get(key)) for key, old in by_arm[BASE].items()]
    both = [(old, new) for old, new in pairs if new is not None]
    if not both:
        return 0.0, 0.0, None
    before, after = (sum(pair[i].completion_tokens for pair in both) / len(both) for i in (0, 1))
    longer = [float(new.completion_tokens - old.completion_tokens) for old, new in both]
    groups, most = [old.group for old, _ in both], float(material.settings.answer_tokens)
    seed, resamples = material.summary.seed, material.settings.resamples
    return before, after, stats.bootstrap(longer, groups, (-most, most), resamples, seed)


def _unknown(summary: Summary) -> str:
    """That nobody looked at the answers which the votes call better."""
    if of_form(summary) or not _better_on_votes(summary):
        return ""
    return say("experiment.kept_unknown")
