"""A server on a real port: a function says what it answers, how late, or how it fails."""

import json
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, TypeVar


@dataclass(frozen=True)
class Asked:
    """One request."""

    number: int
    """From 1."""
    method: str
    path: str
    body: dict[str, Any]
    key: str | None
    """The whole header, `Bearer …`."""


Answer = tuple[int, bytes, dict[str, str]] | None
"""Status, content and headers; None closes the connection."""


@dataclass
class ModelServer:
    """A running server, and what it was asked."""

    answer: Callable[[Asked], Answer]
    url: str = ""
    """With /v1."""
    asked: list[Asked] = field(default_factory=list)
    now: int = 0
    most: int = 0
    """Most requests at the same time."""

    @property
    def bodies(self) -> list[dict[str, Any]]:
        return [one.body for one in self.asked]

    @property
    def keys(self) -> list[str | None]:
        return [one.key for one in self.asked]

    @property
    def paths(self) -> list[str]:
        return [f"{one.method} {one.path}" for one in self.asked]


def completion(text: Any, **message: Any) -> bytes:
    """A chat completion of a server that counts tokens."""
    choice = {"message": {"role": "assistant", "content": text} | message, "finish_reason": "stop"}
    usage = {"prompt_tokens": 7, "completion_tokens": 3}
    return json.dumps({"choices": [choice], "usage": usage}, ensure_ascii=False).encode()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that left before its answer, as after a timeout, is no fault of the server."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


@contextmanager
def model_server(answer: Callable[[Asked], Answer]) -> Iterator[ModelServer]:
    """The server runs as long as the block; `answer` may be called by several threads at once."""
    state, lock = ModelServer(answer), threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            content = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            with lock:
                body, key = json.loads(content or b"{}"), self.headers.get("Authorization")
                one = Asked(len(state.asked) + 1, self.command, self.path, body, key)
                state.asked.append(one)
                state.now += 1
                state.most = max(state.most, state.now)
            given = state.answer(one)
            with lock:  # before the reply: the client may send the next one at once
                state.now -= 1
            if given is None:
                self.close_connection = True
                self.connection.shutdown(socket.SHUT_RDWR)
                return
            status, content, headers = given
            self.send_response(status)
            for name, value in {"Content-Length": str(len(content)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_CONNECT = do_POST

        def log_message(self, format: str, *args: object) -> None:
            """Nothing: pytest shows what the tests print."""

    server = _Server(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    state.url = f"http://127.0.0.1:{server.server_address[1]}/v1"
    try:
        yield state
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)


@dataclass
class StandIn:
    """A server that is more than one function."""

    server: ModelServer = field(init=False)

    def answer(self, asked: Asked) -> Answer:
        raise NotImplementedError

    @property
    def url(self) -> str:
        return self.server.url

    @property
    def bodies(self) -> list[dict[str, Any]]:
        return self.server.bodies

    @property
    def keys(self) -> list[str | None]:
        return self.server.keys


S = TypeVar("S", bound=StandIn)


@contextmanager
def serving(state: S) -> Iterator[S]:
    """The stand-in on a free port of this machine, as long as the block."""
    with model_server(state.answer) as state.server:
        yield state
