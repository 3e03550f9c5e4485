"""A proxy that notes what reaches it, and a server on this machine that must not be asked by it."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

VARIABLES = ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy")


@dataclass
class Recorded:
    """Two listeners of this machine."""

    url: str = ""
    """Address of the server, without /v1."""
    served: list[str] = field(default_factory=list)
    """Requests that came to the server itself."""
    proxied: list[str] = field(default_factory=list)
    """Requests that came to the proxy."""


@contextmanager
def proxied(reply: object, monkeypatch: pytest.MonkeyPatch) -> Iterator[Recorded]:
    """The server and the proxy answer everything with `reply`; the environment names the proxy."""
    state = Recorded()
    with _noting(state.served, reply) as state.url, _noting(state.proxied, reply) as proxy:
        for name in VARIABLES:
            monkeypatch.setenv(name, proxy)
        for name in ("NO_PROXY", "no_proxy"):
            monkeypatch.delenv(name, raising=False)
        yield state


@contextmanager
def _noting(seen: list[str], reply: object) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            seen.append(f"{self.command} {self.path}")
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            content = json.dumps(reply).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_POST = do_CONNECT = do_GET

        def log_message(self, format: str, *args: object) -> None:
            """Nothing: pytest shows what the tests print."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()
    thread.join(5)
