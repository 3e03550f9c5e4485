"""Requests to an OpenAI-compatible server: one rule of tries, pauses and deadlines for all who ask.

A busy server (408, 425, 429, 5xx but 501), a broken connection and a try past its deadline are
tried again after growing pauses, longer ones where the server asks for them. A server that refuses
everything (401, 403, 404) ends the asking at once. Redirects are not followed: they could lead
texts to a host that nobody allowed.
"""

import asyncio
import json
import os
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, Self, TypeVar

from kamerton.client.concurrent import run, side_by_side
from kamerton.client.hosts import parsed, trust_env
from kamerton.formats.errors import InputError

if TYPE_CHECKING:
    import httpx

PAUSE, LONGEST_PAUSE = 0.5, 600.0
"""Seconds before the second try, and the most before any; each later one waits twice as long."""
_CONNECT = 10.0
_DENIED = {401, 403, 404}
"""A wrong key, a forbidden or an unknown model or address: every other request would fail too."""
_BUSY = {408, 425, 429}
_SECRET = 8
"""Characters from which on a key is taken out of what a server says: shorter ones (`none`, `x`)
are for servers on this machine, and may well be words of a text."""
_SHOWN = 300

T = TypeVar("T")
Fault = Literal["", "timeout", "unreachable", "busy", "refused"]
PASSING: tuple[Fault, ...] = ("timeout", "unreachable", "busy")
"""Faults after which the same request may succeed."""


@dataclass(frozen=True)
class Endpoint:
    """A server, and how patiently it is asked."""

    base_url: str
    """With its /v1."""
    api_key: str = field(default="", repr=False)
    """Sent as a bearer token; empty: none is sent."""
    timeout: float | None = 600.0
    """Seconds for one try as a whole; None: no limit."""
    retries: int = 5
    """Tries after the first one."""
    concurrency: int = 8
    """Connections at most: requests on their way at a time."""


@dataclass(frozen=True)
class Response:
    """What came of a request: its last try, and what all of them took."""

    content: bytes = b""
    """The body, without the key."""
    status: int = 0
    """Of HTTP; 0 where the server was not reached, or not in time."""
    fault: Fault = ""
    why: str = ""
    """Of a fault: status and first words of the server, or the error of the connection."""
    attempts: int = 1
    seconds: float = 0.0
    """Of the last try."""
    elapsed: float = 0.0
    """Seconds of all tries and the pauses between them."""


@dataclass(frozen=True)
class Model:
    """A model that a server offers."""

    endpoint: Endpoint
    id: str
    fingerprint: str
    """Hash of weights and tokenizer where the server tells one; else address and id."""


def api_key(variable: str) -> str:
    """The key that an environment variable holds; "" where no variable is named.

    InputError, which never contains the key, where it is missing or cannot be sent.
    """
    key = os.environ.get(variable, "").strip() if variable else ""
    if variable and not key:
        raise InputError("client.no_key", where="api_key_env", name=variable)
    # httpx puts a header that it cannot send into its error, with the key.
    if not key.isascii() or not key.isprintable() or " " in key:
        raise InputError("client.bad_key", where="api_key_env", name=variable)
    return key


def models(endpoint: Endpoint) -> list[Model]:
    """The models of a server, in its order; one try. InputError where it does not answer."""

    async def ask() -> list[Model]:
        async with Connection(endpoint) as server:
            return await server.models()

    return run(ask())


def first_model(endpoint: Endpoint) -> Model:
    """The first model of a server; InputError where it has none."""
    if not (served := models(endpoint)):
        raise InputError("client.no_model", where=endpoint.base_url)
    return served[0]


def ask_each(
    endpoint: Endpoint,
    jobs: Iterable[T],
    ask: Callable[["Connection", T], Awaitable[None]],
    stop: Callable[[], bool] = lambda: False,
) -> None:
    """Ask a server about each of the jobs, in their order, as many at a time as it is asked.

    `stop` is asked before each; the first failure ends the others.
    """

    async def all_of_them() -> None:
        async with Connection(endpoint) as server:
            await side_by_side(jobs, lambda job: ask(server, job), endpoint.concurrency, stop)

    run(all_of_them())


class Connection:
    """The connections to a server; open it with `async with`."""

    def __init__(self, endpoint: Endpoint) -> None:
        """InputError where the address is none, or the environment's proxy cannot be used."""
        self.endpoint = endpoint
        self._base = str(parsed(endpoint.base_url)).rstrip("/")
        self._http = _http(endpoint)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, one: BaseException | None, at: TracebackType | None
    ) -> None:
        await self._http.aclose()

    async def post(
        self,
        route: str,
        body: Mapping[str, Any],
        again: Callable[[Response], bool] = lambda reply: False,
    ) -> Response:
        """The reply to a request after all its tries, a faulty one too.

        `route` starts at `base_url`, with a slash at the server's root. `again` is given each try,
        and says whether one that has no fault is made again all the same. InputError where the
        server refuses everything.
        """
        start, attempt = time.monotonic(), 1
        while True:
            reply, wanted = await self._try("POST", route, body)
            useless = again(reply) and not reply.fault
            if attempt > self.endpoint.retries or not (useless or reply.fault in PASSING):
                elapsed = round(time.monotonic() - start, 3)
                return replace(reply, attempts=attempt, elapsed=elapsed)
            await asyncio.sleep(min(max(PAUSE * 2 ** (attempt - 1), wanted), LONGEST_PAUSE))
            attempt += 1

    async def models(self) -> list[Model]:
        """The models of the server, in its order; one try."""
        reply, _ = await self._try("GET", "models")
        at = self.endpoint
        rows = self.read(reply, _model_rows)
        return [Model(at, id, mark or f"{at.base_url} {id}") for id, mark in rows]

    async def stream(self, route: str, body: Mapping[str, Any]) -> AsyncIterator[dict[str, Any]]:
        """The chunks of a reply as they come, one try; leaving the loop early ends the request.

        InputError where the server is gone or refuses, also half-way.
        """
        import httpx

        try:
            whole = {**body, "stream": True}
            async with self._http.stream("POST", self._url(route), json=whole) as response:
                if not response.is_success:
                    self.read(self._reply(response.status_code, await response.aread()), bytes)
                async for data in events(response):
                    chunk = json.loads(self._clean(data))
                    if not isinstance(chunk, dict):
                        raise ValueError(data[:_SHOWN].decode("utf-8", "replace"))
                    if "error" in chunk:
                        self.read(self._reply(400, data), bytes)
                    yield chunk
        except httpx.RequestError as error:
            self.read(Response(fault="unreachable", why=self._said(error)), bytes)
        except ValueError as error:
            raise self._unreadable(error) from error

    def read(self, reply: Response, parse: Callable[[bytes], T], where: str = "") -> T:
        """What `parse` makes of a reply's body.

        InputError for a reply with a fault, and for one that `parse` fails on; `where` is what was
        asked, to be named where just that is refused.
        """
        if reply.fault == "refused":
            raise InputError("client.refused", where=where or self.endpoint.base_url, why=reply.why)
        if reply.fault:
            raise InputError("client.gone", where=self.endpoint.base_url, why=reply.why)
        try:
            return parse(reply.content)
        except (ValueError, LookupError, TypeError, AttributeError) as error:
            raise self._unreadable(error, where) from error

    async def _try(
        self, method: str, route: str, body: Mapping[str, Any] | None = None
    ) -> tuple[Response, float]:
        """One try, and the pause in seconds that the server asks for."""
        import httpx

        start = time.monotonic()
        try:
            # httpx limits every read; a reply that drips would go on for ever without this.
            async with asyncio.timeout(self.endpoint.timeout):
                response = await self._http.request(method, self._url(route), json=body)
        except (TimeoutError, httpx.TimeoutException) as error:
            return Response(fault="timeout", why=self._said(error)), 0.0
        except httpx.RequestError as error:
            return Response(fault="unreachable", why=self._said(error)), 0.0
        reply = self._reply(response.status_code, response.content)
        wanted = wanted_pause(response.headers.get("retry-after", ""))
        return replace(reply, seconds=round(time.monotonic() - start, 3)), wanted

    def _url(self, route: str) -> str:
        base = self._base.removesuffix("/v1") if route.startswith("/") else self._base
        return f"{base}/{route.lstrip('/')}"

    def _reply(self, status: int, content: bytes) -> Response:
        content = self._clean(content)
        if 200 <= status < 300:
            return Response(content, status)
        why = f"HTTP {status} {content.decode('utf-8', 'replace')[:_SHOWN]}".strip()
        if status in _DENIED:
            raise InputError("client.denied", where=self.endpoint.base_url, why=why)
        busy = status in _BUSY or (status >= 500 and status != 501)
        return Response(content, status, "busy" if busy else "refused", why)

    def _clean(self, content: bytes) -> bytes:
        """What a server says without the key, which it may repeat."""
        key = self.endpoint.api_key.encode()
        return content.replace(key, b"***") if len(key) >= _SECRET else content

    def _said(self, error: Exception) -> str:
        text = f"{type(error).__name__} {error}".strip()
        return self._clean(text.encode("utf-8", "replace")).decode()

    def _unreadable(self, error: Exception, where: str = "") -> InputError:
        where = where or self.endpoint.base_url
        return InputError("client.unreadable", where=where, why=self._said(error))


def _http(endpoint: Endpoint) -> "httpx.AsyncClient":
    import httpx

    limit = endpoint.timeout
    try:
        return httpx.AsyncClient(
            timeout=httpx.Timeout(limit, connect=min(_CONNECT, limit or _CONNECT)),
            limits=httpx.Limits(max_connections=endpoint.concurrency),
            headers={"Authorization": f"Bearer {endpoint.api_key}"} if endpoint.api_key else {},
            trust_env=trust_env(endpoint.base_url),
        )
    except (ImportError, ValueError) as error:  # SOCKS, or no address: its text may hold a password
        raise InputError("client.bad_proxy", where=endpoint.base_url) from error


async def events(response: "httpx.Response") -> AsyncIterator[bytes]:
    """The data of each server-sent event.

    Not `aiter_lines`: JSON may hold U+2028 and its like, which end a line for Python only.
    """
    rest = b""
    async for piece in response.aiter_bytes():
        *lines, rest = (rest + piece).split(b"\n")
        for line in lines:
            data = line.removeprefix(b"data:").strip()
            if line.startswith(b"data:") and data != b"[DONE]":
                yield data


def _model_rows(content: bytes) -> list[tuple[str, str]]:
    rows = json.loads(content)["data"]
    return [(str(row["id"]), str(row.get("fingerprint") or "")) for row in rows]


def wanted_pause(header: str) -> float:
    """Seconds that a Retry-After header asks for, as a number or as a date; 0 where neither."""
    try:
        return max(0.0, float(header))
    except ValueError:
        pass
    try:
        until = parsedate_to_datetime(header)
    except ValueError:
        return 0.0
    until = until if until.tzinfo else until.replace(tzinfo=UTC)
    return max(0.0, (until - datetime.now(UTC)).total_seconds())
