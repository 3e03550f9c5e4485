"""llama.cpp in a supervised child process, and how a model id becomes its adapter scales.

Its caches do not know adapters (ggml-org/llama.cpp#26207): a request that names no adapter gets
what the slot's last request left. So every request carries the whole list, explicitly.
"""

import os
from dataclasses import asdict, dataclass

from kamerton.engines.process import Engine

_WORKER = "kamerton.engines.worker"


@dataclass(frozen=True)
class EngineSettings:
    """What the engine loads, and how wide it runs."""

    base: str
    adapters: tuple[str, ...]
    context: int
    """Tokens of each slot."""
    slots: int
    threads: int


def engine(settings: EngineSettings) -> Engine:
    """An engine of one model file and the adapters on it, not started yet."""
    return Engine(_WORKER, asdict(settings), where=settings.base)


def next_token(engine: Engine, prompt: str, lora: list[dict[str, float]]) -> dict[int, float]:
    """Log-probabilities of the ten likeliest next tokens by token id, in nats."""
    body = {"prompt": prompt, "n_predict": 1, "n_probs": 10, "temperature": 0.0}
    body |= {"cache_prompt": False, "ignore_eos": True, "lora": lora}
    first = engine.post("/completion", body)["completion_probabilities"][0]
    return {int(t["id"]): float(t["logprob"]) for t in first["top_logprobs"]}


def cores(threads: int) -> int:
    """Threads to use: those asked for, else all cores."""
    return threads or os.cpu_count() or 1


def scales(adapter: str | None, adapters: tuple[str, ...]) -> list[dict[str, float]]:
    """The full list of adapters with 1 for the one that is on and 0 for the others."""
    return [
        {"id": index, "scale": 1.0 if name == adapter else 0.0}
        for index, name in enumerate(adapters)
    ]
