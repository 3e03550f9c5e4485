"""llama.cpp token by token: how it reads a chat, and how sure it is of what it goes on with."""

import asyncio
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kamerton.engines.child import ChildProcess
from kamerton.engines.llamacpp.engine import LlamaCpp, LlamaCppSettings, scales
from kamerton.engines.llamacpp.plain import Prompt, plain_prompt
from kamerton.engines.protocol import Json
from kamerton.formats.chat import Message

Ids = list[int]
LIKELIEST = 200
"""Next tokens of which the engine tells the log-probability, at each position."""


@dataclass(frozen=True)
class Answer:
    """A chat and how the engine went on, taking its most likely token each time."""

    prompt: Ids
    path: Ids
    """The tokens it went on with."""
    likeliest: tuple[Mapping[int, float] | None, ...]
    """At each position of the path the log-probabilities, in nats, of the most likely next tokens;
    None where the engine tells none: the answer so far ends within a character."""


class TokenDriver:
    """A running engine of one slot, asked for tokens. `token_bytes`: the bytes of each token."""

    def __init__(
        self, process: ChildProcess, adapters: int, token_bytes: Mapping[int, bytes]
    ) -> None:
        self._process, self._adapters, self._bytes = process, adapters, token_bytes

    def loaded(self) -> list[str]:
        """Paths of the adapters that the engine holds, in the order of their numbers."""
        return [str(adapter["path"]) for adapter in self._process.get("/lora-adapters")]

    def prompt(self, messages: Sequence[Message]) -> Ids:
        """The token ids that the engine makes of a chat, as its chat route does."""
        chat = {"messages": [message.model_dump() for message in messages]}

        async def post(route: str, body: Json) -> Json:
            return dict(self._process.post(route, body))

        plain = asyncio.run(plain_prompt(post, chat))
        return self.tokens(plain or self._process.post("/apply-template", chat)["prompt"])

    def tokens(self, prompt: str | Prompt) -> Ids:
        """The token ids that the engine makes of a rendered chat; marks in it are marks."""
        body = {"content": prompt, "parse_special": True, "add_special": True}
        return list(self._process.post("/tokenize", body)["tokens"])

    def answer(self, prompt: Ids, adapter: int | None, tokens: int) -> Answer:
        """At least `tokens` tokens after `prompt`, with that adapter on, or with none."""
        names = tuple(map(str, range(self._adapters)))
        body = {
            "prompt": prompt,
            "n_predict": tokens,
            "temperature": 0.0,
            "n_probs": LIKELIEST,
            "return_tokens": True,
            "cache_prompt": False,  # it does not know which adapter it was made with
            "ignore_eos": True,  # the probabilities are the raw ones; a stop would carry none
            "lora": scales(None if adapter is None else str(adapter), names),
        }
        reply = self._process.post("/completion", body)
        path = [int(token) for token in reply["tokens"]]
        entries = reply.get("completion_probabilities", [])
        return Answer(list(prompt), path, _placed(path, entries, self._bytes))


@contextmanager
def token_driver(
    base: Path,
    adapters: Sequence[Path],
    token_bytes: Mapping[int, bytes],
    context: int,
    threads: int,
) -> Iterator[TokenDriver]:
    """A base with its adapters, none of them on, as it is served; ended with the block.

    `context`: tokens of prompt and answer; `threads` 0: all cores. InputError where the engine
    cannot load the files.
    """
    named = {str(number): str(path) for number, path in enumerate(adapters)}
    cores = threads or os.cpu_count() or 1
    engine = LlamaCpp(LlamaCppSettings(str(base), named, context, threads=cores))
    try:
        engine.start()
        yield TokenDriver(engine, len(named), token_bytes)
    finally:
        engine.stop()


def _placed(
    path: Ids, entries: Sequence[dict[str, Any]], token_bytes: Mapping[int, bytes]
) -> tuple[Mapping[int, float] | None, ...]:
    """What the engine told, at the positions that it told it for."""
    text, rest = b"", iter(entries)
    placed: list[Mapping[int, float] | None] = []
    for token in path:
        text = (text + token_bytes.get(token, b""))[-4:]
        entry = None if unfinished(text) else next(rest, None)
        if entry is not None and entry["id"] != token:
            raise RuntimeError("the engine's probabilities do not stand at its tokens")
        placed.append(
            None
            if entry is None
            else {int(top["id"]): float(top["logprob"]) for top in entry["top_logprobs"]}
        )
    return tuple(placed)


def unfinished(text: bytes) -> bool:
    """Whether a UTF-8 text ends within a character, as llama.cpp's server sees it.

    >>> unfinished("№".encode()[:2]), unfinished("№".encode())
    (True, False)
    """
    leads = ((0xE0, 0xC0, 2), (0xF0, 0xE0, 3), (0xF8, 0xF0, 4))
    return any(
        byte & mask == lead and back < length
        for back, byte in enumerate(reversed(text[-4:]), start=1)
        for mask, lead, length in leads
    )
