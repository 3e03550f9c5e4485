"""The declared hypotheses of a rows comparison as the page shows them, each with its scale."""

import math

from kamerton.experiment.likelihood import CHOICE, LIKELIHOOD
from kamerton.experiment.report import plot, words
from kamerton.experiment.report.rows import words as own
from kamerton.experiment.report.rows.material import RowsMaterial, declared, of_choices
from kamerton.experiment.report.view import Claim
from kamerton.formats.language import say
from kamerton.formats.scores import Comparison


def loss_claim(material: RowsMaterial) -> tuple[Claim, plot.Scale] | None:
    """The verdict on held-out loss with its scale, in nats for each token; right is better."""
    found = next((c for c in declared(material.summary) if c.criterion == LIKELIHOOD), None)
    if found is None:
        return None
    margin, ratio = material.settings.loss_margin, own.ratio(found.effect)
    scale = plot.around_zero([found.effect], margin)
    interval = f"{ratio['low']} … {ratio['high']}" if found.groups > 1 else ""
    test = _test("loss", found, margin=margin, **_detectable(found.detectable))
    claim = _claim(found, material, test, (f"× {ratio['ratio']}", interval), (scale, margin))
    return claim, scale


def choice_claims(material: RowsMaterial) -> list[tuple[Claim, plot.Scale, str]]:
    """The verdicts on what people chose: claim, scale, and what the scale is of."""
    return [
        (_choice_claim if found.criterion == CHOICE else _pairs_claim)(found, material)
        for found in of_choices(material.summary)
    ]


def _choice_claim(found: Comparison, material: RowsMaterial) -> tuple[Claim, plot.Scale, str]:
    margin, moved = material.settings.loss_margin, found.effect
    scale = plot.around_zero([moved], margin)
    interval = f"{own.nats(moved.low)} … {own.nats(moved.high)}" if found.groups > 1 else ""
    test = _test("choices", found, margin=margin, detectable=f"{found.detectable:.3f}")
    claim = _claim(found, material, test, (own.nats(moved.mean), interval), (scale, margin))
    return claim, scale, say("experiment.choices_axis")


def _pairs_claim(found: Comparison, material: RowsMaterial) -> tuple[Claim, plot.Scale, str]:
    margin, moved = material.settings.margin, words.effect(found)
    scale = plot.differences([found.effect])
    points = {"margin": round(100 * margin), "detectable": round(100 * found.detectable)}
    shown = moved["effect"], f"{moved['low']} … {moved['high']}"
    test = _test("pairs", found, **points)
    return (
        _claim(found, material, test, shown, (scale, margin)),
        scale,
        say("experiment.pairs_axis"),
    )


def _claim(
    found: Comparison,
    material: RowsMaterial,
    test: str,
    shown: tuple[str, str],
    drawn: tuple[plot.Scale, float],
) -> Claim:
    """A declared hypothesis; `shown` is the effect with its interval, `drawn` scale and margin."""
    code = words.verdict_code(found.verdict)
    return Claim(
        title=f"{found.arm} {say('experiment.against')} {found.against}",
        code=code,
        verdict=say(f"experiment.verdict_{code}"),
        sentence=words.capital(own.figures_of(found, material.summary)) + ".",
        counts=say(f"experiment.{own.NAMES[found.criterion]}_counts", **found.model_dump()),
        test=test,
        effect=shown[0],
        interval=shown[1],
        strip=plot.strip(found.effect, *drawn),
    )


def _test(kind: str, found: Comparison, **values: object) -> str:
    """The test in words; corrected p where the family has several hypotheses."""
    return say(
        f"experiment.{kind}_test",
        p=words.p_value(found.p),
        p_holm=words.p_value(found.p_holm),
        sign=words.p_value(found.mcnemar_p),
        groups=found.groups,
        **values,
    )


def _detectable(nats: float) -> dict[str, str]:
    return {"detectable": f"{nats:.3f}", "factor": own.short(math.exp(-nats))}
