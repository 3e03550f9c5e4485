"""A proxy of the environment never comes between the proof of parity and its engine."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from kamerton.develop.export.engine import Engine
from recording_proxy import proxied


def test_the_engine_is_asked_without_a_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    with proxied({"tokens": [1, 2]}, monkeypatch) as seen:
        engine = Engine(Path("base.gguf"), [], {}, 8)
        engine._server = SimpleNamespace(listening_address=seen.url)
        assert engine.tokens("text") == [1, 2]
    assert (seen.served, seen.proxied) == (["POST /tokenize"], [])
