"""The engines of a served folder: what runs where, how wide, and the proof that it acts.

LoRA adapters share the base's process. A merged model is another model, with a process of its own.
All soft prompts share one process of transformers. Slots and threads are those of the whole server,
divided among its engines: an arm is as fast while others are asked as it is alone, and memory for
slots does not grow with the number of models.
"""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from kamerton.client.hosts import check_host, is_local
from kamerton.engines.llamacpp.engine import LlamaCpp, LlamaCppSettings
from kamerton.engines.protocol import Engine
from kamerton.engines.remote import Remote, RemoteSettings
from kamerton.engines.transformers.engine import SoftPromptSettings, Transformers
from kamerton.formats.errors import InputError
from kamerton.formats.language import say
from kamerton.formats.progress import note
from kamerton.formats.serving import BASE, RAG, RemoteServer, ServingSpec
from kamerton.serve.gateway.arms import Arm
from kamerton.serve.settings import ServeSettings

_ROUNDING = 1e-5
"""Nats by which float32 moves a log-probability where the same is computed in another order: at
another length, or in another process. A smaller change is none."""
_UNLIKELY = -30.0
"""Log-probability, in nats, of a token that is not among the likeliest."""
_PROMPT = "What is this?"


def fleet(folder: Path, spec: ServingSpec, settings: ServeSettings, weights: str) -> list[Engine]:
    """The engines that run here, none started yet; the first one is the base's.

    `weights` is the folder of the float base, needed where there are soft prompts only.
    """
    if not spec.base:
        return []
    lora, merged, prompts = (
        {one.name: str(folder / one.file) for one in spec.adapters if one.kind == kind}
        for kind in ("lora", "merged", "prompt")
    )
    cores = settings.threads or os.cpu_count() or 1
    threads = shares(cores, 1 + len(merged) + bool(prompts))
    slots = shares(settings.slots, 1 + len(merged))
    base = str(folder / spec.base)
    engines: list[Engine] = [
        LlamaCpp(LlamaCppSettings(base, lora, spec.context, slots[0], threads[0]))
    ]
    for (name, file), count, cpus in zip(merged.items(), slots[1:], threads[1:], strict=False):
        engines.append(LlamaCpp(LlamaCppSettings(file, {}, spec.context, count, cpus, name)))
    if prompts:
        soft = SoftPromptSettings(weights, prompts, spec.template, spec.context, threads[-1])
        engines.append(Transformers(soft))
    return engines


def remotes(servers: Sequence[RemoteServer]) -> list[Remote]:
    """The engines that run elsewhere, not asked yet.

    InputError for a server that is neither this machine nor trusted, unless any is allowed.
    """
    for server in servers:
        check_host(server.base_url, server.trusted_hosts, server.leaves_machine)
        if not is_local(server.base_url):
            note(say("serve.chats_leave", url=server.base_url))
    return [
        Remote(RemoteSettings(server.base_url, server.models, server.api_key_env))
        for server in servers
    ]


def shares(total: int, count: int) -> list[int]:
    """`total` divided among `count`, each at least 1; the first one takes what is left over.

    >>> shares(8, 3), shares(2, 3)
    ([4, 2, 2], [1, 1, 1])
    """
    each = max(1, total // count)
    return [max(1, total - each * (count - 1)), *[each] * (count - 1)]


def arms(spec: ServingSpec, engines: Sequence[Engine]) -> list[Arm]:
    """All model ids: base, adaptations, other servers' models; with retrieval where an index is.

    Those of the folder stand in its order. InputError where two have one id.
    """
    owners = {model: engine for engine in engines for model in engine.models}
    here: list[str | None] = [None, *(one.name for one in spec.adapters)] if spec.base else []
    elsewhere = [
        model for engine in engines if isinstance(engine, Remote) for model in engine.models
    ]
    taken = {name or BASE for name in here}
    for name in filter(None, elsewhere):
        if name in taken or name.endswith(RAG) or name == BASE:
            raise InputError("serve.id_taken", where="serve.remote", name=name)
        taken.add(name)
    plain = [
        Arm(name or BASE, owners[name], name, False, spec.systems.get(name or "", spec.system))
        for name in here + elsewhere
    ]
    if not spec.index:
        return plain
    return plain + [Arm(arm.id + RAG, arm.engine, arm.model, True, arm.system) for arm in plain]


def prove(engines: Sequence[Engine]) -> None:
    """Every adaptation must change what its base says next; one that does not is not served.

    LoRA adapters and soft prompts are compared with their own engine without them, a merged model
    with the first engine's base; the change must be more than an engine makes when it is asked
    the same again. Raises InputError with the name of the one that is inert.
    """
    for engine in engines:
        if not engine.capabilities.adapters:
            continue
        reference = engine if engine.capabilities.bare_base else engines[0]
        plain, again = (reference.next_token(None, _PROMPT) for _ in range(2))
        nothing = max(_ROUNDING, change(plain, again))
        for name in filter(None, engine.models):
            if not change(plain, engine.next_token(name, _PROMPT)) > nothing:
                raise InputError("serve.adapter_inert", where=name)


def change(plain: Mapping[int, float], adapted: Mapping[int, float]) -> float:
    """Largest change of a likely token's log-probability, in nats."""
    return max(abs(adapted.get(token, _UNLIKELY) - value) for token, value in plain.items())
