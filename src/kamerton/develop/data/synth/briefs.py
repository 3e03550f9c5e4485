"""Briefs: what a client says about a text that he wants; drawn by the seed, products held apart.

They are drawn from a YAML file of products, tasks, channels, tones and beginnings.
"""

import random
from collections.abc import Iterator, Sequence
from pathlib import Path
from string import Formatter
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from kamerton.formats.brief import Brief, Channel
from kamerton.formats.errors import InputError
from kamerton.formats.recipe import Section, read_mapping, validate

if TYPE_CHECKING:
    from kamerton.develop.settings.synth import SynthSettings


class Product(Section):
    """One product: what is true of it, and for whom it is."""

    name: str = Field(min_length=1)
    about: str = Field(min_length=1)
    """What kind of thing it is, for the teacher; the figures stand in the facts."""
    facts: list[str] = Field(min_length=1)
    audience: str = Field(min_length=1)


class Choices(Section):
    """Everything that a brief is put together from."""

    products: list[Product] = Field(min_length=1)
    channels: list[Channel] = Field(min_length=1)
    tasks: list[str] = Field(min_length=1)
    tones: list[str] = Field(min_length=1)
    beginnings: dict[Channel, list[str]] = {}
    """First words of texts by channel; `{product}` stands for the product's name."""


def read_choices(path: Path) -> Choices:
    """The choices of a file; InputError names the product and field that is wrong."""
    choices = validate(read_mapping(path), Choices, path)
    names = [key(product.name) for product in choices.products]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise InputError("develop.synth_product_twice", where=str(path), names=", ".join(twice))
    for beginning in (text for texts in choices.beginnings.values() for text in texts):
        check_fields(beginning, {"product"}, str(path))
    return choices


def key(name: str) -> str:
    """A product's name as it is compared: without case and spare spaces.

    >>> key(" Насос  Иволга ")
    'насос иволга'
    """
    return " ".join(name.casefold().split())


def check_fields(text: str, names: set[str], where: str) -> None:
    """InputError where `str.format` could not fill `text` from the `names` names alone."""
    try:
        parts = list(Formatter().parse(text))
    except ValueError as error:
        raise InputError("develop.synth_bad_braces", where=where, why=str(error)) from error
    for _, name, form, conversion in parts:
        if name is not None and (name not in names or form or conversion):
            raise InputError(
                "develop.synth_bad_placeholder",
                where=where,
                name="{" + name + "}",
                known=", ".join(sorted(names)),
            )


Split = Literal["train", "test"]
_DRAWS = 200
"""Draws for one brief before the choices count as used up."""


def briefs(choices: Choices, settings: "SynthSettings", seed: int) -> list[Brief]:
    """Distinct briefs, those for training first; the seed decides all.

    More of them begin with the same ones: an earlier ledger stays good. Raises InputError where
    the choices are too few.
    """
    held = settings.test_products if settings.test_examples else 0
    if len(choices.products) <= held:
        has = len(choices.products)
        raise InputError("develop.synth_too_few_products", has=has, held=held)
    products = sorted(choices.products, key=lambda product: product.name)
    random.Random(f"{seed} products").shuffle(products)
    train, test = products[held:], products[:held]
    drawn = list(_drawn(train, choices, "train", settings, seed))
    drawn += _drawn(test, choices, "test", settings, seed)
    seeds_apart(drawn)
    return drawn


def seeds_apart(briefs: Sequence[Brief]) -> None:
    """InputError where a product has briefs both for training and for the test."""
    splits: dict[str, set[str]] = {}
    for brief in briefs:
        splits.setdefault(key(brief.product), set()).add(brief.split)
    shared = sorted(product for product, seen in splits.items() if len(seen) > 1)
    if shared:
        raise InputError("develop.synth_seeds_shared", products=", ".join(shared))


def _drawn(
    products: list[Product],
    choices: Choices,
    split: Split,
    settings: "SynthSettings",
    seed: int,
) -> Iterator[Brief]:
    """Briefs of one split; products and channels come in turn, the rest is drawn."""
    wanted = settings.examples if split == "train" else settings.test_examples
    rng = random.Random(f"{seed} {split}")
    pairs = [(product, channel) for product in products for channel in choices.channels]
    rng.shuffle(pairs)
    seen: set[str] = set()
    for number in range(wanted):
        product, channel = pairs[number % len(pairs)]
        draws = (_draw(product, channel, choices, split, settings, rng) for _ in range(_DRAWS))
        brief = next((one for one in draws if one.id not in seen), None)
        if brief is None:
            raise InputError("develop.synth_too_few_choices", has=number, wanted=wanted)
        seen.add(brief.id)
        yield brief


def _draw(
    product: Product,
    channel: Channel,
    choices: Choices,
    split: Split,
    settings: "SynthSettings",
    rng: random.Random,
) -> Brief:
    beginnings = choices.beginnings.get(channel, [])
    begun = rng.random() < settings.with_beginning and beginnings
    beginning = rng.choice(beginnings).format(product=product.name) if begun else ""
    task = rng.choice(choices.tasks)
    # A few of the facts in their own order; a poster has room for one or two.
    count = min(len(product.facts), rng.randint(*((1, 2) if channel == "billboard" else (3, 5))))
    places = sorted(rng.sample(range(len(product.facts)), count))
    return Brief(
        beginning=beginning,
        task=task,
        product=product.name,
        facts=tuple(product.facts[i] for i in places),
        audience=product.audience,
        channel=channel,
        tone=rng.choice(choices.tones),
        about=product.about,
        split=split,
    )
