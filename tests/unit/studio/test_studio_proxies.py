"""A proxy of the environment never comes between the page and a server on this machine."""

import asyncio

import pytest

from kamerton.studio.client import Client
from recording_proxy import proxied


def test_the_page_asks_this_machine_without_a_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    with proxied({"data": [{"id": "base"}]}, monkeypatch) as seen:
        assert asyncio.run(Client(f"{seen.url}/v1").models()) == ["base"]
    assert (seen.served, seen.proxied) == (["GET /v1/models"], [])
