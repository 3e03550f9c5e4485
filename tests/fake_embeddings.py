"""A server of embeddings of a few lines: texts with common words are alike; fails as it is told."""

import json
import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from model_server import Answer, Asked, StandIn

Fault = int | bytes
"""A status to answer with, or the whole body of a reply."""


def vector(text: str, model: str, size: int) -> list[float]:
    """The sum of one random vector for each word; another model has other ones."""
    seeds = [f"{model} {word.strip('?.,')}" for word in text.casefold().split()]
    rows = [[random.Random(f"{seed} {i}").gauss(0, 3) for i in range(size)] for seed in seeds]
    return [sum(column) for column in zip(*rows, strict=True)] or [0.0] * size


@dataclass
class FakeEmbeddings(StandIn):
    """The server's state; `faults` decides by the number of the request, from 1."""

    size: int = 24
    serves: str = ""
    """The model that answers whatever a request names, as small servers do; else the named one."""
    faults: Callable[[int], Fault | None] = lambda number: None

    def answer(self, asked: Asked) -> Answer:
        fault = self.faults(asked.number) if asked.path == "/v1/embeddings" else 404
        if isinstance(fault, int):
            return fault, f"told: {asked.key}".encode(), {}
        return 200, fault if fault is not None else self.reply(asked.body), {}

    def reply(self, body: dict[str, Any]) -> bytes:
        """The vectors, the last one first: clients must go by `index`."""
        model = self.serves or body["model"]
        rows = [
            {"object": "embedding", "index": i, "embedding": vector(text, model, self.size)}
            for i, text in enumerate(body["input"])
        ]
        whole = {"object": "list", "model": body["model"], "data": rows[::-1]}
        return json.dumps(whole | {"usage": {"prompt_tokens": 1, "total_tokens": 1}}).encode()
