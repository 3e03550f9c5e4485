"""Settings in their ranges, and the shipped recipe's products, shots and requests."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from kamerton.develop.data.synth import filters
from kamerton.develop.data.synth import plan as prompts
from kamerton.develop.data.synth.briefs import briefs, read_choices
from kamerton.develop.data.synth.plan import plan, sources
from kamerton.develop.settings.synth import LengthSettings, SynthSettings

Make = Callable[..., SynthSettings]
KEY = "sk-very-secret-key-0123456789"
RECIPE = Path(__file__).parents[5] / "recipes" / "marketing"


def test_a_key_itself_is_no_name_of_a_variable(settings: Make) -> None:
    with pytest.raises(ValueError, match="api_key_env"):
        settings(api_key_env=KEY)


@pytest.mark.parametrize(
    "change",
    [
        {"concurrency": 0},
        {"retries": -1},
        {"budget_tokens": 0},
        {"budget_cost": 0},
        {"price_prompt": -1},
        {"semantic": 0},
        {"near": 1.1},
        {"examples": 0},
        {"lengths": {"site": (9, 1)}},
        {"lengths": {"radio": (1, 9)}},
        {"language": "de"},
        {"api_key": KEY},
    ],
)
def test_settings_out_of_range_are_refused(settings: Make, change: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=next(iter(change))):
        settings(**change)


def test_the_settings_know_the_channels(settings: Make) -> None:
    assert set(settings().lengths.model_dump()) == set(prompts.channel_words("ru"))


def shipped(settings: Make) -> SynthSettings:
    files = {"products": "products.ru.yaml", "shots": "examples.ru.yaml"}
    counts = {"examples": 300, "test_examples": 60, "test_products": 4}
    return settings(**files, **counts, lengths=LengthSettings())


def test_the_shipped_recipe_is_sound(settings: Make) -> None:
    own = shipped(settings)
    requests = plan(own, RECIPE, 7)
    assert len(requests) == 360 and all(path.is_file() for path in sources(own, RECIPE))
    choices = read_choices(RECIPE / "products.ru.yaml")
    assert len(choices.products) >= 12
    for product in choices.products:
        assert 5 <= len(product.facts) <= 8, product.name
        assert sum(any(map(str.isdigit, fact)) for fact in product.facts) >= 3, product.name
        assert not any(map(str.isdigit, product.about)), "figures belong to the facts"


def test_the_shipped_shots_pass_the_filters(settings: Make, far_apart: None) -> None:
    own = shipped(settings)
    drawn = briefs(read_choices(RECIPE / "products.ru.yaml"), own, 1)
    shots = prompts.read_shots(RECIPE / "examples.ru.yaml", drawn)
    assert {shot.brief.channel for shot in shots} == {"site", "email", "social", "billboard"}
    examples = [filters.Example(str(i), s.brief, s.text) for i, s in enumerate(shots)]
    assert set(filters.judge(examples, own).values()) == {""}


def test_the_shipped_requests_are_thirty_of_other_kinds() -> None:
    lines = (RECIPE / "requests.ru.jsonl").read_text("utf-8").splitlines()
    rows = [json.loads(line) for line in lines]
    assert len({row["question"] for row in rows}) == len({row["id"] for row in rows}) == 30
    assert len({row["kind"] for row in rows}) >= 20
    names = [p.name for p in read_choices(RECIPE / "products.ru.yaml").products]
    assert not any(name in row["question"] for row in rows for name in names)
