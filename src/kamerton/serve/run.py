"""Serve one exported folder: check it, start the engine, prove the adapters, open the port."""

import json
import signal
import socket
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kamerton.formats.errors import InputError
from kamerton.formats.jsonl import read_text
from kamerton.formats.language import say
from kamerton.formats.manifest import sha256
from kamerton.formats.serving import FILE, ServingSpec
from kamerton.serve.engines.llamacpp import Engine, EngineSettings, cores, scales
from kamerton.serve.settings import ServeSettings
from kamerton.terminal import note

if TYPE_CHECKING:
    from fastapi import FastAPI

Mount = Callable[["FastAPI", str, list[str]], "FastAPI"]
"""Puts pages on the gateway's app, given the base URL of its API and the model ids."""

Ready = Callable[[str], None]
"""Told the base URL once the port answers."""

_QUEUE = 64
_ACTS = 1e-3
"""Least change of the next token's log-probability that counts as acting, in nats."""


def serve(
    folder: Path,
    settings: ServeSettings,
    mount: Mount | None = None,
    ready: Ready | None = None,
) -> None:
    """Serve `folder` until a signal ends it; blocking.

    `ready` is called with the base URL when the port answers.
    Raises InputError for a port in use (before anything is loaded), for files that do not have
    the hash that serving.json says, and for an adapter that changes nothing.
    """
    listener = _bind(settings)
    spec = load_spec(folder)
    engine = Engine(_engine_settings(folder, spec, settings))
    with _ended_by_sigterm():
        try:
            engine.start()
            prove_adapters(engine, spec)
            engine.watch()
            _listen(folder, spec, settings, engine, listener, mount, ready)
        finally:
            engine.stop()


@contextmanager
def _ended_by_sigterm() -> Iterator[None]:
    """SIGTERM, as service managers send it, ends the block and the process in order, with 0."""

    def leave(*_: object) -> None:
        raise SystemExit(0)

    before = signal.signal(signal.SIGTERM, leave)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def load_spec(folder: Path) -> ServingSpec:
    """serving.json of a folder, with the hashes of the files it names checked."""
    spec = ServingSpec.model_validate_json(read_text(folder / FILE))
    files = [(spec.base, spec.base_sha256), *((a.file, a.sha256) for a in spec.adapters)]
    for name, expected in files:
        path = folder / name
        if not path.is_file() or sha256(path) != expected:
            raise InputError("serve.corrupt", where=str(path))
    return spec


def prove_adapters(engine: Engine, spec: ServingSpec) -> None:
    """Every adapter must change what the base says next; one that does not is not served."""
    names = tuple(adapter.name for adapter in spec.adapters)
    plain = _next_token(engine, scales(None, names))
    for name in names:
        adapted = _next_token(engine, scales(name, names))
        change = max(abs(adapted.get(t, -30.0) - p) for t, p in plain.items())
        if change < _ACTS:
            raise InputError("serve.adapter_inert", where=name)


def _next_token(engine: Engine, lora: list[dict[str, float]]) -> dict[int, float]:
    body = {"prompt": "What is this?", "n_predict": 1, "n_probs": 10, "temperature": 0.0}
    body |= {"cache_prompt": False, "ignore_eos": True, "lora": lora}
    data = json.dumps(body).encode()
    headers = {"Content-Type": "application/json", **engine.headers}
    request = urllib.request.Request(engine.address + "/completion", data, headers)
    with urllib.request.urlopen(request, timeout=60) as answer:
        first = json.load(answer)["completion_probabilities"][0]
    return {int(t["id"]): float(t["logprob"]) for t in first["top_logprobs"]}


def _engine_settings(folder: Path, spec: ServingSpec, settings: ServeSettings) -> EngineSettings:
    return EngineSettings(
        base=str(folder / spec.base),
        adapters=tuple(str(folder / adapter.file) for adapter in spec.adapters),
        context=spec.context,
        slots=settings.slots,
        threads=cores(settings.threads),
    )


def _bind(settings: ServeSettings) -> socket.socket:
    """The listening socket, taken first: a port in use is told within a moment."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((settings.host, settings.port))
        listener.listen(128)
    except OSError as error:
        listener.close()
        where = f"{settings.host}:{settings.port}"
        raise InputError("serve.port_in_use", where=where, why=error.strerror) from error
    return listener


def _listen(
    folder: Path,
    spec: ServingSpec,
    settings: ServeSettings,
    engine: Engine,
    listener: socket.socket,
    mount: Mount | None,
    ready: Ready | None,
) -> None:
    import uvicorn

    from kamerton.serve.gateway.app import Gateway, create
    from kamerton.serve.gateway.slots import Slots
    from kamerton.serve.gateway.upstream import Upstream
    from kamerton.serve.retrieval import Retriever

    names = tuple(adapter.name for adapter in spec.adapters)
    upstream = Upstream(engine, names, Slots(settings.slots, _QUEUE))
    retriever = Retriever(folder / spec.index, settings.retrieval) if spec.index else None
    gateway = Gateway(spec, upstream, retriever, settings.passages)
    host, port = listener.getsockname()[:2]
    base_url = f"http://{host}:{port}"
    app = create(gateway, upstream)
    if mount:
        app = mount(app, f"{base_url}/v1", list(gateway.arms))
    server = _server(uvicorn, app, base_url, ready)
    note(say("serve.serving", url=base_url, models=", ".join(gateway.arms)))
    server.run(sockets=[listener])


def _server(uvicorn: Any, app: "FastAPI", base_url: str, ready: Ready | None) -> Any:
    class Server(uvicorn.Server):  # type: ignore[misc]
        """Tells that it is ready once its sockets answer."""

        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets)
            if ready and self.started:
                ready(base_url)

    config = uvicorn.Config(app, log_level="warning", timeout_graceful_shutdown=3)
    return Server(config)
