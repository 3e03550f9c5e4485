"""A server of a few lines that answers, fails and dawdles as a function tells it."""

import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Behaviour = Callable[[dict[str, Any], int], "tuple[int, bytes, dict[str, str]] | None"]
"""Request body and its number, from 1, to status, content and headers; None closes the line."""


@dataclass
class Answering:
    """A running server, and what it was asked."""

    behave: Behaviour
    url: str = ""
    paths: list[str] = field(default_factory=list)
    keys: list[str | None] = field(default_factory=list)


def said(text: Any, **message: Any) -> bytes:
    """A chat completion."""
    choice = {"message": {"role": "assistant", "content": text} | message, "finish_reason": "stop"}
    usage = {"prompt_tokens": 7, "completion_tokens": 3}
    return json.dumps({"choices": [choice], "usage": usage}, ensure_ascii=False).encode()


@contextmanager
def answering(behave: Behaviour) -> Iterator[Answering]:
    """The server runs as long as the block."""
    state, lock = Answering(behave), threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            content = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            with lock:
                state.paths.append(self.path)
                state.keys.append(self.headers.get("Authorization"))
                number = len(state.paths)
            told = state.behave(json.loads(content or b"{}"), number)
            if told is None:
                self.close_connection = True
                self.connection.shutdown(socket.SHUT_RDWR)
                return
            status, content, headers = told
            self.send_response(status)
            for name, value in {"Content-Length": str(len(content)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST

        def log_message(self, format: str, *args: object) -> None:
            """Nothing: pytest shows what the tests print."""

    class Quiet(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, request: Any, client_address: Any) -> None:
            """A client that left before its answer is no fault of the server."""

    server = Quiet(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    state.url = f"http://127.0.0.1:{server.server_address[1]}/v1"
    yield state
    server.shutdown()
    server.server_close()
    thread.join(5)
