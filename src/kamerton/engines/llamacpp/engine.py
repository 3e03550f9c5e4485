"""llama.cpp in a supervised child process: one model file, and LoRA adapters on it.

Its caches do not know adapters (ggml-org/llama.cpp#26207): a request that names no adapter gets
what the slot's last request left. So every request carries the whole list of adapters, explicitly,
and a slot's state is gone on from by the arm that left it alone.
"""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, field, replace

from kamerton.engines.child import ChildEngine
from kamerton.engines.llamacpp.plain import chat_answer, completion, plain_prompt
from kamerton.engines.llamacpp.slots import Slots
from kamerton.engines.openai_api import readable
from kamerton.engines.protocol import Capabilities, Json, Request

_WORKER = "kamerton.engines.llamacpp.worker"
_QUEUE = 64
"""Requests that may wait for a slot."""


@dataclass(frozen=True)
class LlamaCppSettings:
    """What the engine loads, and how wide it runs."""

    model: str
    """A GGUF file."""
    adapters: Mapping[str, str] = field(default_factory=dict)
    """Name to the GGUF file of a LoRA adapter on it."""
    context: int = 1024
    """Tokens of prompt and answer together that each slot has room for."""
    slots: int = 1
    """Answers computed at the same time."""
    threads: int = 1
    name: str | None = None
    """The name of the model without an adapter; None: it is the base."""


class LlamaCpp(ChildEngine):
    """A model file and its adapters behind the Protocol of engines."""

    title = "llama.cpp"

    def __init__(self, settings: LlamaCppSettings, queue: int = _QUEUE) -> None:
        """Nothing is loaded before `start`. `queue`: requests that may wait for a slot."""
        super().__init__(_WORKER, asdict(settings), where=settings.model)
        self.settings = settings
        self.capabilities = Capabilities()
        self._slots = Slots(settings.slots, queue)

    @property
    def models(self) -> tuple[str | None, ...]:
        """The model without an adapter first."""
        return (self.settings.name, *self.settings.adapters)

    def start(self) -> None:
        """Load, and learn what the chat template can do; InputError where it cannot load."""
        super().start()
        self.capabilities = _capabilities(self.get("/props"), self.settings)

    async def complete(self, request: Request) -> Json:
        """One whole answer; a control token in a text of the chat is text."""
        plain = await self._plain(request)
        answer = await super().complete(plain or request)
        return chat_answer(answer, "message", {"role": "assistant"}) if plain else answer

    async def stream(self, request: Request) -> AsyncIterator[Json]:
        """The chunks of an answer."""
        plain, role = await self._plain(request), {"role": "assistant"}
        async for chunk in super().stream(plain or request):
            yield chat_answer(chunk, "delta", role) if plain else chunk
            role = {}

    async def _plain(self, request: Request) -> Request | None:
        """The request without the chat route, where a text of the chat holds a control token."""
        if "messages" not in request.body:
            return None
        body = readable(request.body, self.capabilities, self.title)
        prompt = await plain_prompt(self._post, body)
        return replace(request, body=completion(body, prompt)) if prompt else None

    async def _post(self, route: str, body: Json) -> Json:
        return await self._http.complete(self.address + route, body, self.headers)

    def next_token(self, model: str | None, prompt: str) -> dict[int, float]:
        """Log-probabilities of the ten likeliest next tokens by token id, in nats."""
        body = {"prompt": prompt, "n_predict": 1, "n_probs": 10, "temperature": 0.0}
        body |= {"cache_prompt": False, "ignore_eos": True, "lora": self._scales(model)}
        first = self.post("/completion", body)["completion_probabilities"][0]
        return {int(t["id"]): float(t["logprob"]) for t in first["top_logprobs"]}

    def _scales(self, model: str | None) -> list[dict[str, float]]:
        return scales(model, tuple(self.settings.adapters))

    @asynccontextmanager
    async def _placed(self, request: Request) -> AsyncIterator[Json]:
        body = readable(request.body, self.capabilities, self.title)
        # The prompt as one text, good enough to tell which slot's state is most alike.
        turns = [f"{turn['role']}\n{turn.get('content')}" for turn in body.get("messages", ())]
        text = "\n".join(turns) if turns else str(body["prompt"])
        async with self._slots.lease(request.arm, text, self.starts) as lease:
            cache = {"id_slot": lease.slot, "cache_prompt": not lease.fresh}
            yield body | cache | {"lora": self._scales(request.model)}


def scales(adapter: str | None, adapters: tuple[str, ...]) -> list[dict[str, float]]:
    """The full list of adapters with 1 for the one that is on and 0 for the others."""
    return [
        {"id": index, "scale": 1.0 if name == adapter else 0.0}
        for index, name in enumerate(adapters)
    ]


def _capabilities(properties: Json, settings: LlamaCppSettings) -> Capabilities:
    """Of a loaded model: what its chat template shows to it, and what it sees."""
    template = properties.get("chat_template_caps") or {}
    return Capabilities(
        completions=True,
        logprobs=True,
        tools=bool(template.get("supports_tools") and template.get("supports_tool_calls")),
        json_schema=True,
        images=bool((properties.get("modalities") or {}).get("vision")),
        adapters=True,
        bare_base=settings.name is None,
    )
