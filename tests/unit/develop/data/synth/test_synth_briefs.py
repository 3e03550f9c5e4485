"""Briefs: drawn by the seed, distinct, and of other products in the test than in training."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from kamerton.develop.data.synth.briefs import (
    Choices,
    briefs,
    read_choices,
    seeds_apart,
)
from kamerton.develop.settings.synth import SynthSettings
from kamerton.formats.brief import Brief
from kamerton.formats.errors import InputError


def counts(train: int, test: int, held: int = 1, share: float = 0.5) -> SynthSettings:
    return SynthSettings(
        model="m",
        products=Path("p.yaml"),
        examples=train,
        test_examples=test,
        test_products=held,
        with_beginning=share,
    )


@pytest.fixture
def choices(home: Path) -> Choices:
    return read_choices(home / "products.yaml")


def error(call: Callable[..., object], *arguments: Any) -> str:
    with pytest.raises(InputError) as caught:
        call(*arguments)
    return str(caught.value)


def test_the_seed_decides_all(choices: Choices) -> None:
    few = counts(20, 8)
    assert briefs(choices, few, 3) == briefs(choices, few, 3)
    assert briefs(choices, few, 3) != briefs(choices, few, 4)


def test_briefs_are_distinct_and_use_every_channel_and_product(choices: Choices) -> None:
    found = briefs(choices, counts(48, 16), 1)
    assert len({brief.id for brief in found}) == 64
    assert [brief.split for brief in found] == ["train"] * 48 + ["test"] * 16
    assert {brief.channel for brief in found} == {"site", "email", "social", "billboard"}
    assert len({brief.product for brief in found}) == 4


def test_more_briefs_begin_with_the_same_ones(choices: Choices) -> None:
    few, many = (briefs(choices, counts(n, m), 5) for n, m in ((10, 3), (25, 9)))
    assert many[:10] == few[:10]
    assert many[25:28] == few[10:]


@pytest.mark.parametrize("held", [1, 2, 3])
def test_products_of_the_test_are_in_no_training_brief(choices: Choices, held: int) -> None:
    found = briefs(choices, counts(12, 12, held), 2)
    sides = {s: {b.product for b in found if b.split == s} for s in ("train", "test")}
    assert len(sides["test"]) == held
    assert not sides["train"] & sides["test"]


def test_without_a_test_every_product_is_trained(choices: Choices) -> None:
    found = briefs(choices, counts(16, 0), 2)
    assert len({brief.product for brief in found}) == 4


def test_a_product_in_both_splits_is_refused(choices: Choices) -> None:
    found = briefs(choices, counts(4, 4), 1)
    seeds_apart(found)
    moved = found[0].model_copy(update={"split": "test", "product": found[0].product.upper()})
    assert found[0].product.casefold() in error(seeds_apart, [*found, moved])


def test_two_spellings_of_one_product_do_not_slip_through(choices: Choices) -> None:
    first = choices.products[0]
    twice = [first, first.model_copy(update={"name": first.name.upper()})]
    assert "training and for the test" in error(
        briefs, choices.model_copy(update={"products": twice}), counts(4, 4), 1
    )


def test_the_id_goes_by_everything_but_the_split(choices: Choices) -> None:
    (brief,) = briefs(choices, counts(1, 0), 1)
    assert brief.model_copy(update={"split": "test"}).id == brief.id
    changes = {"tone": "иной", "facts": ("иной",), "beginning": "Иное", "about": "Иное"}
    ids = {brief.model_copy(update={name: value}).id for name, value in changes.items()}
    assert len(ids | {brief.id}) == 5
    same = Brief(task="а", product="б", facts=("в",), audience="г", channel="site", tone="д")
    assert same.id == "e6b7782dfc34", "ids of earlier ledgers must stay good"


@pytest.mark.parametrize(("share", "begun"), [(0.0, 0), (1.0, 12)])
def test_the_share_of_beginnings(choices: Choices, share: float, begun: int) -> None:
    found = briefs(choices, counts(12, 0, 1, share), 1)
    assert sum(bool(brief.beginning) for brief in found) == begun
    posters = [b for b in found if b.channel == "billboard" and b.beginning]
    assert all(b.beginning == f"{b.product}." for b in posters)


def test_facts_are_some_of_the_products_in_their_order(choices: Choices) -> None:
    facts = {product.name: product.facts for product in choices.products}
    for brief in briefs(choices, counts(30, 0), 1):
        places = [facts[brief.product].index(fact) for fact in brief.facts]
        assert places == sorted(set(places))
        assert len(places) <= (2 if brief.channel == "billboard" else 5)


def test_too_few_choices_and_products_stop(choices: Choices) -> None:
    poor = choices.model_copy(update={"products": choices.products[:1], "channels": ["site"]})
    poor = poor.model_copy(update={"tones": ["один"], "tasks": ["одна"], "beginnings": {}})
    assert "are wanted" in error(briefs, poor, counts(500, 0), 1)
    assert "held out" in error(briefs, choices, counts(4, 4, 4), 1)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (("name: кран Клёст", "name: Насос  иволга"), "насос иволга"),
        (("tones:", "moods:"), "tones"),
        (("[site, email", "[radio, email"), "channels.0"),
        (('"{product}."', '"{price}."'), "{price}"),
        (('"{product}."', '"{product."'), "braces"),
        (("[точность 3 %, корпус латунный, настройка 16 бар, пломба завода]", "[]"), "s.3.facts"),
    ],
)
def test_a_fault_of_the_file_is_named(home: Path, change: tuple[str, str], expected: str) -> None:
    path = home / "products.yaml"
    text = path.read_text("utf-8")
    assert change[0] in text
    path.write_text(text.replace(*change), "utf-8")
    message = error(read_choices, path)
    assert "products.yaml" in message and expected in message
