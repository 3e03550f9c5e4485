"""The batched engine's own process: an OpenAI API of one model.

Run as `python -m kamerton.engines.batched.worker`, by the rules of `engines.child`.
Routes, all with the bearer key: GET /v1/models (with the hash of weights and tokenizer), POST
/v1/completions and /v1/chat/completions (`n`, `seed`, `temperature`, `top_p`, `top_k`, `stop`,
`max_tokens`; no streams; `echo` and `logprobs` as in `batched.api`), POST /tokenize, GET /health
(what was computed so far).
"""

import asyncio
import contextlib
import sys
import threading
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, fields
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse

from kamerton.engines.batched import api
from kamerton.engines.batched.api import TokenizeRequest, read
from kamerton.engines.batched.engine import BatchedSettings
from kamerton.engines.batched.requests import QueuedRequest, QueuedScoring
from kamerton.engines.batched.scheduler import Scheduler, SchedulerThread
from kamerton.engines.child_server import (
    application,
    listen,
    settings_from_parent,
    while_connected,
)
from kamerton.engines.openai_api import (
    ApiError,
    ChatRequest,
    CompletionRequest,
    Generation,
    parse_json,
    plain_messages,
)
from kamerton.engines.weights import end_tokens
from kamerton.formats import templates
from kamerton.formats.chat import chat_ids
from kamerton.formats.manifest import digest, sha256

_BACKLOG = 1024
"""Connections that may wait: hundreds of requests come at once."""
T = TypeVar("T")
Queued = Callable[[Callable[[T], None], Callable[[], bool]], QueuedRequest | QueuedScoring]
"""What is queued, given what takes its result, and whether nobody waits for it any more."""
_READ = (
    "*.safetensors",
    "config.json",
    "adapter_config.json",
    "tokenizer*",
    "*.model",
    "vocab*",
    "merges*",
)


@dataclass(frozen=True)
class Served:
    """A loaded model behind the API."""

    name: str
    fingerprint: str
    """Of its weights and its tokenizer: equal ones give equal token ids and probabilities."""
    scheduler: Scheduler
    tokenizer: Any
    template: str | None


def load(settings: BatchedSettings) -> Served:
    """Load the model; OSError or ValueError where the folder is none that the engine computes."""
    import torch
    from transformers import AutoTokenizer
    from transformers.utils import logging

    from kamerton.engines.batched import model as models

    logging.disable_progress_bar()
    torch.set_num_threads(settings.threads)
    tokenizer = AutoTokenizer.from_pretrained(settings.weights)
    model = models.load(settings.weights, adapter=settings.adapter)
    scheduler = Scheduler(model, tokenizer, end_tokens(tokenizer), settings.slots)
    template = templates.for_engine(settings.template) if settings.template else None
    places = [Path(place) for place in (settings.weights, settings.adapter) if place]
    return Served(settings.name, fingerprint(*places), scheduler, tokenizer, template)


def fingerprint(*folders: Path) -> str:
    """Twelve hex digits over what decides token ids and probabilities: a model, and an adapter."""
    files = [
        path
        for folder in folders
        for path in sorted({one for form in _READ for one in folder.glob(form) if one.is_file()})
    ]
    return digest(*(part for path in files for part in (path.name, sha256(path))))


class Routes:
    """One model behind HTTP."""

    def __init__(self, served: Served) -> None:
        self._served, self._thread = served, SchedulerThread(served.scheduler)

    async def health(self) -> dict[str, Any]:
        """GET /health."""
        return {"status": "ok", "counts": asdict(self._served.scheduler.counts)}

    async def models(self) -> dict[str, Any]:
        """GET /v1/models."""
        row = {"id": self._served.name, "object": "model", "owned_by": "kamerton"}
        return {"object": "list", "data": [row | {"fingerprint": self._served.fingerprint}]}

    async def completions(self, request: Request) -> JSONResponse:
        """POST /v1/completions; control tokens come as ids, in a text they are text."""
        completion = read(parse_json(await request.body()), CompletionRequest)
        encode = partial(self._served.tokenizer.encode, split_special_tokens=True)
        prompts = [encode(one) if isinstance(one, str) else one for one in completion.prompts]
        answer = self._score if completion.echo else self._answer
        return await answer(request, completion, prompts)

    async def tokenize(self, request: Request) -> JSONResponse:
        """POST /tokenize: what a prompt is in tokens, in vLLM's form.

        `prefix_token` is what a text is scored behind so that its first token has a score too: the
        beginning of text, else the end of one (null where the tokenizer knows neither).
        """
        text = read(parse_json(await request.body()), TokenizeRequest)
        tokenizer = self._served.tokenizer
        self._check_model(text.model)
        options = {"add_special_tokens": text.add_special_tokens, "split_special_tokens": True}
        ids = tokenizer(text.prompt, **options).input_ids
        begin, end = tokenizer.bos_token_id, tokenizer.eos_token_id
        counts = {"count": len(ids), "max_model_len": self._served.scheduler.room, "tokens": ids}
        return JSONResponse(counts | {"prefix_token": end if begin is None else begin})

    async def chat(self, request: Request) -> JSONResponse:
        """POST /v1/chat/completions."""
        chat = read(parse_json(await request.body()), ChatRequest)
        if self._served.template is None:
            raise ApiError(400, "this model was started without a chat template", param="messages")
        options = {"chat_template": self._served.template, "add_generation_prompt": True}
        ids = chat_ids(self._served.tokenizer, plain_messages(chat, "batched"), **options)
        return await self._answer(request, chat, [ids])

    async def _answer(
        self, request: Request, generation: Generation, prompts: list[list[int]]
    ) -> JSONResponse:
        """All `n` answers to each prompt."""
        self._check(generation, prompts, more=1)
        requests = [one for ids in prompts for one in api.requests_for(generation, ids)]
        replies = await while_connected(
            request, self._all([partial(QueuedRequest, one) for one in requests])
        )
        return JSONResponse(api.answer(generation, replies, self._served.name))

    async def _score(
        self, request: Request, completion: CompletionRequest, prompts: list[list[int]]
    ) -> JSONResponse:
        """The log-probabilities of all prompts."""
        self._check(completion, prompts, more=0)
        scored = await while_connected(
            request, self._all([partial(QueuedScoring, tuple(ids)) for ids in prompts])
        )
        decode = partial(self._served.tokenizer.decode, clean_up_tokenization_spaces=False)
        return JSONResponse(api.scores(completion, scored, decode, self._served.name))

    def _check(self, generation: Generation, prompts: list[list[int]], more: int) -> None:
        """ApiError unless all prompts, with so many tokens more, can be computed."""
        self._check_model(generation.model)
        room, vocabulary = self._served.scheduler.room, self._served.scheduler.vocabulary
        for ids in prompts:
            if not 0 < len(ids) <= room - more:
                message = f"the prompt has {len(ids)} tokens, and with its answer may have {room}"
                raise ApiError(400, message, type="exceed_context_size_error")
            if not all(0 <= token < vocabulary for token in ids):
                raise ApiError(400, f"prompt: token ids are below {vocabulary}", param="prompt")

    def _check_model(self, model: str) -> None:
        if model not in ("", self._served.name):
            message = f"the model '{model}' does not exist; there is: {self._served.name}"
            raise ApiError(404, message, param="model", code="model_not_found")

    async def _all(self, queued: Sequence[Queued[T]]) -> list[T]:
        """All results; when the client leaves, what is not done is dropped."""
        loop, cancelled = asyncio.get_running_loop(), threading.Event()
        futures: list[asyncio.Future[T]] = [loop.create_future() for _ in queued]

        def give(future: "asyncio.Future[T]", result: T) -> None:
            if not future.done():
                future.set_result(result)

        def hand_over(future: "asyncio.Future[T]", result: T) -> None:
            """From the engine's thread to who waits for it, if anybody does."""
            with contextlib.suppress(RuntimeError):  # the server is about to end
                loop.call_soon_threadsafe(give, future, result)

        for one, future in zip(queued, futures, strict=True):
            self._thread.put(one(partial(hand_over, future), cancelled.is_set))
        try:
            return list(await asyncio.gather(*futures))
        finally:
            cancelled.set()


def create(served: Served, key: str) -> FastAPI:
    """The application with its routes, closed to all who do not have the key."""
    routes = Routes(served)
    app = application(key)
    app.add_api_route("/health", routes.health)
    app.add_api_route("/v1/models", routes.models)
    posted = {"/v1/completions": routes.completions, "/v1/chat/completions": routes.chat}
    posted["/tokenize"] = routes.tokenize
    for path, route in posted.items():
        app.add_api_route(path, route, methods=["POST"], response_model=None)
    return app


def main() -> None:
    """Load, tell the address, answer until standard input ends."""
    given = settings_from_parent()
    names = [field.name for field in fields(BatchedSettings)]
    try:
        served = load(BatchedSettings(**{name: given[name] for name in names}))
    except (OSError, ValueError, RuntimeError) as error:
        sys.exit(f"{type(error).__name__}: {error}")  # what the library printed stands above it
    listen(create(served, given["key"]), _BACKLOG)


if __name__ == "__main__":
    main()
