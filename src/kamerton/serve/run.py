"""Serve one exported folder: check it, start its engines, prove the adapters, open the port."""

import signal
import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kamerton.engines.protocol import Engine
from kamerton.formats.errors import InputError
from kamerton.formats.language import say
from kamerton.formats.progress import note
from kamerton.formats.serving import BASE, ServingSpec
from kamerton.serve.fleet import arms, fleet, prove, remotes
from kamerton.serve.folder import load_spec, weights
from kamerton.serve.gateway.arms import Arms
from kamerton.serve.settings import ServeSettings

if TYPE_CHECKING:
    from fastapi import FastAPI

    from kamerton.serve.gateway.app import Gateway

Mount = Callable[["FastAPI", str, list[str]], "FastAPI"]
"""Puts pages on the gateway's app, given the base URL of its API and the model ids."""

Ready = Callable[[str], None]
"""Told the base URL once the port answers."""


def serve(
    folder: Path | None,
    settings: ServeSettings,
    mount: Mount | None = None,
    ready: Ready | None = None,
) -> None:
    """Serve `folder`, and what `settings.remote` names, until a signal ends it; blocking.

    Without a folder the models of other servers are all there is.
    `ready` is called with the base URL when the port answers.
    Raises InputError for a port in use (before anything is loaded), for files that do not have
    the hash that serving.json says, for a soft prompt without its base, and for an adaptation
    that changes nothing.
    """
    from kamerton.serve.gateway.app import Gateway
    from kamerton.serve.retrieval import Retriever

    listener = _bind(settings)
    spec = load_spec(folder) if folder else ServingSpec()
    engines: list[Engine] = [*remotes([*spec.remote, *settings.remote])]
    if folder:
        engines = [*fleet(folder, spec, settings, weights(folder, spec)), *engines]
    if len(engines) > 1:
        note(say("serve.engines", count=len(engines), engines=_titles(engines)))
    with _ended_by_sigterm(), ExitStack() as ends:
        for engine in engines:
            ends.callback(engine.stop)
            engine.start()
        prove(engines)
        for engine in engines:
            engine.watch()
        retriever = None
        if folder and spec.index:
            retriever = Retriever(folder / spec.index, settings.retrieval)
        gateway = Gateway(Arms(arms(spec, engines)), retriever, settings.passages)
        _listen(gateway, listener, mount, ready)


def _titles(engines: Sequence[Engine]) -> str:
    models = [", ".join(name or BASE for name in engine.models) for engine in engines]
    return "; ".join(
        f"{engine.title} ({names})" if names else engine.title
        for engine, names in zip(engines, models, strict=True)
    )


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
    gateway: "Gateway", listener: socket.socket, mount: Mount | None, ready: Ready | None
) -> None:
    import uvicorn

    from kamerton.serve.gateway.app import create

    host, port = listener.getsockname()[:2]
    base_url = f"http://{host}:{port}"
    app = create(gateway)
    if mount:
        app = mount(app, f"{base_url}/v1", gateway.arms.ids)
    server = _server(uvicorn, app, base_url, ready)
    note(say("serve.serving", url=base_url, models=", ".join(gateway.arms.ids)))
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
