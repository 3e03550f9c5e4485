"""Finished runs judged: by a model, by people, and by the rule of a gate."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import BaseModel

from kamerton.app.runs import Place, place_of, read
from kamerton.formats.errors import InputError
from kamerton.formats.recipe import merged, parse_set, validate
from kamerton.formats.serving import BASE
from kamerton.pipeline.folder import RECIPE

if TYPE_CHECKING:
    from kamerton.client.hosts import Mask
    from kamerton.experiment.finished import Finished
    from kamerton.experiment.gate import Gate
    from kamerton.experiment.judge.pairs import Pair
    from kamerton.experiment.judge.report import JudgeReport
    from kamerton.experiment.judge.run import Outlook
    from kamerton.experiment.judge.settings import JudgeSettings
    from kamerton.experiment.rating.sheet import Key
    from kamerton.experiment.rating.verdict import RatingReport

Tree = dict[str, Any]
Section = TypeVar("Section", bound=BaseModel)


@dataclass(frozen=True)
class Judging:
    """What a judge model is asked about one run."""

    place: Place
    finished: "Finished"
    pairs: "list[Pair]"
    settings: "JudgeSettings"
    mask: "Mask"
    """Takes personal data out of what leaves this machine."""

    def outlook(self) -> "Outlook":
        """How much would be asked and sent, and how long it would take; asks nothing."""
        from kamerton.experiment.judge.run import outlook

        return outlook(self.pairs, self.settings, self.place.out, self.mask)

    def ask(self) -> "tuple[str, JudgeReport]":
        """Why nothing is claimed, empty where something may be; and what the judge found."""
        from kamerton.experiment.finished import why_no_claim
        from kamerton.experiment.judge.run import judge_pairs
        from kamerton.experiment.rating.verdict import read_choices

        why, out = why_no_claim([self.finished]), self.place.out
        choices = read_choices(out)
        asked = (self.pairs, self.settings, out, choices, self.mask)
        return why, judge_pairs(*asked, claims=not why)


def judging(
    run: str,
    against: str,
    held_out: Sequence[str],
    count: int | None,
    given: Tree,
    sets: tuple[str, ...],
) -> Judging:
    """Pairs of answers and settings: the recipe's section `judge`, then `given`, then `sets`."""
    from kamerton.experiment.judge.settings import JudgeSettings
    from kamerton.formats.language import language_of

    place = place_of(run)
    finished = read(place)
    pairs = _pairs(finished, against, held_out, count)
    usual = {"language": language_of(pair.question for pair in pairs)}
    tree = _tree(usual | (place.recipe.get("judge") or {}) | given, sets)
    if not tree.get("base_url") or not tree.get("model"):
        raise InputError("app.judge_no_model", where="--model")
    settings = validate(tree, JudgeSettings, place.run / RECIPE, None, sets)
    return Judging(place, finished, pairs, settings, _mask(place.part))


def hand_round(
    run: str,
    folder: Path | None,
    against: str,
    criteria: Sequence[str],
    held_out: Sequence[str],
    count: int | None,
    seed: int,
) -> "tuple[Key, Path, Path]":
    """Write a sheet for people; its key, the sheet's folder, and the folder of the key."""
    from kamerton.experiment.criteria import GUIDE, JUDGED
    from kamerton.experiment.rating.sheet import hand_out

    for name in criteria:
        if name not in JUDGED:
            raise InputError("app.no_such_criterion", name=name, known=", ".join(JUDGED))
    place = place_of(run)
    finished = read(place)
    target = folder or place.out / "rating"
    pairs = _pairs(finished, against, held_out, count)
    asked = [name for name in JUDGED if name in (criteria or GUIDE)]
    return hand_out(pairs, target, place.out, seed, asked), target, place.out


def read_ratings(run: str, files: Sequence[Path]) -> "tuple[Place, str, RatingReport]":
    """Read what raters handed in: why nothing is claimed, and what they found."""
    from kamerton.experiment.finished import why_no_claim
    from kamerton.experiment.judge.decide import Rule
    from kamerton.experiment.rating.sheet import KEY
    from kamerton.experiment.rating.verdict import rate, write_choices

    place = place_of(run)
    finished = read(place)
    key, settings = place.out / KEY, finished.settings
    if not key.is_file():
        raise InputError("app.rating_no_sheet", where=str(place.out), run=run)
    why = why_no_claim([finished])
    rule = Rule(settings.alpha, settings.margin, settings.resamples, finished.seed)
    report = rate(files, key, place.out, rule, claims=not why)
    write_choices(files, key, place.out)
    return place, why, report


def gated(run: str, against: str, given: Tree, sets: tuple[str, ...]) -> "Gate":
    """Each check of the rule: the recipe's section `gate`, then `given`, then `sets`."""
    from kamerton.experiment.gate import gate
    from kamerton.experiment.settings import GateSettings

    place = place_of(run)
    tree = _tree((place.recipe.get("gate") or {}) | given, sets)
    rule = validate(tree, GateSettings, place.run / RECIPE, None, sets)
    other = place.with_arm(BASE) if against == BASE else place_of(against)
    return gate(read(place), read(other), rule)


def _tree(tree: Tree, sets: tuple[str, ...]) -> Tree:
    for text in sets:
        tree = merged(tree, parse_set(text))
    return tree


def _pairs(
    finished: "Finished", against: str, held_out: Sequence[str], count: int | None
) -> "list[Pair]":
    from kamerton.experiment.finished import chosen
    from kamerton.experiment.judge.pairs import pairs_of

    both = finished.of() + finished.of(against)
    return pairs_of(chosen(both, held_out, count, finished.seed), finished.arm, against)


def _mask(recipe: Tree) -> "Mask":
    """Takes out the kinds of personal data that are always looked for, and those of the recipe."""
    from kamerton.develop.settings.data import PrivacySettings
    from kamerton.privacy.personal import find, masked

    more = ((recipe.get("data") or {}).get("privacy") or {}).get("find") or []
    kinds = PrivacySettings(find=[*dict.fromkeys([*PrivacySettings().find, *more])]).find

    @cache
    def mask(text: str) -> str:
        return masked(text, find(text, kinds))

    return mask
