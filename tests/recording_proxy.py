"""A proxy that notes what reaches it, and a server on this machine that must not be asked by it."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pytest

from model_server import Answer, Asked, ModelServer, model_server

VARIABLES = ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy")


@dataclass
class Recorded:
    """Two listeners of this machine."""

    server: ModelServer
    proxy: ModelServer

    @property
    def url(self) -> str:
        """Address of the server, without /v1."""
        return self.server.url.removesuffix("/v1")

    @property
    def served(self) -> list[str]:
        """Requests that came to the server itself."""
        return self.server.paths

    @property
    def proxied(self) -> list[str]:
        """Requests that came to the proxy."""
        return self.proxy.paths


@contextmanager
def proxied(reply: object, monkeypatch: pytest.MonkeyPatch) -> Iterator[Recorded]:
    """The server and the proxy answer everything with `reply`; the environment names the proxy."""

    def answer(asked: Asked) -> Answer:
        return 200, json.dumps(reply).encode(), {"Content-Type": "application/json"}

    with model_server(answer) as server, model_server(answer) as proxy:
        for name in VARIABLES:
            monkeypatch.setenv(name, proxy.url.removesuffix("/v1"))
        for name in ("NO_PROXY", "no_proxy"):
            monkeypatch.delenv(name, raising=False)
        yield Recorded(server, proxy)
