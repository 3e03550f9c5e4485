"""OpenAI's HTTP API as gateway and engines read and write it: requests, errors, answers."""

import json
import secrets
import time
from collections.abc import Sequence
from typing import Annotated, Any, TypeVar, cast

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StrictBool, ValidationError

from kamerton.engines.protocol import Capabilities, Json

ENGINE_FIELDS = frozenset({"lora", "adapter", "id_slot", "cache_prompt"})
"""Fields by which engines are told of adapters and caches: no client sets them."""
HARMLESS = ENGINE_FIELDS | {"user", "metadata", "store"}
"""Fields that change nothing in an answer."""


class ApiError(Exception):
    """What a client did wrong, or what is wrong here, with its HTTP status."""

    def __init__(
        self,
        status: int,
        message: str,
        type: str = "invalid_request_error",
        param: str | None = None,
        code: str | None = None,
    ) -> None:
        """`type`, `param` and `code` as in OpenAI's error object."""
        super().__init__(message)
        self.status, self.message = status, message
        self.type, self.param, self.code = type, param, code

    def body(self) -> dict[str, object]:
        """The JSON body of the answer."""
        fields = {"message": self.message, "type": self.type, "param": self.param}
        return {"error": {**fields, "code": self.code}}


class Message(BaseModel):
    """One message of a chat; fields that we do not know pass through."""

    model_config = ConfigDict(extra="allow")
    role: str
    content: Any = None
    """A text, a list of parts, or None where an assistant called tools (see `_check_content`)."""
    tool_calls: list[Json] | None = None


class StreamOptions(BaseModel):
    """What a stream carries beside its text."""

    include_usage: bool | None = None


def _tokens(count: int) -> int:
    if count == 0 or count < -1:
        raise ValueError("at least 1, or -1 for as many as there is room for")
    return count


Tokens = Annotated[int, AfterValidator(_tokens)]
"""A number of tokens; -1: as many as there is room for."""


class Generation(BaseModel):
    """What chats and completions have in common; None stands for a field that was not sent.

    What is not sent has the engine's own default.
    """

    model_config = ConfigDict(extra="allow")
    model: str = ""
    stream: StrictBool | None = None
    stream_options: StreamOptions | None = None
    n: int | None = Field(None, ge=1, le=1024)
    seed: int | None = None
    temperature: float | None = Field(None, ge=0, allow_inf_nan=False)
    top_k: int | None = None
    """Only so many likeliest tokens; 0 or less: all."""
    top_p: float | None = Field(None, ge=0, le=1)
    min_p: float | None = Field(None, ge=0, le=1)
    max_tokens: Tokens | None = None
    max_completion_tokens: Tokens | None = None
    stop: str | list[str] | None = None

    @property
    def stops(self) -> list[str]:
        """Texts that end the answer."""
        return [self.stop] if isinstance(self.stop, str) else self.stop or []

    @property
    def limit(self) -> int | None:
        """Tokens that the answer may have; None: as many as there is room for, or the default."""
        limit = self.max_completion_tokens or self.max_tokens
        return None if limit in (None, -1) else limit


class ChatRequest(Generation):
    """POST /v1/chat/completions."""

    messages: list[Message] = Field(min_length=1)


class CompletionRequest(Generation):
    """POST /v1/completions; several prompts are answered one after the other."""

    prompt: str | list[int] | list[str] | list[list[int]]
    max_tokens: Annotated[int, Field(ge=-1)] | None = None
    """0 is for a prompt that is only scored (`echo`)."""
    echo: bool = False
    """Give the prompt back, with `logprobs` the log-probability of each of its tokens."""
    logprobs: Annotated[int, Field(ge=0)] | None = None

    @property
    def prompts(self) -> list[str | list[int]]:
        """All prompts, as texts or token ids."""
        if isinstance(self.prompt, str) or all(isinstance(one, int) for one in self.prompt):
            return [cast(str | list[int], self.prompt)]
        return list(cast(list[str] | list[list[int]], self.prompt))


Form = TypeVar("Form", bound=BaseModel)


def parse_json(content: bytes) -> Any:
    """The JSON of a request; ApiError (400) where it is none."""
    try:
        return json.loads(content)
    except (ValueError, RecursionError) as error:
        raise ApiError(400, "the body is not JSON") from error


def parse(body: Any, form: type[Form]) -> Form:
    """A request, checked; ApiError (400) names the field that is wrong."""
    try:
        request = form.model_validate(body)
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"])
        raise ApiError(400, f"{field}: {first['msg']}", param=field) from error
    if isinstance(request, ChatRequest):
        for place, message in enumerate(request.messages):
            _check_content(message, f"messages.{place}.content")
    return request


def _check_content(message: Message, field: str) -> None:
    """ApiError (400) unless the content is a text, a list of parts, or rightly nothing."""
    content = message.content
    if isinstance(content, str) or (content is None and message.role == "assistant"):
        return
    if not isinstance(content, list):
        raise ApiError(400, f"{field}: a text or a list of parts is needed", param=field)
    for place, part in enumerate(content):
        if not isinstance(part, dict) or (is_text(part) and not isinstance(part.get("text"), str)):
            raise ApiError(400, f"{field}.{place}: no part with a text", param=f"{field}.{place}")


def is_text(part: Json) -> bool:
    """Whether a part of a message's content is text."""
    return bool(part.get("type", "text") == "text")


def text_of(message: Message) -> str:
    """The text of a message: its text parts joined, empty where there is none."""
    if isinstance(message.content, list):
        return "".join(part["text"] for part in message.content if is_text(part))
    return message.content or ""


def refuse_unknown(request: Generation, engine: str) -> None:
    """ApiError (400) for a field that an engine would ignore; empty ones ask for nothing."""
    for field, value in (request.model_extra or {}).items():
        if value and field not in HARMLESS:
            refuse(field, f"this model's engine ({engine}) does not know it; leave it out")


def readable(body: Json, capabilities: Capabilities, engine: str) -> Json:
    """A request's body as an engine of such capabilities reads it, text parts joined to texts.

    ApiError (400) for what it would ignore: tools, pictures, schemas, log-probabilities.
    """
    scores, form = capabilities.prompt_logprobs, body.get("response_format")
    plain = isinstance(form, dict) and form.get("type") == "text"
    fields = {
        "messages": capabilities.chat,
        "prompt": capabilities.completions,
        "tools": capabilities.tools,
        "functions": capabilities.tools,
        "response_format": capabilities.json_schema or plain,
        "logprobs": capabilities.logprobs or (scores and body.get("echo")),
        "echo": scores,
    }
    for field, able in fields.items():
        if body.get(field) and not able:
            refuse(field, f"this model's engine ({engine}) or its template cannot do it")
    if "messages" not in body:
        return body
    messages = [
        _readable(message, f"messages.{place}", capabilities, engine)
        for place, message in enumerate(body["messages"])
    ]
    return body | {"messages": messages}


def plain_messages(chat: ChatRequest, engine: str) -> list[Json]:
    """The messages for a chat template that knows texts only; ApiError (400) where more is said."""
    messages = [message.model_dump(exclude_none=True) for message in chat.messages]
    body = readable({"messages": messages}, Capabilities(), engine)
    return list(body["messages"])


def _readable(message: Json, field: str, capabilities: Capabilities, engine: str) -> Json:
    if not capabilities.tools and (message.get("tool_calls") or message["role"] == "tool"):
        refuse(f"{field}.tool_calls", f"this model's engine ({engine}) or template has no tools")
    content = message.get("content")
    if content is None:
        return message if message.get("tool_calls") else message | {"content": ""}
    if isinstance(content, str):
        return message
    for place, part in enumerate(content):
        if not is_text(part) and not capabilities.images:
            kind = part.get("type")
            where = f"{field}.content.{place}"
            refuse(where, f"this model's engine ({engine}) reads text only, no '{kind}'")
    if all(map(is_text, content)):
        return message | {"content": "".join(part["text"] for part in content)}
    return message


def refuse(field: str, why: str) -> None:
    """ApiError (400) that names a field."""
    raise ApiError(400, f"{field}: {why}", param=field)


def envelope(
    model: str, choices: Sequence[Json], prompt_tokens: int, completion_tokens: int, chat: bool
) -> Json:
    """A whole answer around its choices."""
    return {
        **head(model, "chat.completion" if chat else "text_completion"),
        "choices": list(choices),
        "usage": usage(prompt_tokens, completion_tokens),
    }


def head(model: str, kind: str) -> Json:
    """What stands before the choices of an answer, and of each chunk of a stream."""
    name = f"{'chatcmpl' if kind.startswith('chat') else 'cmpl'}-{secrets.token_hex(12)}"
    return {"id": name, "object": kind, "created": int(time.time()), "model": model}


def usage(prompt_tokens: int, completion_tokens: int) -> dict[str, int]:
    """Tokens read and written."""
    counts = {"prompt_tokens": prompt_tokens, "completion_tokens": completion_tokens}
    return counts | {"total_tokens": prompt_tokens + completion_tokens}


def chunks(answer: Json) -> list[Json]:
    """A whole answer as the chunks of a stream: each choice in one delta, then how it ended."""
    chat = answer["object"] == "chat.completion"
    first = {name: answer[name] for name in ("id", "created", "model")}
    first["object"] = "chat.completion.chunk" if chat else "text_completion"
    stream = []
    for choice in answer["choices"]:
        place, text = {"index": choice["index"]}, "message" if chat else "text"
        said = {"delta": choice[text]} if chat else {"text": choice[text]}
        ended = {"finish_reason": choice["finish_reason"]}
        end: Json = {"delta": {}} if chat else {"text": ""}
        stream += [place | said | {"finish_reason": None}, place | end | ended]
    return [first | {"choices": [choice]} for choice in stream]


def event(chunk: Json) -> str:
    """A chunk of a stream as a server-sent event."""
    return f"data: {json.dumps(chunk, ensure_ascii=False)}\n\n"


DONE = "data: [DONE]\n\n"
"""The event that ends a stream."""
