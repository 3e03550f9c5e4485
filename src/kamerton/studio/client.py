"""The chat page's view of a server: its model ids, and answers as they grow."""

from collections.abc import AsyncIterator
from typing import Any

from kamerton.client.hosts import trust_env

Turn = dict[str, Any]


class Client:
    """A `/v1` server; whatever stands behind the URL."""

    def __init__(self, base_url: str, key: str = "none") -> None:
        from openai import AsyncOpenAI, DefaultAsyncHttpxClient

        http = DefaultAsyncHttpxClient(trust_env=trust_env(base_url))
        self._client = AsyncOpenAI(base_url=base_url, api_key=key, max_retries=0, http_client=http)

    async def models(self) -> list[str]:
        """Model ids in the server's order."""
        return [model.id async for model in self._client.models.list()]

    async def answer(self, model: str, turns: list[Turn]) -> AsyncIterator[str]:
        """The answer so far, again and again until it is whole; openai's errors pass through."""
        text = ""
        stream = await self._client.chat.completions.create(
            model=model, messages=_plain(turns), stream=True, temperature=0.0, max_tokens=128
        )
        async for chunk in stream:
            for choice in chunk.choices:
                text += choice.delta.content or ""
                yield text


def _plain(turns: list[Turn]) -> Any:
    """Role and text only: the page's own messages carry more."""
    return [{"role": turn["role"], "content": _text(turn["content"])} for turn in turns]


def _text(content: Any) -> str:
    if isinstance(content, str):
        return content
    parts = content if isinstance(content, list) else [content]
    return "".join(part.get("text", "") if isinstance(part, dict) else str(part) for part in parts)
