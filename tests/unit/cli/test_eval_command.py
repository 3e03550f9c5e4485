"""`kamerton eval`: a tiny model on two problems, from the command to the folder."""

import functools
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

import command_line
from kamerton.formats.errors import InputError
from listening import listening

call = functools.partial(command_line.unguarded, "eval")
Capture = pytest.CaptureFixture[str]
PROBLEMS = [
    {"question": "How many eggs are 9 and 9?", "answer": "9 + 9 = <<9+9=18>>18\n#### 18"},
    {"question": "How many legs have 2 dogs?", "answer": "8"},
    {"question": "Not asked", "answer": "1"},
]


@pytest.fixture
def problems(tmp_path: Path) -> Path:
    path = tmp_path / "problems.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in PROBLEMS), "utf-8")
    return path


def asked(tiny: Path, problems: Path, out: Path) -> list[str]:
    where = ["--model", str(tiny), "--data", str(problems), "--out", str(out)]
    how = ["--shots", "2", "--limit", "2", "--max-tokens", "6", "--threads", "1"]
    return ["maths", *where, *how, "--max-unparsed", "1"]


def test_from_command_to_folder_and_again(
    tmp_path: Path, tiny: Path, problems: Path, capsys: Capture
) -> None:
    out = tmp_path / "out"
    given = [*asked(tiny, problems, out), "--samples", "3", "--seed", "4"]
    assert call(*given, "--json") == 0
    first = json.loads(capsys.readouterr().out)
    assert first["grading"]["answers"] == 6 and first["settings"]["temperature"] == 0.7
    assert first["cached"] == 0 and first["shots"] == 2
    assert (out / "report.html").read_text("utf-8").startswith("<!doctype html>")
    assert len((out / "replies.jsonl").read_text("utf-8").splitlines()) == 6
    # The same again asks nothing; that too little could be read is told with the figures.
    assert call(*given, "--max-unparsed", "0", "--json") == 1
    told = capsys.readouterr()
    again = json.loads(told.out)
    assert again["cached"] == 6 and again["grading"]["right"] == first["grading"]["right"]
    assert "--max-unparsed" in told.err and "report.html" in told.err


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["sums"], "no task “sums”"),
        (["maths"], "maths"),
        (["maths", "--samples", "3", "--temperature", "0"], "all the same"),
        (["maths", "--prompts", "de"], "worked examples in “de”"),
        (["maths", "--model", "nobody"], "nobody"),
    ],
)
def test_what_cannot_be_done_is_said_before_anything_loads(
    arguments: list[str], says: str, problems: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def loaded(*_: Any) -> None:
        raise AssertionError("a model was started")

    monkeypatch.setattr("kamerton.engines.batched.engine.running", loaded)
    monkeypatch.delenv("KAMERTON_TEST_DATA", raising=False)
    given = (
        arguments if arguments in (["maths"], ["sums"]) else [*arguments, "--data", str(problems)]
    )
    with pytest.raises(InputError, match=says):
        call(*given)


@pytest.mark.parametrize("language", ["en", "ru"])
def test_help_speaks_both_languages(
    language: str, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    monkeypatch.setenv("KAMERTON_LANG", language)
    call("--help")
    told = capsys.readouterr().out
    assert ("Проверить модель" in told) == (language == "ru") and "cli." not in told


@pytest.fixture
def server() -> Iterator[str]:
    """An OpenAI-compatible server that has two models and always answers 18."""

    async def models(request: Request) -> JSONResponse:
        return JSONResponse({"data": [{"id": "small"}, {"id": "large"}]})

    async def complete(request: Request) -> JSONResponse:
        text = f" The answer is 18, says {(await request.json())['model']}."
        return JSONResponse({"choices": [{"text": text, "finish_reason": "stop"}]})

    routes = [Route("/v1/models", models), Route("/v1/completions", complete, methods=["POST"])]
    with listening(routes) as url:
        yield url


def test_a_model_by_its_address(
    tmp_path: Path, problems: Path, server: str, capsys: Capture
) -> None:
    given = ["maths", "--data", str(problems), "--limit", "1", "--out", str(tmp_path), "--json"]
    assert call(*given, "--model", f"{server}#large") == 0
    results = json.loads(capsys.readouterr().out)
    assert results["grading"]["right"] == 1 and results["fingerprint"] == f"{server} large"
    assert "says large" in (tmp_path / "answers.jsonl").read_text("utf-8")
    with pytest.raises(InputError, match=r"no model “huge”; it has: small, large"):
        call(*given, "--model", f"{server}#huge")
    with pytest.raises(InputError, match=r"--model: example\.org is not on this machine"):
        call(*given, "--model", "https://example.org/v1")
