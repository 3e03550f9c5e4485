"""What a comparison of rows left, and its verdict in words.

The verdict is about held-out loss or votes, and a model can foresee every vote and have unlearnt to
end an answer. So it also says which criteria of form got worse beyond their 95 % interval, proved
after the correction or not, and after training on preferences whether the answers' length changed
beyond its interval: which length is better, no rule here knows.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from kamerton import stats
from kamerton.experiment import likelihood
from kamerton.experiment.criteria import ADVERT, FORM
from kamerton.experiment.likelihood import CHOICE, LIKELIHOOD, PREFERRED
from kamerton.experiment.prompts import prompts
from kamerton.experiment.report import material, words
from kamerton.experiment.report.figures import capital, in_points, percent, short, signed, text
from kamerton.experiment.report.material import ComparedRun, ReportInputs
from kamerton.formats.losses import ChoiceRow, LossRow
from kamerton.formats.scores import Comparison, Interval, Summary, verdict_code
from kamerton.formats.serving import BASE

NAMES = {LIKELIHOOD: "loss", CHOICE: "choices", PREFERRED: "pairs"}
"""How the texts of a declared hypothesis begin."""
_FAMILIES = {"form": FORM, "brief": ADVERT}


@dataclass(frozen=True)
class RowsRun(ComparedRun):
    """What the report of rows shows, in memory."""

    losses: list[LossRow]
    choices: list[ChoiceRow]
    checks: dict[str, Any]
    """Results of the training's self-tests."""
    passed_over: int
    """Prompts that the server had no room for."""

    @property
    def method(self) -> str:
        """How the model was trained, as the training says, else the recipe; empty: neither does."""
        return self._of_training("method")

    @property
    def objective(self) -> str:
        """What was learnt, as the training says, else the recipe; empty: neither does."""
        return self._of_training("objective")

    def _of_training(self, key: str) -> str:
        tune = self.recipe.get("tune") or {}
        return str(self.training.get(key) or tune.get(key) or "")

    @property
    def briefed(self) -> bool:
        """Whether answers were held against briefs."""
        return any(name in ADVERT for sample in self.samples for name in sample.scores)


def load(inputs: ReportInputs) -> RowsRun:
    """Read what the stages left; the training may have left neither losses nor choices."""
    folders, run = inputs.folders, material.read_compared(inputs)
    planned = prompts(run.settings, folders["data"], run.summary.seed)
    answered = {sample.question_id for sample in run.samples}
    tune = folders.get("tune")
    return RowsRun(
        **vars(run),
        checks=material.read_json(tune, material.CHECKS),
        losses=likelihood.losses(tune) if tune else [],
        choices=likelihood.choices(tune) if tune else [],
        passed_over=len(planned) - len(answered),
    )


def of_choices(summary: Summary) -> list[Comparison]:
    """The comparisons of what people chose: the loss of choices, then the order of pairs."""
    return [c for c in summary.comparisons if c.criterion in (CHOICE, PREFERRED)]


def of_form(summary: Summary) -> list[Comparison]:
    """The comparisons of the answers' form, and of how they follow their briefs."""
    return [c for c in summary.comparisons if c.criterion in (*FORM, *ADVERT)]


def form_only(summary: Summary) -> Summary:
    """The summary of what answers were scored by, and nothing of what training left."""
    cells = [cell for cell in summary.cells if cell.criterion not in NAMES]
    others = [c for c in summary.comparisons if c.criterion not in NAMES]
    return summary.model_copy(update={"cells": cells, "comparisons": others})


def perplexity(loss: float) -> str:
    """The perplexity of a mean loss in nats, to three digits."""
    return short(math.exp(loss))


def nats(effect: Interval) -> dict[str, str]:
    """How a loss changed, in nats with its interval: below 0 is better."""
    values = {"nats": effect.mean, "nats_low": effect.high, "nats_high": effect.low}
    return {name: signed(-value) for name, value in values.items()}


def ratio(effect: Interval) -> dict[str, str]:
    """The ratio of the perplexities, tuned over base, with its interval: below 1 is better."""
    values = {"ratio": effect.mean, "low": effect.high, "high": effect.low}
    return {name: short(math.exp(-value)) for name, value in values.items()}


def change(comparison: Comparison) -> dict[str, str]:
    """The effect on a declared hypothesis with its interval, in its units, for the texts."""
    effect = comparison.effect
    if comparison.criterion == PREFERRED:
        return in_points(effect)
    return nats(effect) | (ratio(effect) if comparison.criterion == LIKELIHOOD else {})


def figures_of(comparison: Comparison, summary: Summary) -> str:
    """What was measured of a declared hypothesis, as a clause; one group has no interval."""
    if comparison.criterion not in NAMES:
        return words.figures(comparison, summary)
    written: Callable[[float], str] = {
        LIKELIHOOD: lambda mean: perplexity(-mean),
        CHOICE: lambda mean: f"{-mean:.3f}",
        PREFERRED: percent,
    }[comparison.criterion]
    means = {side: written(mean) for side, mean in words.means(comparison, summary).items()}
    alone = comparison.groups < 2 and comparison.criterion != PREFERRED
    clause = _say("figures_alone" if alone else "figures", comparison, means)
    return clause + words.too_few(comparison)


def _say(part: str, comparison: Comparison, means: Mapping[str, str] = {}) -> str:
    return text(
        f"{NAMES[comparison.criterion]}_{part}",
        arm=comparison.arm,
        against=comparison.against,
        rows=comparison.questions,
        groups=comparison.groups,
        **change(comparison),
        **means,
    )


def headline(summary: Summary) -> str:
    """The findings alone, in one line, or why none is claimed."""
    if not summary.claims_verdict:
        return capital(words.no_claims(summary.why_no_verdict))
    findings = [
        text(f"{NAMES[c.criterion]}_{verdict_code(c.verdict)}")
        if c.criterion in NAMES
        else words.finding(c)
        for c in words.primary(summary)
    ] or [text("loss_missing")]
    for verdict in ("better", "worse"):
        proved = [c.criterion for c in of_form(summary) if c.verdict == verdict]
        for family, criteria in _FAMILIES.items():
            if names := ", ".join(words.criterion(name) for name in proved if name in criteria):
                findings.append(text(f"{family}_{verdict}", names=names))
    return capital("; ".join(findings))


def verdict_sentence(run: RowsRun) -> str:
    """The whole verdict in a few sentences: what was declared, with its figures, and what broke."""
    declared = words.primary(run.summary)
    measured = [capital(figures_of(c, run.summary)) for c in declared]
    return ". ".join([headline(run.summary), *measured, *side_effects(run)]) + "."


def harm(summary: Summary) -> list[str]:
    """One sentence for everything that is proved worse."""
    of_training = (c for c in summary.comparisons if c.criterion in NAMES and c.verdict == "worse")
    return [*(_say("harm", c) for c in of_training), *words.harm(form_only(summary))]


def side_effects(run: RowsRun) -> list[str]:
    """What broke in the answers, without full stops; none where they kept their form."""
    voted, form = of_choices(run.summary), of_form(run.summary)
    better = any(c.verdict == "better" for c in voted)
    items = []
    for one in broken(run.summary):
        item = text(
            "kept_item",
            criterion=words.criterion(one.criterion),
            **words.in_percent(one, run.summary),
        )
        items.append(item if one.verdict == "worse" else text("kept_unproved", item=item))
    sentences = []
    if items:
        key = "kept_worse_but_votes" if better else "kept_worse"
        sentences.append(text(key, list="; ".join(items)))
    if voted and (length := _length(run)):
        sentences.append(length)
    if better and not form:
        sentences.append(text("kept_unknown"))
    return sentences


def broken(summary: Summary) -> list[Comparison]:
    """Criteria of form whose whole interval is on the worse side, and not within the margin."""
    return [c for c in of_form(summary) if c.effect.high < 0 and c.verdict != "equivalent"]


def _length(run: RowsRun) -> str:
    """How the mean length changed; empty where its interval holds 0."""
    before, after, longer = lengths(run)
    if longer is None or longer.low <= 0 <= longer.high:
        return ""
    values = {"effect": longer.mean, "low": longer.low, "high": longer.high}
    moved = {name: signed(value, 1) for name, value in values.items()}
    return text("kept_length", of_arm=f"{after:.1f}", of_against=f"{before:.1f}", **moved)


def lengths(run: RowsRun) -> tuple[float, float, Interval | None]:
    """Mean tokens of the base's answers and the tuned model's, and the difference.

    Paired by held-out prompt, whole groups drawn again; None where no such prompt was asked.
    """
    by_arm = {
        arm: {s.question_id: s for s in run.samples if (s.arm, s.held_out) == (arm, "rows")}
        for arm in (BASE, run.name)
    }
    tuned = by_arm[run.name]
    pairs = [(old, tuned[name]) for name, old in by_arm[BASE].items() if name in tuned]
    if not pairs:
        return 0.0, 0.0, None
    before, after = (sum(pair[i].completion_tokens for pair in pairs) / len(pairs) for i in (0, 1))
    longer = [float(new.completion_tokens - old.completion_tokens) for old, new in pairs]
    groups, most = [old.group for old, _ in pairs], float(run.settings.answer_tokens)
    seed, resamples = run.summary.seed, run.settings.resamples
    return before, after, stats.bca(longer, groups, (-most, most), resamples, seed)
