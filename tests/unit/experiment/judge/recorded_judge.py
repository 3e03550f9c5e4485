"""A judge of a few lines on a real port, which behaves well or badly as it is told."""

import json
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from kamerton.experiment.judge.pairs import Pair
from kamerton.experiment.judge.settings import JudgeSettings
from model_server import Answer, Asked, ModelServer, completion, model_server

Behaviour = Callable[[dict[str, Any], int], tuple[int, str, dict[str, str]]]
"""Request body and its number (from 0) to HTTP status, text of the answer, and headers."""


@dataclass
class Recorded:
    """A running judge."""

    behave: Behaviour
    server: ModelServer = field(init=False)
    stop: threading.Event = field(default_factory=threading.Event)

    @property
    def url(self) -> str:
        return self.server.url

    @property
    def bodies(self) -> list[dict[str, Any]]:
        return self.server.bodies


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

    def answer(asked: Asked) -> Answer:
        status, text, headers = state.behave(asked.body, asked.number - 1)
        error = json.dumps({"error": {"message": text}}).encode()
        return status, completion(text) if status == 200 else error, headers

    with model_server(answer) as state.server:
        yield state
        state.stop.set()


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
