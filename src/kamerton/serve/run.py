"""Serve one exported folder: check it, start its engines, prove the adapters, open the port."""

import signal
import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kamerton.formats.errors import InputError
from kamerton.formats.language import say
from kamerton.formats.progress import note
from kamerton.formats.serving import BASE, ServingSpec
from kamerton.serve.fleet import Member, fleet
from kamerton.serve.folder import load_spec, weights
from kamerton.serve.proof import prove
from kamerton.serve.settings import ServeSettings

if TYPE_CHECKING:
    from fastapi import FastAPI

Mount = Callable[["FastAPI", str, list[str]], "FastAPI"]
"""Puts pages on the gateway's app, given the base URL of its API and the model ids."""

Ready = Callable[[str], None]
"""Told the base URL once the port answers."""

_QUEUE = 64


def serve(
    folder: Path,
    settings: ServeSettings,
    mount: Mount | None = None,
    ready: Ready | None = None,
) -> None:
    """Serve `folder` until a signal ends it; blocking.

    `ready` is called with the base URL when the port answers.
    Raises InputError for a port in use (before anything is loaded), for files that do not have
    the hash that serving.json says, for a soft prompt without its base, and for an adaptation
    that changes nothing.
    """
    listener = _bind(settings)
    spec = load_spec(folder)
    members = fleet(folder, spec, settings, weights(folder, spec))
    if len(members) > 1:
        note(say("serve.engines", count=len(members), engines=_titles(members)))
    with _ended_by_sigterm(), _running(members):
        prove(members)
        for member in members:
            member.engine.watch()
        _listen(folder, spec, settings, members, listener, mount, ready)


def _titles(members: Sequence[Member]) -> str:
    arms = [", ".join(name or BASE for name in member.adapters) for member in members]
    titles = [member.title for member in members]
    return "; ".join(f"{title} ({names})" for title, names in zip(titles, arms, strict=True))


@contextmanager
def _running(members: Sequence[Member]) -> Iterator[None]:
    """All engines started, and ended with the block, however it ends."""
    with ExitStack() as ends:
        for member in members:
            ends.callback(member.engine.stop)
            member.engine.start()
        yield


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
    folder: Path,
    spec: ServingSpec,
    settings: ServeSettings,
    members: Sequence[Member],
    listener: socket.socket,
    mount: Mount | None,
    ready: Ready | None,
) -> None:
    import uvicorn

    from kamerton.serve.gateway.app import Gateway, create
    from kamerton.serve.gateway.upstream import Upstream
    from kamerton.serve.retrieval import Retriever

    upstream = Upstream(members, _QUEUE)
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
