"""A server of embeddings of a few lines: texts with common words are alike; fails as it is told."""

import json
import random
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Fault = int | bytes
"""A status to answer with, or the whole body of a reply."""


def vector(text: str, model: str, size: int) -> list[float]:
    """The sum of one random vector for each word; another model has other ones."""
    seeds = [f"{model} {word.strip('?.,')}" for word in text.casefold().split()]
    rows = [[random.Random(f"{seed} {i}").gauss(0, 3) for i in range(size)] for seed in seeds]
    return [sum(column) for column in zip(*rows, strict=True)] or [0.0] * size


@dataclass
class FakeEmbeddings:
    """The server's state; `faults` decides by the number of the request, from 1."""

    url: str = ""
    size: int = 24
    serves: str = ""
    """The model that answers whatever a request names, as small servers do; else the named one."""
    faults: Callable[[int], Fault | None] = lambda number: None
    bodies: list[dict[str, Any]] = field(default_factory=list)
    keys: list[str | None] = field(default_factory=list)

    def reply(self, body: dict[str, Any]) -> bytes:
        """The vectors, the last one first: clients must go by `index`."""
        model = self.serves or body["model"]
        rows = [
            {"object": "embedding", "index": i, "embedding": vector(text, model, self.size)}
            for i, text in enumerate(body["input"])
        ]
        whole = {"object": "list", "model": body["model"], "data": rows[::-1]}
        return json.dumps(whole | {"usage": {"prompt_tokens": 1, "total_tokens": 1}}).encode()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    state: FakeEmbeddings

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.state.bodies.append(body)
        self.state.keys.append(self.headers.get("Authorization"))
        fault = self.state.faults(len(self.state.bodies))
        if self.path != "/v1/embeddings":
            fault = 404
        if isinstance(fault, int):
            self._send(fault, f"told: {self.headers.get('Authorization')}".encode())
        else:
            self._send(200, fault if fault is not None else self.state.reply(body))

    def _send(self, status: int, content: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:
        """Nothing: pytest shows what the tests print."""


@contextmanager
def serving(state: FakeEmbeddings) -> Iterator[FakeEmbeddings]:
    """The server on a free port of this machine."""
    handler = type("Handler", (_Handler,), {"state": state})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    state.url = f"http://127.0.0.1:{server.server_address[1]}/v1"
    try:
        yield state
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)
