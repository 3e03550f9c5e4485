"""A teacher of a few lines: writes good texts from the prompt, and fails where it is told to."""

import json
import random
import re
import socket
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Fault = str | int | tuple[int, dict[str, str]] | bytes
"""A text to answer with, a status, a status with headers, or raw bytes; b"" closes the line."""
WORDS = [
    a + b for a in ("лес", "дом", "пол", "сад", "мир", "вол", "зим") for b in ("ный", "ова", "ик")
]


def good_text(body: dict[str, Any]) -> str:
    """A text that no filter minds: the beginning, a fact, and words that go by the seed."""
    prompt = body["messages"][-1]["content"]
    begun = re.search(r"слово в слово и продолжить: (.+)", prompt)
    fact = re.findall(r"^- (.+)", prompt, re.MULTILINE)[0]
    words = random.Random(body["seed"]).choices(WORDS, k=12)
    return f"{begun[1] if begun else ''} Здесь {' '.join(words)}, и это {fact}.".strip()


@dataclass
class FakeTeacher:
    """The server's state; `faults` decides by the request's body and the number of the try."""

    url: str = ""
    faults: Callable[[dict[str, Any], int], Fault | None] = lambda body, tries: None
    usage: Any = field(default_factory=lambda: {"prompt_tokens": 100, "completion_tokens": 50})
    finish_reason: str = "stop"
    hold: float = 0.0
    """Seconds that each request is held, so that others can come meanwhile."""
    jitter: random.Random | None = None
    bodies: list[dict[str, Any]] = field(default_factory=list)
    keys: list[str | None] = field(default_factory=list)
    tries: Counter[str] = field(default_factory=Counter)
    """Times that each request came, by its last message."""
    now: int = 0
    busiest: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def enter(self, body: dict[str, Any], key: str | None) -> int:
        name = json.dumps(body, sort_keys=True)
        with self.lock:
            self.bodies.append(body)
            self.keys.append(key)
            self.tries[name] += 1
            self.now += 1
            self.busiest = max(self.busiest, self.now)
            return self.tries[name]

    def leave(self) -> None:
        with self.lock:
            self.now -= 1

    def reply(self, body: dict[str, Any], text: str) -> bytes:
        message = {"role": "assistant", "content": text}
        choice = {"index": 0, "message": message, "finish_reason": self.finish_reason}
        whole = {"model": body["model"], "choices": [choice], "usage": self.usage}
        return json.dumps(whole, ensure_ascii=False).encode()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    teacher: FakeTeacher

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        tries = self.teacher.enter(body, self.headers.get("Authorization"))
        pause = self.teacher.jitter.random() * 0.03 if self.teacher.jitter else 0.0
        time.sleep(self.teacher.hold + pause)
        self.teacher.leave()  # before the reply: the client may send the next one at once
        fault = self.teacher.faults(body, tries)
        if isinstance(fault, bytes):
            self._raw(fault)
        elif isinstance(fault, tuple):
            self._send(fault[0], b'{"error": {"message": "busy"}}', fault[1])
        elif isinstance(fault, int):
            self._send(fault, f"told: {self.headers.get('Authorization')}".encode(), {})
        else:
            text = good_text(body) if fault is None else fault
            self._send(200, self.teacher.reply(body, text), {})

    def _raw(self, fault: bytes) -> None:
        if fault:
            self._send(200, fault, {})
            return
        self.close_connection = True
        self.connection.shutdown(socket.SHUT_RDWR)

    def _send(self, status: int, content: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:
        """Nothing: pytest shows what the tests print."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that left before its answer, as after a refusal, is no fault of the server."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


@contextmanager
def serving(teacher: FakeTeacher) -> Iterator[FakeTeacher]:
    """The teacher on a free port of this machine."""
    handler = type("Handler", (_Handler,), {"teacher": teacher})
    server = _Server(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    teacher.url = f"http://127.0.0.1:{server.server_address[1]}/v1"
    try:
        yield teacher
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)
