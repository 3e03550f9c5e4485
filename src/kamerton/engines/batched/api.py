"""Requests as the batched engine reads them, and its replies, in OpenAI's form.

`echo: true, logprobs: 1` with `max_tokens` 0 (the prompt alone) or 1 (and the top_token token
behind it) is what lm-evaluation-harness's `local-completions` reads: `logprobs` with `tokens`,
`token_logprobs`, `top_logprobs` and `text_offset`.
"""

import math
import secrets
from collections.abc import Callable, Sequence
from typing import Any

from pydantic import BaseModel, ConfigDict

from kamerton.engines.batched.requests import (
    Reply,
    Request,
    SamplingParams,
    ScoredPrompt,
)
from kamerton.engines.openai_api import (
    ApiError,
    ChatRequest,
    CompletionRequest,
    Form,
    Generation,
    envelope,
    parse,
    refuse,
    refuse_unknown,
)

_DEFAULT = 256
"""Tokens of an answer where the request does not say."""
_HALF = "\ufffd"
"""What a decoder writes for bytes that are no whole character yet."""
DecodeStep = Callable[[Sequence[int]], str]


class TokenizeRequest(BaseModel):
    """POST /tokenize, in vLLM's form."""

    model_config = ConfigDict(extra="allow")
    model: str = ""
    prompt: str
    add_special_tokens: bool = True
    """Whether the tokenizer puts its own marks (BOS) around it."""


def read(body: Any, form: type[Form]) -> Form:
    """A request, checked; ApiError (400) names the field, also one that would be ignored."""
    request = parse(body, form)
    if isinstance(request, Generation):
        refuse_unknown(request, "batched")
        if request.stream:
            refuse("stream", "this model's engine (batched) gives whole answers; leave it out")
        if request.min_p:
            refuse("min_p", "this model's engine (batched) does not know it; leave it out")
    if isinstance(request, CompletionRequest):
        _check_scoring(request)
    return request


def _check_scoring(request: CompletionRequest) -> None:
    """ApiError (400) for combinations that would be answered otherwise than they were meant."""
    if not request.echo:
        if request.logprobs is not None:
            refuse("logprobs", "log-probabilities are told with echo: true, of the prompt")
        if request.max_tokens == 0:
            refuse("max_tokens", "0 tokens are for echo: true with logprobs: 1")
        return
    if request.logprobs != 1:
        refuse("logprobs", "with echo: true a prompt is told back with its scores: logprobs: 1")
    if request.max_tokens not in (0, 1) or request.max_completion_tokens is not None:
        refuse("max_tokens", "with echo: true it is 0 or 1")
    if request.max_tokens == 1 and request.temperature != 0:
        refuse("temperature", "with echo: true the token behind the prompt is the top_token: 0")
    if request.n not in (None, 1):
        refuse("n", "with echo: true it is 1")


def requests_for(request: Generation, ids: Sequence[int]) -> list[Request]:
    """One request for each of the `n` answers to a prompt; sample i draws by seed and i alone.

    What is not said has OpenAI's default, but for `max_tokens`.
    """
    limit = request.max_completion_tokens or request.max_tokens or _DEFAULT
    sampling = SamplingParams(
        temperature=1.0 if request.temperature is None else request.temperature,
        top_k=max(0, request.top_k or 0),
        top_p=1.0 if request.top_p is None else request.top_p,
        max_tokens=2**31 if limit == -1 else limit,
        stops=tuple(filter(None, request.stops)),
    )
    seed = secrets.token_hex(8) if request.seed is None else str(request.seed)
    count = request.n or 1
    return [Request(tuple(ids), sampling, f"{seed}:{i}") for i in range(count)]


def answer(request: Generation, replies: Sequence[Reply], name: str) -> dict[str, Any]:
    """All answers to a request in OpenAI's form; those to one prompt stand together."""
    chat = isinstance(request, ChatRequest)
    prompt_tokens = sum(reply.prompt_tokens for reply in replies[:: request.n or 1])
    completion_tokens = sum(len(reply.ids) for reply in replies)
    choices = []
    for place, reply in enumerate(replies):
        message = {"role": "assistant", "content": reply.text}
        content = {"message": message} if chat else {"text": reply.text}
        end = {"finish_reason": reply.reason, "logprobs": None}
        choices.append({"index": place, **content, **end})
    return envelope(name, choices, prompt_tokens, completion_tokens, chat)


def scores(
    request: CompletionRequest, prompts: Sequence[ScoredPrompt], decode: DecodeStep, name: str
) -> dict[str, Any]:
    """The answer to a request: one choice for each prompt.

    ApiError where the weights give no number for a token.
    """
    for one in prompts:
        all_scores = [score for score in one.scores if score is not None]
        if not all(math.isfinite(score.log_prob) for score in [*all_scores, one.next_token]):
            raise ApiError(400, "the model gives a token of this prompt no finite log-probability")
    more = bool(request.max_tokens)
    choices = [
        {"index": place, "finish_reason": "length", **_scored_choice(one, decode, more)}
        for place, one in enumerate(prompts)
    ]
    return envelope(
        name, choices, sum(len(one.ids) for one in prompts), more * len(prompts), chat=False
    )


def _scored_choice(one: ScoredPrompt, decode: DecodeStep, more: bool) -> dict[str, Any]:
    next_token = (one.next_token.top_token,) if more else ()
    scores = (*one.scores, one.next_token) if more else one.scores
    tokens = texts(decode, (*one.ids, *next_token))
    offsets = [0]
    for text in tokens:
        offsets.append(offsets[-1] + len(text))
    # The likeliest last: of two tokens with one text its figure stays.
    tops = [
        score and {text: score.log_prob, decode([score.top_token]): score.top_log_prob}
        for text, score in zip(tokens, scores, strict=True)
    ]
    logprobs = {
        "tokens": tokens,
        "token_logprobs": [None if score is None else score.log_prob for score in scores],
        "top_logprobs": tops,
        "text_offset": offsets[:-1],
    }
    return {"text": "".join(tokens), "logprobs": logprobs}


def texts(decode: DecodeStep, ids: Sequence[int]) -> list[str]:
    """The text that each token adds; a character of several tokens stands with its last one.

    Joined they are the text of all. Only the tokens around each place are decoded again, so that
    the cost grows with the length and not with its square.
    """
    added: list[str] = []
    start = read = 0
    for end in range(1, len(ids) + 1):
        before, now = decode(ids[start:read]), decode(ids[start:end])
        if now.endswith(_HALF) and end < len(ids):
            added.append("")
            continue
        added.append(now[len(before) :])
        start, read = read, end
    return added
