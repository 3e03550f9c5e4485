"""A dry run sees what the run will need, and names the way without it."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from command_line import call
from kamerton.app import needs
from kamerton.client import hosts
from model_server import Answer, Asked, ModelServer, model_server

ROOT = Path(__file__).parents[3]
Capture = pytest.CaptureFixture[str]
Patch = pytest.MonkeyPatch
NOWHERE = "http://127.0.0.1:9/v1"


def offers(asked: Asked) -> Answer:
    models = {"data": [{"id": "teacher"}, {"id": "other"}]}
    return 200, json.dumps(models).encode(), {}


@pytest.fixture
def server() -> Iterator[ModelServer]:
    with model_server(offers) as running:
        yield running


def plan(capsys: Capture, *arguments: str, code: int = 0) -> str:
    assert call("run", *arguments, "--dry-run") == code
    told = capsys.readouterr()
    assert "Traceback" not in told.err
    return told.out + told.err


def marketing(**values: object) -> list[str]:
    sets = (f"--set=data.synth.{name}={value}" for name, value in values.items())
    return [str(ROOT / "recipes" / "marketing"), *sets]


def test_a_teacher_that_answers_is_named_and_asked_nothing(
    server: ModelServer, capsys: Capture
) -> None:
    told = plan(capsys, *marketing(base_url=server.url))
    assert f"teacher: {server.url} answers and has the model teacher" in told
    assert "asked for 254 texts" in told and "254 briefs" in told
    assert server.paths == ["GET /v1/models"]


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"base_url": NOWHERE}, f"{NOWHERE} does not answer"),
        ({"base_url": NOWHERE, "examples": 9}, "63 texts are wanted of the model teacher"),
        ({"model": "missing"}, "has no model missing (it has: teacher, other)"),
        ({"api_key_env": "NO_SUCH_KEY_HERE"}, "NO_SUCH_KEY_HERE"),
    ],
)
def test_a_teacher_that_is_not_there_is_told_with_the_way_without_it(
    values: dict[str, object], told: str, server: ModelServer, capsys: Capture
) -> None:
    shown = plan(capsys, *marketing(**{"base_url": server.url} | values))
    assert told in shown and "recipe.yaml --preset smoke" in shown
    assert "briefs" in shown, "what can be counted is counted"


@pytest.mark.parametrize("status", [401, 404, 500])
def test_a_teacher_that_refuses_is_no_teacher(status: int, capsys: Capture) -> None:
    with model_server(lambda asked: (status, b"no", {})) as refusing:
        assert f"HTTP {status}" in plan(capsys, *marketing(base_url=refusing.url))


def test_a_host_that_is_not_trusted_is_refused_and_not_asked(capsys: Capture) -> None:
    url = "https://api.example.org/v1"
    assert "api.example.org" in plan(capsys, *marketing(base_url=url), code=2)


def test_the_smoke_preset_of_marketing_needs_nobody(capsys: Capture) -> None:
    told = plan(capsys, "marketing", "--preset", "smoke")
    assert "teacher: none is asked, all 6 texts stand in recorded.jsonl" in told
    assert "without it" not in told


def corpus(folder: Path, source: str, more: str = "") -> str:
    lines = [
        f"name: c\ndata: {{kind: corpus, source: '{source}', rights: {{licence: MIT}}{more}}}",
        "presets:",
        "  here: {data: {source: texts, stand_in: ''}}",
        "  there: {data: {source: 'http://127.0.0.1:9/b.txt', stand_in: ''}}",
    ]
    (folder / "recipe.yaml").write_text("\n".join(lines) + "\n", "utf-8")
    (folder / "texts").mkdir()
    (folder / "texts" / "a.txt").write_text("Мастер настроил рояль. " * 40, "utf-8")
    return str(folder)


COMMIT = "0" * 40


@pytest.mark.parametrize(
    ("source", "more", "way"),
    [
        ("http://127.0.0.1:9/a.txt", "", "name a folder as data.source"),
        (f"git+https://127.0.0.1:9/o/n@{COMMIT}#x", "", "name a folder as data.source"),
        (f"git+https://127.0.0.1:9/o/n@{COMMIT}", ", stand_in: books", "a folder that holds books"),
    ],
)
def test_a_source_behind_a_network_that_is_not_there(
    source: str, more: str, way: str, tmp_path: Path, capsys: Capture, monkeypatch: Patch
) -> None:
    monkeypatch.setenv("KAMERTON_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("KAMERTON_TEST_DATA", raising=False)
    told = plan(capsys, corpus(tmp_path, source, more))
    assert f"{source} is not on this machine yet" in told and way in told
    assert "--preset here" in told and "--preset there" not in told


def test_a_source_that_is_fetched_already_needs_no_network(
    tmp_path: Path, capsys: Capture, monkeypatch: Patch
) -> None:
    monkeypatch.setenv("KAMERTON_HOME", str(tmp_path / "home"))
    text = ("Мастер настроил рояль за вечер. " * 40).encode()
    with model_server(lambda asked: (200, text, {"Content-Type": "text/plain"})) as web:
        source = web.url.removesuffix("/v1") + "/a.txt"
        recipe = corpus(tmp_path, source)
        assert f"network: {source} is fetched from there" in plan(capsys, recipe)
    told = plan(capsys, recipe)
    assert "network:" not in told and "1 document" in told


def test_a_set_on_a_hub_that_does_not_answer(
    tmp_path: Path, capsys: Capture, monkeypatch: Patch
) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    (tmp_path / "recipe.yaml").write_text(
        "name: r\ndata: {kind: rows, rights: {licence: MIT}, sources: [{name: openai/gsm8k}]}\n"
    )
    told = plan(capsys, str(tmp_path))
    assert "network: openai/gsm8k is not on this machine yet" in told and "copy_at" in told


@pytest.mark.parametrize("url", ["file:///nowhere", "git+ssh://host/x", "ssh://host/x"])
def test_addresses_of_other_kinds_are_not_looked_at(url: str) -> None:
    assert hosts.unreachable(url, 1.0) == ""
    assert needs.remote_source("texts/a.txt", "") == []


def test_an_embeddings_server_is_looked_for(
    server: ModelServer, tmp_path: Path, capsys: Capture
) -> None:
    at = "data.embeddings={base_url: 'URL', model: MODEL}"
    for url, model, told in (
        (server.url, "other", "answers and has the model other"),
        (server.url, "third", "has no model third"),
        (NOWHERE, "other", "take data.embeddings out"),
    ):
        value = at.replace("URL", url).replace("MODEL", model)
        assert told in plan(capsys, "museum", "--preset", "smoke", "--set", value)
