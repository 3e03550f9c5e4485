"""Prompts told back with the log-probability of each token, in OpenAI's legacy form.

`echo: true, logprobs: 1` with `max_tokens` 0 (the prompt alone) or 1 (and the likeliest token
behind it) is what lm-evaluation-harness's `local-completions` reads: `logprobs` with `tokens`,
`token_logprobs`, `top_logprobs` and `text_offset`.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any

from kamerton.engines.batching.asked import Completion, envelope
from kamerton.engines.batching.requests import Score, Scored
from kamerton.engines.errors import ApiError

_HALF = "\ufffd"
"""What a decoder writes for bytes that are no whole character yet."""
Decode = Callable[[Sequence[int]], str]


def check(asked: Completion) -> None:
    """ApiError (400) for combinations that would be answered otherwise than they were meant."""
    if not asked.echo:
        if asked.logprobs is not None:
            _refuse("logprobs", "log-probabilities are told with echo: true, of the prompt")
        if asked.max_tokens == 0:
            _refuse("max_tokens", "0 tokens are for echo: true with logprobs: 1")
        return
    if asked.logprobs is None:
        _refuse("echo", "a prompt is told back with its log-probabilities: logprobs: 1")
    if asked.max_tokens not in (0, 1) or asked.max_completion_tokens is not None:
        _refuse("max_tokens", "with echo: true it is 0 or 1")
    if asked.max_tokens == 1 and asked.temperature > 0:
        _refuse("temperature", "with echo: true the token behind the prompt is the likeliest: 0")
    if asked.n != 1:
        _refuse("n", "with echo: true it is 1")


def _refuse(field: str, why: str) -> None:
    raise ApiError(400, f"{field}: {why}", param=field)


def told(asked: Completion, found: Sequence[Scored], decode: Decode, name: str) -> dict[str, Any]:
    """The answer to a request: one choice for each prompt.

    ApiError where the weights give no number for a token.
    """
    for one in found:
        scores = [score for score in one.scores if score is not None]
        if not all(math.isfinite(score.log_prob) for score in [*scores, one.following]):
            raise ApiError(400, "the model gives a token of this prompt no finite log-probability")
    more = bool(asked.max_tokens)
    choices = [
        {"index": place, "finish_reason": "length", **_choice(one, decode, more)}
        for place, one in enumerate(found)
    ]
    return envelope(name, choices, sum(len(one.ids) for one in found), more * len(found))


def _choice(one: Scored, decode: Decode, more: bool) -> dict[str, Any]:
    following = (one.following.likeliest,) if more else ()
    scores = (*one.scores, one.following) if more else one.scores
    tokens = texts(decode, (*one.ids, *following))
    offsets = [0]
    for text in tokens:
        offsets.append(offsets[-1] + len(text))
    logprobs = {
        "tokens": tokens,
        "token_logprobs": [None if score is None else score.log_prob for score in scores],
        "top_logprobs": [_top(*pair, decode) for pair in zip(tokens, scores, strict=True)],
        "text_offset": offsets[:-1],
    }
    return {"text": "".join(tokens), "logprobs": logprobs}


def _top(text: str, score: Score | None, decode: Decode) -> dict[str, float] | None:
    if score is None:
        return None
    # The likeliest last: of two tokens with one text its figure stays.
    return {text: score.log_prob, decode([score.likeliest]): score.likeliest_log_prob}


def texts(decode: Decode, ids: Sequence[int]) -> list[str]:
    """The text that each token adds; a character of several tokens stands with its last one.

    Joined they are the text of all. Only the tokens around each place are decoded again, so that
    the cost grows with the length and not with its square.
    """
    found: list[str] = []
    start = read = 0
    for end in range(1, len(ids) + 1):
        before, now = decode(ids[start:read]), decode(ids[start:end])
        if now.endswith(_HALF) and end < len(ids):
            found.append("")
            continue
        found.append(now[len(before) :])
        start, read = read, end
    return found
