"""Which engine an adaptation gets, what slots and threads, and the proof that it acts."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, cast

import pytest

from fake_engine import FakeEngine
from kamerton.engines.llamacpp.engine import LlamaCpp, scales
from kamerton.engines.protocol import Capabilities, Engine
from kamerton.engines.transformers.engine import Transformers
from kamerton.formats.errors import InputError
from kamerton.formats.serving import Adapter, Kind, RemoteServer, ServingSpec
from kamerton.serve.fleet import arms, change, fleet, prove, remotes, shares
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


def engines(settings: ServeSettings, spec: ServingSpec = SPEC) -> list[LlamaCpp]:
    """All but the one of soft prompts, which has other settings."""
    return [one for one in fleet(FOLDER, spec, settings, "/float") if isinstance(one, LlamaCpp)]


def test_each_kind_has_its_engine() -> None:
    everything = fleet(FOLDER, SPEC, ServeSettings(slots=8, threads=9), "/float")
    assert [engine.models for engine in everything] == [
        (None, "museum", "desk"),
        ("dora",),
        ("full",),
        ("soft", "softer"),
    ]
    base, dora, full = (cast(LlamaCpp, one).settings for one in everything[:3])
    soft = cast(Transformers, everything[3]).settings
    assert base.model == "/spec/base.gguf"
    assert base.adapters == {"museum": "/spec/museum.x", "desk": "/spec/desk.x"}
    assert (dora.model, full.model) == ("/spec/dora.x", "/spec/full.x")
    assert dora.adapters == full.adapters == {}
    assert soft.weights == "/float"
    assert soft.adapters == {"soft": "/spec/soft.x", "softer": "/spec/softer.x"}
    assert {one.context for one in (base, dora, full, soft)} == {700}


def test_slots_and_threads_are_divided() -> None:
    wide = [one.settings for one in engines(ServeSettings(slots=8, threads=9))]
    assert [one.slots for one in wide] == [4, 2, 2]
    assert [one.threads for one in wide] == [3, 2, 2]
    narrow = [one.settings for one in engines(ServeSettings(slots=1, threads=2))]
    assert {(one.slots, one.threads) for one in narrow} == {(1, 1)}


def test_a_single_engine_has_everything() -> None:
    spec = SPEC.model_copy(update={"adapters": [adapter("museum", "lora")]})
    (only,) = engines(ServeSettings(slots=8, threads=9), spec)
    assert only.settings.slots == 8 and only.settings.threads == 9


@pytest.mark.parametrize(("total", "count"), [(8, 3), (1, 1), (2, 5), (7, 7), (10, 4)])
def test_shares_are_whole_and_none_is_empty(total: int, count: int) -> None:
    parts = shares(total, count)
    assert len(parts) == count and min(parts) >= 1
    assert sum(parts) == max(total, count)


def test_requests_name_the_adapter_and_switch_all_others_off() -> None:
    names = ("museum", "desk")
    assert scales(None, names) == [{"id": 0, "scale": 0.0}, {"id": 1, "scale": 0.0}]
    assert scales("desk", names) == [{"id": 0, "scale": 0.0}, {"id": 1, "scale": 1.0}]
    assert scales("dora", ()) == []


@pytest.mark.parametrize("index", [None, "index"])
def test_model_ids(index: str | None) -> None:
    spec = SPEC.model_copy(update={"index": index, "system": "s", "systems": {"desk": "d"}})
    offered = {arm.id: arm for arm in arms(spec, fleet(FOLDER, spec, ServeSettings(), "/float"))}
    plain = ["base", "soft", "dora", "museum", "softer", "desk", "full"]
    assert list(offered) == plain + [f"{name}+rag" for name in plain if index]
    assert offered["base"].model is None and offered["base"].system == "s"
    assert offered["desk"].model == "desk" and offered["desk"].system == "d"
    if index:
        twin = offered["museum+rag"]
        assert (twin.model, twin.engine, twin.retrieval) == ("museum", offered["base"].engine, True)


def remote(base_url: str = "http://127.0.0.1:11434/v1", **more: Any) -> RemoteServer:
    return RemoteServer(base_url=base_url, models={"small": "qwen3:0.6b"}, **more)


def test_models_of_other_servers_stand_beside_ours_with_retrieval_too() -> None:
    spec = SPEC.model_copy(update={"adapters": [], "index": "index", "system": "s"})
    everything = [*fleet(FOLDER, spec, ServeSettings(), ""), *remotes([remote()])]
    offered = {arm.id: arm for arm in arms(spec, everything)}
    assert list(offered) == ["base", "small", "base+rag", "small+rag"]
    assert (offered["small"].model, offered["small"].system) == ("small", "s")


def test_other_servers_may_be_all_there_is() -> None:
    assert fleet(FOLDER, ServingSpec(remote=[remote()]), ServeSettings(), "") == []
    assert [arm.id for arm in arms(ServingSpec(), remotes([remote()]))] == ["small"]


def test_one_model_id_has_one_meaning() -> None:
    clash = remote().model_copy(update={"models": {"museum": "x"}})
    with pytest.raises(InputError) as caught:
        arms(SPEC, [*fleet(FOLDER, SPEC, ServeSettings(), "/float"), *remotes([clash])])
    assert caught.value.key == "serve.id_taken" and "'museum'" in str(caught.value)


def test_chats_leave_this_machine_where_that_is_allowed(capsys: pytest.CaptureFixture[str]) -> None:
    outside = "https://api.example.com/v1"
    with pytest.raises(InputError) as caught:
        remotes([remote(outside)])
    assert caught.value.key == "client.outside_host"
    for allowed in ({"leaves_machine": True}, {"trusted_hosts": ["api.example.com"]}):
        remotes([remote(outside, **allowed)])
        assert outside in capsys.readouterr().err
    remotes([remote()])
    assert capsys.readouterr().err == ""


def engine(
    models: tuple[str | None, ...],
    says: Callable[[str | None], Mapping[int, float]],
    bare_base: bool = True,
) -> Engine:
    return FakeEngine(models, Capabilities(adapters=True, bare_base=bare_base), next_tokens=says)


PLAIN = {1: -0.1, 2: -3.0}


def test_adaptations_that_act_pass() -> None:
    prove(
        [
            engine((None, "museum"), lambda name: {1: -0.5} if name else PLAIN),
            engine(("dora",), lambda _: {1: -0.2, 2: -2.0}, bare_base=False),
            engine(("soft",), lambda name: {5: -0.1} if name else {5: -0.2}),
            FakeEngine(("other server",)),
        ]
    )


def test_a_small_change_counts_and_one_that_repeats_by_itself_does_not() -> None:
    faint = {None: {1: -0.1}, "museum": {1: -0.1004}}
    prove([engine((None, "museum"), faint.__getitem__)])
    shaky = iter([{1: -0.1}, {1: -0.101}, {1: -0.1004}])
    with pytest.raises(InputError) as caught:
        prove([engine((None, "museum"), lambda _: next(shaky))])
    assert caught.value.key == "serve.adapter_inert" and caught.value.where == "museum"


@pytest.mark.parametrize("inert", ["museum", "dora", "soft"])
def test_one_that_changes_nothing_is_named(inert: str) -> None:
    def says(own: str, plain: dict[int, float]) -> Callable[[str | None], dict[int, float]]:
        return lambda name: plain if name is None or own == inert else {1: -9.0}

    members = [
        engine((None, "museum"), says("museum", PLAIN)),
        engine(("dora",), says("dora", PLAIN), bare_base=False),
        engine(("soft",), says("soft", {5: -0.2})),
    ]
    with pytest.raises(InputError) as caught:
        prove(members)
    assert caught.value.key == "serve.adapter_inert" and caught.value.where == inert


def test_a_change_is_the_largest_one_and_a_lost_token_is_one() -> None:
    assert change(PLAIN, {1: -0.1, 2: -3.5}) == 0.5
    assert change(PLAIN, PLAIN) == 0.0
    assert change(PLAIN, {1: -0.1}) > 20
