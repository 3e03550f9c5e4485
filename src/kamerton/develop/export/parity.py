"""Proof that the engine serves what was trained: same token ids, same next tokens."""

import json
import urllib.request
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from kamerton.formats.chat import Message
from kamerton.formats.errors import InputError
from kamerton.formats.language import say
from kamerton.terminal import progress

Ids = list[int]


@dataclass(frozen=True)
class Parity:
    """What was compared on `chats` chats; the engine's weights are quantised, the trainer's not."""

    chats: int
    same_token_ids: int
    next_tokens: int
    """Chats with a next token to compare: the engine tells none that is half a character."""
    same_next_token_base: int
    same_next_token_adapter: int
    largest_logprob_difference: float
    """Of the trainer's most likely next token, adapter on, in nats."""
    adapter_effect: float
    """Largest change of that log-probability by the adapter, inside the engine, in nats."""

    def json(self) -> str:
        """For parity.json."""
        return json.dumps(asdict(self), indent=2) + "\n"


def check(
    base: Path, adapter: Path, tokenizer: Any, tuned: Any, chats: Sequence[list[Message]]
) -> Parity:
    """Ask the engine and the trainer's model the same chats.

    Raises InputError where the engine reads a chat as other tokens, or where the adapter does
    nothing: such files are not to be served.
    """
    with _engine(base, adapter) as server, progress(say("develop.parity"), len(chats)) as bar:
        rows: list[tuple[bool, bool, float, float]] = []
        for number, messages in enumerate(chats):
            ids = _same_ids(server, tokenizer, messages, number)
            rows += _compare(server, tuned, ids)
            bar.update()
    effect = max(row[3] for row in rows)
    if effect < 1e-3:
        raise InputError("develop.adapter_inert", where=str(adapter))
    return Parity(
        chats=len(chats),
        same_token_ids=len(chats),
        next_tokens=len(rows),
        same_next_token_base=sum(row[0] for row in rows),
        same_next_token_adapter=sum(row[1] for row in rows),
        largest_logprob_difference=round(max(row[2] for row in rows), 4),
        adapter_effect=round(effect, 4),
    )


def _same_ids(server: Any, tokenizer: Any, messages: list[Message], number: int) -> Ids:
    """The chat's token ids, the same in trainer and engine."""
    chat = [message.model_dump() for message in messages]
    ids = tokenizer.apply_chat_template(
        chat, tokenize=True, add_generation_prompt=True, return_dict=False
    )
    text = _post(server, "/apply-template", {"messages": chat})["prompt"]
    body = {"content": text, "parse_special": True, "add_special": True}
    if _post(server, "/tokenize", body)["tokens"] != list(ids):
        raise InputError("develop.parity_tokens", number=number)
    return list(ids)


def _compare(server: Any, tuned: Any, ids: Ids) -> list[tuple[bool, bool, float, float]]:
    """Base agrees, adapter agrees, difference and effect in nats; empty for half a character."""
    plain, adapted = _engine_next(server, ids, 0.0), _engine_next(server, ids, 1.0)
    if not plain or not adapted:
        return []
    with tuned.disable_adapter():
        plain_top, _ = _trainer_next(tuned, ids)
    top, logprob = _trainer_next(tuned, ids)
    engine_top, base_top = max(adapted, key=adapted.__getitem__), max(plain, key=plain.__getitem__)
    difference = abs(adapted.get(top, -20.0) - logprob)
    effect = abs(adapted[engine_top] - plain.get(engine_top, -20.0))
    return [(base_top == plain_top, engine_top == top, difference, effect)]


def _trainer_next(model: Any, ids: Ids) -> tuple[int, float]:
    """The most likely next token and its log-probability."""
    import torch

    with torch.no_grad():
        logprobs = model(input_ids=torch.tensor([ids])).logits[0, -1].log_softmax(-1)
    return int(logprobs.argmax()), float(logprobs.max())


def _engine_next(server: Any, ids: Ids, scale: float) -> dict[int, float]:
    """Log-probabilities of the engine's twenty most likely next tokens."""
    body = {
        "prompt": ids,
        "n_predict": 1,
        "temperature": 0.0,
        "n_probs": 20,
        "cache_prompt": False,
        "ignore_eos": True,  # the probabilities are the raw ones; a stop would carry none
        "lora": [{"id": 0, "scale": scale}],
    }
    answer = _post(server, "/completion", body)
    for first in answer.get("completion_probabilities", [])[:1]:
        return {int(token["id"]): float(token["logprob"]) for token in first["top_logprobs"]}
    return {}


def _post(server: Any, route: str, body: dict[str, object]) -> Any:
    data = json.dumps(body).encode()
    headers = {"Content-Type": "application/json"}
    request = urllib.request.Request(server.listening_address + route, data, headers)
    with urllib.request.urlopen(request, timeout=120) as answer:
        return json.load(answer)


class _engine:
    """The engine in this process, its log silent, closed at the end of the block."""

    def __init__(self, base: Path, adapter: Path) -> None:
        self._base, self._adapter = base, adapter

    def __enter__(self) -> Any:
        import xllamacpp

        params = xllamacpp.CommonParams()
        params.model.path = str(self._base)
        params.lora_adapters = [xllamacpp.CommonAdapterLoraInfo(str(self._adapter), 1.0)]
        params.lora_init_without_apply = True
        params.n_ctx, params.n_parallel, params.cache_ram_mib = 1024, 1, 0
        params.warmup = False
        params.verbosity = -1
        self._server = xllamacpp.Server(params)
        return self._server

    def __exit__(self, *_: object) -> None:
        del self._server
