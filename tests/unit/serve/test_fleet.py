"""Which engine an adaptation gets, what slots and threads, and the proof that it acts."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from kamerton.engines.process import Engine
from kamerton.formats.errors import InputError
from kamerton.formats.serving import Adapter, Kind, ServingSpec
from kamerton.serve.fleet import Member, fleet, shares
from kamerton.serve.proof import change, prove
from kamerton.serve.settings import ServeSettings

FOLDER = Path("/spec")


def adapter(name: str, kind: Kind) -> Adapter:
    return Adapter(name=name, file=f"{name}.x", sha256="", kind=kind)


SPEC = ServingSpec(
    base="base.gguf",
    base_name="b",
    base_sha256="",
    adapters=[
        adapter("soft", "prompt"),
        adapter("dora", "merged"),
        adapter("museum", "lora"),
        adapter("softer", "prompt"),
        adapter("desk", "lora"),
        adapter("full", "merged"),
    ],
    context=700,
)


def settings_of(member: Member) -> dict[str, Any]:
    return member.engine._settings


def test_each_kind_has_its_engine() -> None:
    members = fleet(FOLDER, SPEC, ServeSettings(slots=8, threads=9), "/float")
    assert [member.adapters for member in members] == [
        (None, "museum", "desk"),
        ("dora",),
        ("full",),
        ("soft", "softer"),
    ]
    base, dora, full, soft = map(settings_of, members)
    assert base["base"] == "/spec/base.gguf"
    assert base["adapters"] == ("/spec/museum.x", "/spec/desk.x")
    assert (dora["base"], full["base"]) == ("/spec/dora.x", "/spec/full.x")
    assert dora["adapters"] == full["adapters"] == ()
    assert soft["weights"] == "/float"
    assert soft["adapters"] == {"soft": "/spec/soft.x", "softer": "/spec/softer.x"}
    assert {one["context"] for one in (base, dora, full, soft)} == {700}


def test_slots_and_threads_are_divided() -> None:
    members = fleet(FOLDER, SPEC, ServeSettings(slots=8, threads=9), "/float")
    assert [member.slots for member in members] == [4, 2, 2, 1]
    assert [settings_of(member)["slots"] for member in members[:3]] == [4, 2, 2]
    assert [settings_of(member)["threads"] for member in members] == [3, 2, 2, 2]
    narrow = fleet(FOLDER, SPEC, ServeSettings(slots=1, threads=2), "/float")
    assert {member.slots for member in narrow} == {1}
    assert {settings_of(member)["threads"] for member in narrow} == {1}


def test_a_single_engine_has_everything() -> None:
    spec = SPEC.model_copy(update={"adapters": [adapter("museum", "lora")]})
    (only,) = fleet(FOLDER, spec, ServeSettings(slots=8, threads=9), "")
    assert only.slots == 8 and settings_of(only)["threads"] == 9


@pytest.mark.parametrize(("total", "count"), [(8, 3), (1, 1), (2, 5), (7, 7), (10, 4)])
def test_shares_are_whole_and_none_is_empty(total: int, count: int) -> None:
    found = shares(total, count)
    assert len(found) == count and min(found) >= 1
    assert sum(found) == max(total, count)


def test_requests_name_the_adapter_and_switch_all_others_off() -> None:
    base, dora, _, soft = fleet(FOLDER, SPEC, ServeSettings(), "/float")
    assert base.names(None) == {"lora": [{"id": 0, "scale": 0.0}, {"id": 1, "scale": 0.0}]}
    assert base.names("desk") == {"lora": [{"id": 0, "scale": 0.0}, {"id": 1, "scale": 1.0}]}
    assert dora.names("dora") == {"lora": []}
    assert soft.names("softer") == {"adapter": "softer"}


def member(
    adapters: tuple[str | None, ...],
    says: Callable[[str | None], dict[int, float]],
    has_base: bool = True,
) -> Member:
    def next_token(name: str | None, _: str) -> dict[int, float]:
        return says(name)

    engine = Engine("nothing", {}, "")
    return Member("fake", engine, adapters, 1, lambda _: {}, next_token, has_base)


PLAIN = {1: -0.1, 2: -3.0}


def test_adaptations_that_act_pass() -> None:
    prove(
        [
            member((None, "museum"), lambda name: {1: -0.5} if name else PLAIN),
            member(("dora",), lambda _: {1: -0.2, 2: -2.0}, has_base=False),
            member(("soft",), lambda name: {5: -0.1} if name else {5: -0.2}),
        ]
    )


def test_a_small_change_counts_and_one_that_repeats_by_itself_does_not() -> None:
    faint = {None: {1: -0.1}, "museum": {1: -0.1004}}
    prove([member((None, "museum"), faint.__getitem__)])
    shaky = iter([{1: -0.1}, {1: -0.101}, {1: -0.1004}])
    with pytest.raises(InputError) as caught:
        prove([member((None, "museum"), lambda _: next(shaky))])
    assert caught.value.key == "serve.adapter_inert" and caught.value.where == "museum"


@pytest.mark.parametrize("inert", ["museum", "dora", "soft"])
def test_one_that_changes_nothing_is_named(inert: str) -> None:
    def says(own: str, plain: dict[int, float]) -> Callable[[str | None], dict[int, float]]:
        return lambda name: plain if name is None or own == inert else {1: -9.0}

    members = [
        member((None, "museum"), says("museum", PLAIN)),
        member(("dora",), says("dora", PLAIN), has_base=False),
        member(("soft",), says("soft", {5: -0.2})),
    ]
    with pytest.raises(InputError) as caught:
        prove(members)
    assert caught.value.key == "serve.adapter_inert" and caught.value.where == inert


def test_a_change_is_the_largest_one_and_a_lost_token_is_one() -> None:
    assert change(PLAIN, {1: -0.1, 2: -3.5}) == 0.5
    assert change(PLAIN, PLAIN) == 0.0
    assert change(PLAIN, {1: -0.1}) > 20
