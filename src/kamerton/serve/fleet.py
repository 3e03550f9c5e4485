"""The engines of a served folder: which kind of adaptation runs where, and how wide.

LoRA adapters share the base's process. A merged model is another model, with a process of its own.
All soft prompts share one process of transformers. Slots and threads are those of the whole server,
divided among its engines: an arm is as fast while others are asked as it is alone, and memory for
slots does not grow with the number of models.
"""

from collections.abc import Callable
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import Any

from kamerton.engines import llamacpp, transformers
from kamerton.engines.process import Engine
from kamerton.formats.serving import Adapter, ServingSpec
from kamerton.serve.settings import ServeSettings


@dataclass(frozen=True)
class Member:
    """One engine, the adapters that it answers for, and how a request names them to it."""

    title: str
    engine: Engine
    adapters: tuple[str | None, ...]
    """Names of adapters; None: the base of the folder."""
    slots: int
    """Answers that it computes at the same time."""
    names: Callable[[str | None], dict[str, Any]]
    """The fields of a request that switch an adapter on, and all others off."""
    next_token: Callable[[str | None, str], dict[int, float]]
    """Log-probabilities of the likeliest next tokens of a prompt, in nats; None: its bare base."""
    has_base: bool = True
    """Whether None gives its own base: a merged model has none."""


@dataclass(frozen=True)
class Width:
    """How wide an engine of llama.cpp runs: tokens of each slot, slots, threads."""

    context: int
    slots: int
    threads: int


def fleet(folder: Path, spec: ServingSpec, settings: ServeSettings, weights: str) -> list[Member]:
    """All engines of a folder, none started yet; the first one is the base's.

    `weights` is the folder of the float base, needed where there are soft prompts only.
    """
    lora, merged, prompts = (_kind(spec, kind) for kind in ("lora", "merged", "prompt"))
    threads = shares(llamacpp.cores(settings.threads), 1 + len(merged) + bool(prompts))
    slots = shares(settings.slots, 1 + len(merged))
    widths = [Width(spec.context, *pair) for pair in zip(slots, threads, strict=False)]
    members = [_base(folder, spec.base, lora, widths[0])]
    members += [_merged(folder, *pair) for pair in zip(merged, widths[1:], strict=True)]
    if prompts:
        members.append(_prompted(folder, spec, prompts, weights, threads[-1]))
    return members


def _kind(spec: ServingSpec, kind: str) -> list[Adapter]:
    return [adapter for adapter in spec.adapters if adapter.kind == kind]


def shares(total: int, count: int) -> list[int]:
    """`total` divided among `count`, each at least 1; the first one takes what is left over.

    >>> shares(8, 3), shares(2, 3)
    ([4, 2, 2], [1, 1, 1])
    """
    each = max(1, total // count)
    return [max(1, total - each * (count - 1)), *[each] * (count - 1)]


def _base(folder: Path, file: str, lora: list[Adapter], width: Width) -> Member:
    names = tuple(adapter.name for adapter in lora)
    engine = _llamacpp(folder / file, tuple(str(folder / one.file) for one in lora), width)

    def on(adapter: str | None) -> dict[str, Any]:
        return {"lora": llamacpp.scales(adapter, names)}

    def next_token(adapter: str | None, prompt: str) -> dict[int, float]:
        return llamacpp.next_token(engine, prompt, llamacpp.scales(adapter, names))

    return Member("llama.cpp", engine, (None, *names), width.slots, on, next_token)


def _merged(folder: Path, adapter: Adapter, width: Width) -> Member:
    engine = _llamacpp(folder / adapter.file, (), width)

    def next_token(_: str | None, prompt: str) -> dict[int, float]:
        return llamacpp.next_token(engine, prompt, [])

    title, own = "llama.cpp", (adapter.name,)
    return Member(title, engine, own, width.slots, _no_adapters, next_token, has_base=False)


def _llamacpp(file: Path, adapters: tuple[str, ...], width: Width) -> Engine:
    return llamacpp.engine(llamacpp.EngineSettings(str(file), adapters, *astuple(width)))


def _no_adapters(_: str | None) -> dict[str, Any]:
    return {"lora": []}


def _prompted(
    folder: Path, spec: ServingSpec, prompts: list[Adapter], weights: str, threads: int
) -> Member:
    files = {adapter.name: str(folder / adapter.file) for adapter in prompts}
    settings = transformers.PromptSettings(weights, files, spec.template, spec.context, threads)
    engine = transformers.engine(settings)

    def next_token(adapter: str | None, prompt: str) -> dict[int, float]:
        return transformers.next_token(engine, prompt, adapter)

    # One answer at a time: the gateway's queue stands before the engine's only slot.
    return Member("transformers", engine, tuple(files), 1, _adapter, next_token)


def _adapter(name: str | None) -> dict[str, Any]:
    return {"adapter": name}
