"""A judge of a few lines on a real port, which behaves well or badly as it is told."""

import json
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from kamerton.experiment.judge.pairs import Pair
from kamerton.experiment.judge.settings import JudgeSettings

Behaviour = Callable[[dict[str, Any], int], tuple[int, str, dict[str, str]]]
"""Request body and its number (from 0) to HTTP status, text of the answer, and headers."""


@dataclass
class Recorded:
    """A running judge and what it was asked."""

    behave: Behaviour
    url: str = ""
    bodies: list[dict[str, Any]] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)
    now: int = 0
    most: int = 0
    """Most requests at the same time."""
    stop: threading.Event = field(default_factory=threading.Event)


def answers(body: dict[str, Any]) -> tuple[str, str]:
    """The two answers in a request, in their order."""
    found = re.findall(r"<answer \d \w+>\n(.*?)\n</answer", body["messages"][1]["content"], re.S)
    return found[0], found[1]


def says(winner: str) -> str:
    return json.dumps({"reason": "so it is", "winner": winner})


def good(body: dict[str, Any], number: int) -> tuple[int, str, dict[str, str]]:
    """Prefers an answer that has the word right."""
    one, two = ("right" in text for text in answers(body))
    return 200, says("tie" if one == two else "1" if one else "2"), {}


def first(body: dict[str, Any], number: int) -> tuple[int, str, dict[str, str]]:
    """Always prefers what it sees first: flips with the order."""
    return 200, says("1"), {}


@contextmanager
def recorded(behave: Behaviour) -> Iterator[Recorded]:
    """A running judge; ended with the block."""
    state = Recorded(behave)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            with state.lock:
                number = len(state.bodies)
                state.bodies.append(body | {"authorization": self.headers["Authorization"]})
                state.now += 1
                state.most = max(state.most, state.now)
            status, text, headers = state.behave(body, number)
            with state.lock:
                state.now -= 1
            self.reply(status, text, headers)

        def reply(self, status: int, text: str, headers: dict[str, str]) -> None:
            choice = {"message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
            said = {"choices": [choice], "usage": {"prompt_tokens": 7, "completion_tokens": 3}}
            data = json.dumps(said if status == 200 else {"error": {"message": text}}).encode()
            try:
                self.send_response(status)
                for name, value in {"Content-Length": str(len(data)), **headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(data)
            except OSError:
                state.now += 0  # the client gave up waiting, which is what the test wants

        def log_message(self, format: str, *args: Any) -> None:
            return None

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    state.url = f"http://127.0.0.1:{server.server_address[1]}/v1"
    yield state
    state.stop.set()
    server.shutdown()
    server.server_close()
    thread.join(10)


def made_up(count: int, tuned_right: int, base_right: int = 0) -> list[Pair]:
    """Pairs in groups of two; of the first ones tuned is right, of the last ones base is."""
    return [
        Pair(
            id=f"q{i:02}",
            question=f"Question {i}?",
            base=f"a {'right' if i >= count - base_right else 'plain'} answer {i}",
            tuned=f"the {'right' if i < tuned_right else 'plain'} answer {i} and more",
            group=f"g{i // 2}",
        )
        for i in range(count)
    ]


def settings(url: str, **changed: Any) -> JudgeSettings:
    given = {"model": "judge", "criteria": ["relevance"], "retries": 1, "resamples": 1000}
    return JudgeSettings(base_url=url, **(given | changed))
