"""Chats whose texts hold control tokens, which llama.cpp would read as the tokens themselves.

Its chat route reads all control tokens of a rendered chat, whoever wrote them
(ggml-org/llama.cpp#26273). Such a chat is rendered with stand-ins in their places, and asked as a
list of texts and of the ids of what the stand-ins stand for: what `formats.chat.chat_ids` does.
"""

import re
from collections.abc import Awaitable, Callable
from typing import Any

from kamerton.engines.openai_api import ApiError
from kamerton.engines.protocol import Json

_STAND_IN = "\ue0f0{}\ue0f1"
_MEDIA = ("image_url", "input_audio")
Post = Callable[[str, Json], Awaitable[Json]]
"""A request to a route of the engine."""
Prompt = list[str | int]
"""Texts, in which control tokens count, and token ids."""


async def plain_prompt(post: Post, body: Json) -> Prompt | None:
    """The prompt of a chat; None where no text of it holds a control token.

    ApiError (400) where it has tools: the engine makes their prompt and reads their calls itself.
    """
    texts: list[str] = []

    def note(text: str) -> str:
        texts.append(text)
        return text

    _each_text(body["messages"], note)
    tokens = await _control_tokens(post, "\n".join(texts))
    if not tokens:
        return None
    if body.get("tools"):
        held = ", ".join(tokens)
        raise ApiError(400, f"messages: with tools no text may hold a control token ({held})")
    pattern = re.compile("|".join(map(re.escape, sorted(tokens, key=len, reverse=True))))
    hidden = _each_text(
        body["messages"],
        lambda text: pattern.sub(lambda m: _STAND_IN.format(tokens.index(m[0])), text),
    )
    rendered = await post("/apply-template", body | {"messages": hidden})
    prompt: Prompt = []
    for place, part in enumerate(re.split(_STAND_IN.format(r"(\d+)"), rendered["prompt"])):
        if place % 2:
            prompt += [token["id"] for token in await _read(post, tokens[int(part)], False)]
        elif part:
            prompt.append(part)
    return prompt


def completion(body: Json, prompt: Prompt) -> Json:
    """A request for a chat as one for a completion, with the same answer."""
    kept = {name: value for name, value in body.items() if name not in ("messages", "logprobs")}
    form = kept.pop("response_format", None) or {}
    if form.get("type", "text") != "text":
        kept["json_schema"] = (form.get("json_schema") or form).get("schema") or {}
    if limit := kept.pop("max_completion_tokens", None):
        kept["max_tokens"] = limit
    if body.get("logprobs"):
        kept["n_probs"] = kept.pop("top_logprobs", None) or 1
    return kept | {"prompt": prompt}


def chat_answer(answer: Json, part: str, role: Json) -> Json:
    """What came of it as a chat's answer, or a chunk of one; `part`: message or delta."""
    choices = [
        {name: value for name, value in choice.items() if name != "text"}
        | {part: role | {"content": choice["text"]}}
        for choice in answer["choices"]
    ]
    kind = "chat.completion" if part == "message" else "chat.completion.chunk"
    return answer | {"object": kind, "choices": choices}


async def _control_tokens(post: Post, text: str) -> list[str]:
    """Control tokens that stand in a text: where they count it is other tokens."""
    counted, plain = await _read(post, text, True), await _read(post, text, False)
    if counted == plain:
        return []
    ids = {token["id"] for token in plain}
    # A piece that is half a letter comes as bytes; an ordinary token is what its text is read as.
    pieces = {t["piece"]: t["id"] for t in counted if isinstance(t["piece"], str)}
    return [
        piece
        for piece, index in pieces.items()
        if index not in ids and [t["id"] for t in await _read(post, piece, False)] != [index]
    ]


async def _read(post: Post, text: str, special: bool) -> list[dict[str, Any]]:
    """The tokens of a text with their ids and pieces; `special`: control tokens count."""
    body = {"content": text, "parse_special": special, "with_pieces": True}
    return list((await post("/tokenize", body))["tokens"])


def _each_text(value: Any, change: Callable[[str], str]) -> Any:
    """Messages with every text changed, roles and names too, but for pictures and sounds."""
    if isinstance(value, str):
        return change(value)
    if isinstance(value, dict):
        return {n: v if n in _MEDIA else _each_text(v, change) for n, v in value.items()}
    return [_each_text(inner, change) for inner in value] if isinstance(value, list) else value
