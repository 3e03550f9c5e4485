"""What would give a verdict where a run gave none: the line that follows its report."""

import json
from pathlib import Path

from kamerton import stats
from kamerton.app.runs import Place, place_of, read
from kamerton.experiment.finished import Finished
from kamerton.formats.jsonl import read_text
from kamerton.formats.language import label, say
from kamerton.formats.scores import Comparison
from kamerton.pipeline.folder import RECIPE


def for_a_verdict(run: Path) -> list[str]:
    """What to change, a line for each hypothesis; nothing where one of a run's gave a verdict.

    `run` is the folder of a run that compared something.
    """
    adapters = json.loads(read_text(run / RECIPE)).get("adapters") or ()
    names = [f"{run}#{adapter}" for adapter in adapters] or [str(run)]
    return [line for name in names for line in _of_adapter(place_of(name))]


def _of_adapter(place: Place) -> list[str]:
    finished = read(place)
    primary = [c for c in finished.summary.comparisons if c.family == "primary"]
    if not finished.summary.claims_verdict:
        return [_unclaimed(place, finished.summary.why_no_verdict)]
    if any(c.verdict != "not enough evidence" for c in primary):
        return []
    return list(dict.fromkeys(_for_hypothesis(finished, c) for c in primary))


def _unclaimed(place: Place, why: str) -> str:
    if why != "too_small":
        return say("app.next_leak")
    made = place.record
    if "--preset" in made.options:
        preset = made.options[made.options.index("--preset") + 1]
        return say("app.next_without_preset", path=made.recipe_file, preset=preset)
    return say("app.next_claim")


def _for_hypothesis(finished: Finished, claim: Comparison) -> str:
    """As many groups as the differences that were seen would take; else what the design tells."""
    named = {"name": label("experiment", "hypothesis", claim.name)}
    values = claim.model_dump() | named | {"points": round(100 * claim.detectable)}
    if claim.groups_needed:
        return say("app.next_groups", **values)
    ours = finished.scores(claim.criterion, claim.held_out, claim.arm)
    theirs = finished.scores(claim.criterion, claim.held_out, claim.against)
    shared = [key for key in ours if key in theirs]
    differences = [ours[key][0] - theirs[key][0] for key in shared]
    settings = finished.settings
    margin = settings.loss_margin if finished.nats else settings.margin
    groups = [ours[key][1] for key in shared]
    plan = stats.needed(differences, groups, margin, settings.alpha) if shared else None
    if plan is None or not plan.groups:
        return say("app.next_more", **values)
    return say("app.next_more_groups", **values, more=plan.groups, asked=plan.questions)
