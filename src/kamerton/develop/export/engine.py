"""The serving engine in this process: what it reads of a chat, and how it goes on."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kamerton.client.hosts import trust_env
from kamerton.formats.chat import Message
from kamerton.formats.errors import InputError

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


class Engine:
    """A base with its adapters, none of them on; its log silent. Closed at the end of the block.

    `pieces`: bytes of each token. `context`: tokens of prompt and answer. `threads` 0: the
    engine's choice.
    """

    def __init__(
        self,
        base: Path,
        adapters: Sequence[Path],
        pieces: Mapping[int, bytes],
        context: int,
        threads: int = 0,
    ) -> None:
        """Nothing is loaded before the block begins."""
        self._base, self._adapters, self._pieces = base, adapters, pieces
        self._context, self._threads = context, threads

    def __enter__(self) -> "Engine":
        import xllamacpp

        params = xllamacpp.CommonParams()
        params.model.path = str(self._base)
        infos = [xllamacpp.CommonAdapterLoraInfo(str(path), 1.0) for path in self._adapters]
        params.lora_adapters = infos
        params.lora_init_without_apply = True
        params.n_ctx, params.n_parallel, params.cache_ram_mib = self._context, 1, 0
        params.warmup = False
        params.verbosity = -1
        if self._threads:
            params.cpuparams.n_threads = params.cpuparams_batch.n_threads = self._threads
        params.cpuparams.poll = params.cpuparams_batch.poll = 0
        try:
            self._server = xllamacpp.Server(params)
        except RuntimeError as error:
            raise InputError("develop.export_not_loaded", where=str(self._base)) from error
        # Its loop answers this. A server that is closed before its loop began never ends: the
        # library's destructor waits for it, and holds Python's lock meanwhile.
        self._held = [str(adapter["path"]) for adapter in self._ask("/lora-adapters")]
        return self

    def __exit__(self, *_: object) -> None:
        del self._server

    def loaded(self) -> list[str]:
        """Paths of the adapters that the engine holds, in the order of their numbers."""
        return self._held

    def prompt(self, messages: Sequence[Message]) -> Ids:
        """The token ids that the engine makes of a chat, as its chat route does."""
        chat = [message.model_dump() for message in messages]
        return self.tokens(self._ask("/apply-template", {"messages": chat})["prompt"])

    def tokens(self, text: str) -> Ids:
        """The token ids that the engine makes of a rendered chat; marks in it are marks."""
        body = {"content": text, "parse_special": True, "add_special": True}
        return list(self._ask("/tokenize", body)["tokens"])

    def answer(self, prompt: Ids, adapter: int | None, tokens: int) -> Answer:
        """At least `tokens` tokens after `prompt`, with that adapter on, or with none."""
        body = {
            "prompt": prompt,
            "n_predict": tokens,
            "temperature": 0.0,
            "n_probs": LIKELIEST,
            "return_tokens": True,
            "cache_prompt": False,  # it does not know which adapter it was made with
            "ignore_eos": True,  # the probabilities are the raw ones; a stop would carry none
            "lora": [{"id": i, "scale": float(i == adapter)} for i, _ in enumerate(self._adapters)],
        }
        found = self._ask("/completion", body)
        path = [int(token) for token in found["tokens"]]
        told = found.get("completion_probabilities", [])
        return Answer(list(prompt), path, _placed(path, told, self._pieces))

    def _ask(self, route: str, body: dict[str, object] | None = None) -> Any:
        import httpx

        url, method = self._server.listening_address + route, "GET" if body is None else "POST"
        with httpx.Client(timeout=600, trust_env=trust_env(url)) as client:
            return client.request(method, url, json=body).raise_for_status().json()


def _placed(
    path: Ids, told: Sequence[dict[str, Any]], pieces: Mapping[int, bytes]
) -> tuple[Mapping[int, float] | None, ...]:
    """What the engine told, at the positions that it told it for."""
    text, rest = b"", iter(told)
    found: list[Mapping[int, float] | None] = []
    for token in path:
        text = (text + pieces.get(token, b""))[-4:]
        entry = None if unfinished(text) else next(rest, None)
        if entry is not None and entry["id"] != token:
            raise RuntimeError("the engine's probabilities do not stand at its tokens")
        found.append(_logprobs(entry))
    return tuple(found)


def _logprobs(entry: dict[str, Any] | None) -> dict[int, float] | None:
    if entry is None:
        return None
    return {int(token["id"]): float(token["logprob"]) for token in entry["top_logprobs"]}


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
