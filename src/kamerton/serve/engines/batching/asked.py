"""Requests in OpenAI's form as the batched engine reads them, and its replies in that form."""

import secrets
import time
from collections.abc import Sequence
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from kamerton.serve.engines.batching.requests import Reply, Request, Sampling
from kamerton.serve.gateway.errors import ApiError
from kamerton.serve.gateway.prompt import Turn

_HARMLESS = frozenset({"user", "metadata", "store", "id_slot", "cache_prompt", "stream", "lora"})
"""Fields that change nothing in an answer, or change nothing where they are empty."""
_DEFAULT = 256


class Common(BaseModel):
    """What both doors know; what is not said has OpenAI's default, but for `max_tokens`."""

    model_config = ConfigDict(extra="allow")
    model: str = ""
    n: int = Field(1, ge=1, le=1024)
    seed: int | None = None
    temperature: float = Field(1.0, ge=0)
    top_p: float = Field(1.0, gt=0, le=1)
    top_k: int = Field(0, ge=0)
    max_tokens: Annotated[int, Field(ge=1)] | None = None
    max_completion_tokens: Annotated[int, Field(ge=1)] | None = None
    stop: str | list[str] | None = None

    @property
    def sampling(self) -> Sampling:
        """How the answers' tokens are chosen."""
        stops = [self.stop] if isinstance(self.stop, str) else self.stop or []
        most = self.max_completion_tokens or self.max_tokens or _DEFAULT
        return Sampling(self.temperature, self.top_k, self.top_p, most, tuple(filter(None, stops)))

    def requests(self, ids: Sequence[int]) -> list[Request]:
        """One request for each of the `n` answers; sample i draws by the seed and i alone."""
        seed = secrets.token_hex(8) if self.seed is None else str(self.seed)
        return [Request(tuple(ids), self.sampling, f"{seed}:{i}") for i in range(self.n)]


class Completion(Common):
    """POST /v1/completions."""

    prompt: str | list[int]


class Chat(Common):
    """POST /v1/chat/completions."""

    messages: list[Turn] = Field(min_length=1)


T = TypeVar("T", bound=Common)


def read(body: Any, form: type[T]) -> T:
    """A request, checked; ApiError (400) names the field, also one that would be ignored."""
    try:
        asked = form.model_validate(body)
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"])
        raise ApiError(400, f"{field}: {first['msg']}", param=field) from error
    for field, value in (asked.model_extra or {}).items():
        if value and (field not in _HARMLESS or field == "stream"):
            message = f"{field}: this model's engine (batched) does not know it; leave it out"
            raise ApiError(400, message, param=field)
    return asked


def told(asked: Common, replies: Sequence[Reply], name: str) -> dict[str, Any]:
    """All answers to a request in OpenAI's form."""
    chat = isinstance(asked, Chat)
    prompt, made = replies[0].prompt_tokens, sum(len(reply.ids) for reply in replies)
    return {
        "id": f"{'chatcmpl' if chat else 'cmpl'}-{secrets.token_hex(12)}",
        "object": "chat.completion" if chat else "text_completion",
        "created": int(time.time()),
        "model": name,
        "choices": [_choice(place, reply, chat) for place, reply in enumerate(replies)],
        "usage": {
            "prompt_tokens": prompt,
            "completion_tokens": made,
            "total_tokens": prompt + made,
        },
    }


def _choice(place: int, reply: Reply, chat: bool) -> dict[str, Any]:
    message = {"role": "assistant", "content": reply.text}
    what = {"message": message} if chat else {"text": reply.text}
    return {"index": place, **what, "finish_reason": reply.reason, "logprobs": None}
