"""A teacher of a few lines: writes good texts from the prompt, and fails where it is told to."""

import json
import random
import re
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from model_server import Answer, Asked, StandIn

Fault = str | int | bytes
"""A text to answer with, a status, or raw bytes; b"" closes the line."""
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
class FakeTeacher(StandIn):
    """The server's state; `faults` decides by the request's body and the number of the try."""

    faults: Callable[[dict[str, Any], int], Fault | None] = lambda body, tries: None
    usage: Any = field(default_factory=lambda: {"prompt_tokens": 100, "completion_tokens": 50})
    finish_reason: str = "stop"
    jitter: random.Random | None = None
    tries: Counter[str] = field(default_factory=Counter)
    """Times that each request came, by its whole body."""

    def answer(self, asked: Asked) -> Answer:
        name = json.dumps(asked.body, sort_keys=True)
        self.tries[name] += 1  # the same request never comes twice at a time
        tries = self.tries[name]
        time.sleep(self.jitter.random() * 0.03 if self.jitter else 0.0)
        fault = self.faults(asked.body, tries)
        if isinstance(fault, bytes):
            return (200, fault, {}) if fault else None
        if isinstance(fault, int):
            return fault, f"told: {asked.key}".encode(), {}
        text = good_text(asked.body) if fault is None else fault
        return 200, self.reply(asked.body, text), {}

    def reply(self, body: dict[str, Any], text: str) -> bytes:
        message = {"role": "assistant", "content": text}
        choice = {"index": 0, "message": message, "finish_reason": self.finish_reason}
        whole = {"model": body["model"], "choices": [choice], "usage": self.usage}
        return json.dumps(whole, ensure_ascii=False).encode()
