"""Soft prompts: a float base in transformers, in a supervised child process.

llama.cpp takes no embeddings from outside, so prompt-tuning adapters run where they were trained.
One process holds the base once and every soft prompt on it.
"""

from dataclasses import asdict, dataclass

from kamerton.engines.process import Engine

_WORKER = "kamerton.engines.transformers_worker"
_DEADLINE = 600.0
"""Seconds: float weights are four times those of a GGUF, and read whole."""


@dataclass(frozen=True)
class PromptSettings:
    """What the engine loads, and how wide it runs."""

    weights: str
    """Folder of the float base, with its tokenizer."""
    adapters: dict[str, str]
    """Name to a PEFT adapter's `.safetensors`, its `adapter_config.json` beside it."""
    template: str
    """Chat template, by its name in `kamerton.formats.templates`."""
    context: int
    """Tokens of prompt and answer together; the soft prompt's are not counted."""
    threads: int


def engine(settings: PromptSettings) -> Engine:
    """An engine of one float base and the soft prompts on it, not started yet."""
    return Engine(_WORKER, asdict(settings), settings.weights, _DEADLINE)


def next_token(engine: Engine, prompt: str, adapter: str | None) -> dict[int, float]:
    """Log-probabilities of the ten likeliest next tokens by token id, in nats; None: bare base."""
    found = engine.post("/next-token", {"prompt": prompt, "adapter": adapter})
    return {int(token): float(logprob) for token, logprob in found.items()}
