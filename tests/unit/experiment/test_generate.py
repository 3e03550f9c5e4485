"""Asking a real local HTTP server: order, resumption, retries, and what goes wrong."""

import itertools
import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from answering import serving
from made_up import questions
from starlette.requests import Request
from starlette.responses import JSONResponse

from kamerton.client import connection
from kamerton.experiment.generate import ANSWERS, GenerationConfig, ask_all, changed
from kamerton.experiment.run import compare
from kamerton.experiment.settings import ExperimentSettings
from kamerton.formats.errors import InputError
from kamerton.formats.jsonl import read_rows, write_rows
from kamerton.formats.questions import Question
from kamerton.formats.scores import Sample, Summary

ARMS = ["base", "base+rag", "museum", "museum+rag"]


@dataclass
class Server:
    """A model server of a few lines: tuned arms know the answers, base does not."""

    url: str = ""
    known: dict[str, str] = field(default_factory=dict)
    bodies: list[dict[str, object]] = field(default_factory=list)
    fail: list[int] = field(default_factory=list)
    """Status codes of the next replies, before it answers again."""
    delay: float = 0.0
    now: int = 0
    busiest: int = 0

    async def chat(self, request: Request) -> JSONResponse:
        import asyncio

        body = await request.json()
        self.now += 1
        self.busiest = max(self.busiest, self.now)
        await asyncio.sleep(self.delay)
        self.now -= 1
        if self.fail:
            return JSONResponse({"error": {"message": "busy"}}, self.fail.pop(0))
        if body["model"] not in ARMS:
            return JSONResponse({"error": {"message": "no such model"}}, 404)
        self.bodies.append(body)
        text = self.known.get(body["messages"][-1]["content"], "It is gold.")
        choice = {
            "message": {"role": "assistant", "content": text if "m" in body["model"] else "Gold."},
            "finish_reason": "stop",
        }
        usage = {"prompt_tokens": 12, "completion_tokens": 5}
        return JSONResponse({"choices": [choice], "usage": usage})

    async def models(self, request: Request) -> JSONResponse:
        return JSONResponse({"data": [{"id": arm} for arm in ARMS]})


@pytest.fixture
def server() -> Iterator[Server]:
    state = Server(known={q.question: q.answer for q in questions()})
    with serving(state):
        yield state


def asking(server: Server, **other: float) -> GenerationConfig:
    settings = {"concurrency": 3} | other
    return GenerationConfig(base_url=server.url, max_tokens=8, seed=5, **settings)  # type: ignore[arg-type]


def test_one_arm_after_another_and_groups_together(server: Server, tmp_path: Path) -> None:
    replies = ask_all(questions(), ["base", "museum"], asking(server, concurrency=1), tmp_path)
    assert [b["model"] for b in server.bodies] == ["base"] * 39 + ["museum"] * 39
    by_id = {q.id: q.group for q in questions()}
    groups = [by_id[r.question_id] for r in replies[:39]]
    assert len(list(dict.fromkeys(groups))) == len(list(itertools.groupby(groups)))
    first = server.bodies[0]
    assert (first["temperature"], first["seed"], first["max_tokens"]) == (0, 5, 8)
    assert (replies[0].prompt_tokens, replies[0].finish_reason) == (12, "stop")


def test_no_more_than_the_slots_are_asked_at_once(server: Server, tmp_path: Path) -> None:
    server.delay = 0.02
    ask_all(questions(), ["base"], asking(server), tmp_path)
    assert 2 <= server.busiest <= 3


def test_a_second_start_asks_nothing_and_a_cut_line_is_asked_again(
    server: Server, tmp_path: Path
) -> None:
    first = ask_all(questions(), ["museum"], asking(server), tmp_path)
    partial = tmp_path / ANSWERS
    assert ask_all(questions(), ["museum"], asking(server), tmp_path) == first
    assert len(server.bodies) == 39
    partial.write_text(partial.read_text()[:-20])
    again = ask_all(questions(), ["museum"], asking(server), tmp_path)
    assert len(server.bodies) == 40
    assert [r.answer for r in again] == [r.answer for r in first]
    assert all(json.loads(line) for line in partial.read_text().splitlines())


def test_the_same_request_is_asked_once(server: Server, tmp_path: Path) -> None:
    """Of a greedy answer the seed decides nothing, its length does."""
    asked = questions()
    twin = asked[0].model_copy(update={"id": "twin"})
    replies = ask_all([*asked, twin], ["museum"], asking(server), tmp_path)
    assert len(server.bodies) == 39 and len(replies) == 40
    assert {r.question_id: r.answer for r in replies}["twin"] == replies[0].answer
    ask_all(
        asked, ["museum"], GenerationConfig(base_url=server.url, max_tokens=8, seed=6), tmp_path
    )
    assert len(server.bodies) == 39
    ask_all(
        asked, ["museum"], GenerationConfig(base_url=server.url, max_tokens=9, seed=5), tmp_path
    )
    assert len(server.bodies) == 78


def test_a_killed_run_goes_on_without_asking_twice(server: Server, tmp_path: Path) -> None:
    server.delay = 0.05
    data, out = tmp_path / "data", tmp_path / "out"
    write_rows(data / "known.jsonl", questions(6, 0, 0))
    program = (
        "import sys; from pathlib import Path;"
        "from kamerton.experiment.run import compare;"
        "from kamerton.experiment.settings import ExperimentSettings as S;"
        "compare(S(resamples=100, repeat_share=0), 'museum', Path(sys.argv[1]), sys.argv[2],"
        " Path(sys.argv[3]), 1, False, slots=2)"
    )
    command = [sys.executable, "-c", program, str(data), server.url, str(out)]
    child = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    while len(server.bodies) < 20:
        assert child.poll() is None
        time.sleep(0.01)
    os.kill(child.pid, signal.SIGKILL)
    child.wait()
    time.sleep(0.2)  # what the server was already computing
    kept = len((out / ANSWERS).read_text().splitlines())
    before = len(server.bodies)
    server.delay = 0.0
    subprocess.run(command, check=True, stderr=subprocess.DEVNULL)
    assert len(server.bodies) - before == 4 * 24 - kept
    asked = Counter((b["model"], str(b["messages"])) for b in server.bodies)
    # Only what was under way in the two slots when it was killed may have been asked again.
    assert sum(count - 1 for count in asked.values()) <= 2
    assert len(read_rows(out / "samples.jsonl", Sample)) == 4 * 24


def test_a_refusal_is_told_with_the_servers_words(server: Server, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such model"):
        ask_all(questions(), ["nobody"], asking(server), tmp_path)


def test_a_server_that_dies_is_told_and_the_answers_stay(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "PAUSE", 0.001)
    ask_all(questions(), ["base"], asking(server), tmp_path)
    server.fail = [503] * 1000
    with pytest.raises(InputError, match="kamerton serve"):
        ask_all(questions(), ["base", "museum"], asking(server), tmp_path)
    assert len((tmp_path / ANSWERS).read_text().splitlines()) == 39


def test_answers_that_change_are_counted(server: Server, tmp_path: Path) -> None:
    settled = ask_all(questions(), ["museum"], asking(server, repeat_share=0.2), tmp_path)
    assert changed(settled) == (0, 8)
    second = [r for r in settled if r.round == 1]
    other = [r.model_copy(update={"answer": "?"}) if r is second[0] else r for r in settled]
    assert changed(other) == (1, 8)


def _data(folder: Path, asked: list[Question]) -> Path:
    for name in ("known", "unknown", "safety"):
        write_rows(folder / f"{name}.jsonl", [q for q in asked if q.held_out == name])
    (folder / "leaks.json").write_text('{"blocking": [], "printed": []}')
    return folder


def test_compare_writes_samples_and_a_summary(server: Server, tmp_path: Path) -> None:
    asked = questions(12, 3, 3)
    server.known = {q.question: q.answer for q in asked}
    data = _data(tmp_path / "data", asked)
    settings = ExperimentSettings(resamples=200)
    compare(settings, "museum", data, f"{server.url}/v1", tmp_path, 1, True)
    found = Summary.model_validate_json((tmp_path / "summary.json").read_text())
    assert server.busiest == 1
    assert found.arms == ARMS
    assert found.comparisons[0].verdict == "better"
    assert (found.changed_answers, found.repeated_answers) == (0, 4 * 4)
    assert len(read_rows(tmp_path / "samples.jsonl", Sample)) == 4 * len(asked)


def test_compare_refuses_an_arm_that_is_not_served(server: Server, tmp_path: Path) -> None:
    data = _data(tmp_path / "data", questions())
    settings = ExperimentSettings(arms=["base", "museun"])
    with pytest.raises(InputError, match="museun"):
        compare(settings, "museum", data, server.url, tmp_path, 1, True)


def test_compare_refuses_a_dataset_without_questions(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="held-out"):
        compare(ExperimentSettings(), "museum", tmp_path, "http://127.0.0.1:9", tmp_path, 1, True)
