"""The blind sheet: which pairs are shown, in what order, on which side; and its key."""

import random
from collections.abc import Sequence
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from kamerton.experiment.judge.pairs import Pair, distinct
from kamerton.experiment.judge.settings import CRITERIA
from kamerton.experiment.settings import Criterion
from kamerton.formats.errors import InputError
from kamerton.formats.manifest import digest

Side = Literal["left", "right"]


class Item(BaseModel):
    """One pair as a rater sees it: nothing tells whose answer is whose."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    id: str
    question: str
    reference: str = ""
    left: str
    right: str


class Sheet(BaseModel):
    """Everything that raters get."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    id: str
    """Twelve hex digits over the items: ratings are matched with their key by it."""
    criteria: tuple[Criterion, ...]
    items: tuple[Item, ...]


class Secret(BaseModel):
    """What an item is; raters never get this."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    pair: str
    group: str
    tuned: Side
    """Where the tuned answer stands."""


class Key(BaseModel):
    """The key file: item id to what it is."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    sheet: str
    seed: int
    criteria: tuple[Criterion, ...] = Field(min_length=1)
    items: dict[str, Secret]
    identical: dict[str, str] = {}
    """Pairs with equal answers, which are ties and shown to nobody: pair id to group."""


def blind(
    pairs: Sequence[Pair], seed: int = 0, criteria: Sequence[Criterion] = CRITERIA
) -> tuple[Sheet, Key]:
    """A sheet and its key; the same pairs and seed give the same.

    The order is random, and the tuned answer stands on the left in half of the items (one more or
    less where their number is odd), so that a rater who always says "left" says nothing.
    InputError where two pairs have one id, or all answers are equal.
    """
    distinct(pairs)
    shown = sorted((p for p in pairs if not p.identical), key=lambda pair: pair.id)
    if not shown:
        raise InputError("experiment.rating_nothing")
    rng = random.Random(f"{seed} rating")
    rng.shuffle(shown)
    sides: list[Side] = ["left", "right"] * (len(shown) // 2 + 1)
    sides = sides[rng.randrange(2) :][: len(shown)]
    rng.shuffle(sides)
    items = [_item(pair, side, seed) for pair, side in zip(shown, sides, strict=True)]
    said = digest(*(item.model_dump_json() for item in items), *criteria)
    sheet = Sheet(id=said, criteria=tuple(criteria), items=tuple(items))
    return sheet, _key(sheet, shown, sides, pairs, seed)


def _item(pair: Pair, side: Side, seed: int) -> Item:
    left, right = (pair.tuned, pair.base) if side == "left" else (pair.base, pair.tuned)
    # The side is no part of the id, and the pair's own id (which may name an exhibit) is hidden.
    name = f"q{digest(str(seed), pair.id, pair.question)[:8]}"
    return Item(id=name, question=pair.question, reference=pair.reference, left=left, right=right)


def _key(
    sheet: Sheet, shown: Sequence[Pair], sides: Sequence[Side], pairs: Sequence[Pair], seed: int
) -> Key:
    secrets = {
        item.id: Secret(pair=pair.id, group=pair.unit, tuned=side)
        for item, pair, side in zip(sheet.items, shown, sides, strict=True)
    }
    return Key(
        sheet=sheet.id,
        seed=seed,
        criteria=sheet.criteria,
        items=secrets,
        identical={pair.id: pair.unit for pair in pairs if pair.identical},
    )
