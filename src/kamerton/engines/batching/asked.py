"""Requests in OpenAI's form as the batched engine reads them, and its replies in that form."""

import secrets
import time
from collections.abc import Sequence
from typing import Annotated, Any, TypeVar, cast

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from kamerton.engines.batching.requests import Reply, Request, Sampling
from kamerton.engines.errors import ApiError
from kamerton.engines.request import Turn

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
    """POST /v1/completions; several prompts are answered one after the other."""

    prompt: str | list[int] | list[str] | list[list[int]]
    max_tokens: Annotated[int, Field(ge=0)] | None = None
    """0 is for a prompt that is only scored (`echo`)."""
    echo: bool = False
    """Tell the prompt back (`batching.echo`)."""
    logprobs: Annotated[int, Field(ge=0, le=1)] | None = None

    @property
    def prompts(self) -> list[str | list[int]]:
        """All prompts, as texts or token ids."""
        if isinstance(self.prompt, str) or all(isinstance(one, int) for one in self.prompt):
            return [cast(str | list[int], self.prompt)]
        return list(cast(list[str] | list[list[int]], self.prompt))


class Chat(Common):
    """POST /v1/chat/completions."""

    messages: list[Turn] = Field(min_length=1)


class Text(BaseModel):
    """POST /tokenize, in vLLM's form."""

    model_config = ConfigDict(extra="allow")
    model: str = ""
    prompt: str
    add_special_tokens: bool = True
    """Whether the tokenizer puts its own marks (a beginning of text) around it."""


T = TypeVar("T", Completion, Chat, Text)


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
    """All answers to a request in OpenAI's form; those to one prompt stand together."""
    chat = isinstance(asked, Chat)
    prompt = sum(reply.prompt_tokens for reply in replies[:: asked.n])
    made = sum(len(reply.ids) for reply in replies)
    choices = [_choice(place, reply, chat) for place, reply in enumerate(replies)]
    return envelope(name, choices, prompt, made, chat)


def envelope(
    name: str, choices: list[dict[str, Any]], prompt: int, made: int, chat: bool = False
) -> dict[str, Any]:
    """What stands around the choices; `prompt` and `made` are tokens read and written."""
    return {
        "id": f"{'chatcmpl' if chat else 'cmpl'}-{secrets.token_hex(12)}",
        "object": "chat.completion" if chat else "text_completion",
        "created": int(time.time()),
        "model": name,
        "choices": choices,
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
