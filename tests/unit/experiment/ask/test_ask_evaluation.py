"""Asking: nothing twice, votes that end early, draws that depend on nothing else, the page."""

import os
import random
import subprocess
import sys
import time
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from completing import completing, served

from kamerton.client import connection
from kamerton.client.connection import Endpoint, Model
from kamerton.client.ledger import Ledger, request_key
from kamerton.experiment.ask.asking import REPLIES, How, Prompt, Reply, least, request
from kamerton.experiment.ask.evaluate import Evaluation, Results, evaluate
from kamerton.experiment.ask.page import curve, render, write_page
from kamerton.experiment.tasks.maths.grading import Problem
from kamerton.experiment.tasks.maths.votes import decided
from kamerton.formats.errors import InputError

PROBLEMS = [Problem(str(i), f"How many is {i} and {i}?", Fraction(2 * i)) for i in range(6)]


def number(body: dict[str, Any]) -> int:
    """Which of the problems is asked."""
    return int(body["prompt"].rpartition("How many is ")[2].split()[0])


def right(body: dict[str, Any]) -> str:
    return f" It is {number(body)} + {number(body)}. The answer is {2 * number(body)}."


def doubtful(body: dict[str, Any]) -> str:
    """Right for two seeds of three."""
    return right(body) if body["seed"] % 3 else " The answer is 1000."


def test_figures_files_and_page(tmp_path: Path) -> None:
    with completing(right) as there:
        found = evaluate(Evaluation("maths", "it"), PROBLEMS, served(there.url), tmp_path)
    assert found.grading.right == 6 and found.fingerprint == "weights1" and found.cached == 0
    assert found.prompt_tokens == 54 and found.completion_tokens == 30
    body = there.bodies[0]
    assert body["prompt"].count("\nA:") == 9 and body["stop"] == ["\nQ:", "\n\nQ:"]
    assert body["temperature"] == 0 and body["max_tokens"] == 256
    write_page(found, tmp_path)
    names = {"answers.jsonl", "graded.jsonl", "replies.jsonl", "report.html", "results.json"}
    there_too = {path.name for path in tmp_path.iterdir()} - names
    # The harness's form, whose names have the time in them.
    assert all(name.startswith(("results_", "samples_")) for name in there_too)
    assert names <= {path.name for path in tmp_path.iterdir()}
    again = Results.model_validate_json((tmp_path / "results.json").read_text())
    assert again == found


def test_nothing_is_asked_twice(tmp_path: Path) -> None:
    what = Evaluation("maths", "it", how=How(3, 0.7))
    with completing(doubtful) as there:
        first = evaluate(what, PROBLEMS[:4], served(there.url), tmp_path)
        assert len(there.bodies) == 12
        path = tmp_path / "replies.jsonl"
        path.write_text(path.read_text()[:-30])  # as a kill leaves it
        again = evaluate(what, PROBLEMS[:4], served(there.url), tmp_path)
        assert len(there.bodies) == 13 and again.cached == 11
        assert again.grading == first.grading
        evaluate(replace(what, how=How(5, 0.7)), PROBLEMS, served(there.url), tmp_path)
        assert len(there.bodies) == 13 + 4 * 2 + 2 * 5
        there.fingerprint = "weights2"
        evaluate(what, PROBLEMS[:1], served(there.url), tmp_path)
        assert len(there.bodies) == 31 + 3


def test_answers_survive_kill_9(tmp_path: Path) -> None:
    """A process of its own is killed while it asks; the next one asks for what is missing only."""

    def slow(body: dict[str, Any]) -> str:
        time.sleep(0.1)
        return right(body)

    code = (
        "import sys; from pathlib import Path; from test_ask_evaluation import *\n"
        "evaluate(Evaluation('maths', 'it'), PROBLEMS,"
        " served(sys.argv[1], concurrency=1), Path(sys.argv[2]))"
    )
    with completing(slow) as there:
        child = subprocess.Popen(
            [sys.executable, "-c", code, there.url, str(tmp_path)],
            env=os.environ | {"PYTHONPATH": os.pathsep.join(map(os.path.abspath, sys.path))},
        )
        while len(there.bodies) < 4:
            assert child.poll() is None
            time.sleep(0.02)
        child.kill()
        child.wait()
        kept = (tmp_path / "replies.jsonl").read_text().count("\n")
        time.sleep(0.5)  # what was on its way arrives
        before = len(there.bodies)
        found = evaluate(Evaluation("maths", "it"), PROBLEMS, served(there.url), tmp_path)
    assert kept >= 3 and found.cached == kept and len(there.bodies) == before + 6 - kept


def test_a_decided_vote_is_not_asked_on(tmp_path: Path) -> None:
    what = Evaluation("maths", "it", how=How(9, 0.7, early=True))
    with completing(right) as there:
        found = evaluate(what, PROBLEMS, served(there.url), tmp_path)
    assert len(there.bodies) == 6 * 5 and found.grading.right == 30
    with completing(doubtful) as there:
        early = evaluate(what, PROBLEMS, served(there.url), tmp_path / "early")
        # Which answers there are depends on what they say: nothing but the vote is shown of them.
        assert "<polyline" not in render(early) and "one answer" not in render(early)
        asked = len(there.bodies)
        whole = replace(what, how=replace(what.how, early=False))
        late = evaluate(whole, PROBLEMS, served(there.url), tmp_path / "late")
    assert 30 < asked < 54
    assert early.grading.vote is not None and late.grading.vote is not None
    assert early.grading.vote.accuracy.mean == late.grading.vote.accuracy.mean


def test_the_fewest_samples_that_could_decide() -> None:
    draw = random.Random(0)
    for _ in range(300):
        values = [draw.choice([None, *map(Fraction, range(3))]) for _ in range(draw.randrange(6))]
        left = draw.randrange(8)
        # The best case: all further samples say what leads now.
        seen = [value for value in values if value is not None]
        leader = max(seen, key=seen.count) if seen else Fraction(9)
        need = next(k for k in range(left + 1) if decided([*values, *[leader] * k], left - k))
        assert least(values, left) == need


def test_only_the_first_problems(tmp_path: Path) -> None:
    what = Evaluation("maths", "it", limit=2)
    with completing(right) as there:
        found = evaluate(what, PROBLEMS, served(there.url), tmp_path).grading
    assert (found.questions, found.problems) == (2, 6)


THERE = Model(Endpoint("http://127.0.0.1:9/v1"), "m", "weights1")


def key(prompt: Prompt, how: How, sample: int, fingerprint: str = "weights1") -> str:
    return request_key(fingerprint, request(THERE, prompt, how, sample))


def test_draws_depend_on_seed_question_and_number_alone() -> None:
    def seed(id: str, how: How, sample: int) -> object:
        return request(THERE, Prompt(id, "text"), how, sample)["seed"]

    how = How(4, 0.7)
    seeds = {seed(id, replace(how, seed=s), i) for id in "ab" for s in (0, 1) for i in (0, 1)}
    assert len(seeds) == 8
    assert seed("a", how, 2) == seed("a", replace(how, samples=9, early=True), 2)


def test_what_a_reply_is_cached_by() -> None:
    prompt, how = Prompt("1", "text"), How(2, 0.7)
    keys = {
        key(prompt, how, 0),
        key(prompt, how, 0, "weights2"),
        key(Prompt("1", "other"), how, 0),
        key(Prompt("2", "text"), how, 0),  # two questions with one text are two draws
        key(prompt, how, 1),
        key(prompt, replace(how, temperature=0.8), 0),
        key(prompt, replace(how, seed=1), 0),
        key(prompt, replace(how, stops=("x",)), 0),
        key(prompt, replace(how, max_tokens=9), 0),
    }
    assert len(keys) == 9
    greedy = replace(how, temperature=0.0)
    assert key(prompt, greedy, 0) == key(Prompt("2", "text"), replace(greedy, seed=5), 1)


def test_a_refusal_and_a_server_that_is_gone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "PAUSE", 0.001)
    what = Evaluation("maths", "it")
    with (
        completing(lambda body: 400 if number(body) == 3 else right(body)) as there,
        pytest.raises(InputError, match=r"3: the server refused.*400"),
    ):
        evaluate(what, PROBLEMS, served(there.url, concurrency=1), tmp_path)
    kept = Ledger(tmp_path / REPLIES, Reply, "key")
    assert [row.id for row in kept.rows] == ["0", "1", "2"]
    with completing(lambda body: 503) as busy:
        with pytest.raises(InputError, match=r"does not answer.*503"):
            evaluate(what, PROBLEMS[:1], served(busy.url), tmp_path / "busy")
        assert len(busy.bodies) == 6


@pytest.mark.parametrize("language", ["en", "ru"])
def test_the_page_shows_curve_and_errors_escaped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, language: str
) -> None:
    monkeypatch.setenv("KAMERTON_LANG", language)

    def hostile(body: dict[str, Any]) -> str:
        return doubtful(body) if number(body) else "<script>alert(1)</script> 3 + 4 = 8."

    what = Evaluation("maths", "it", how=How(4, 0.7), max_unparsed=1.0)
    with completing(hostile) as there:
        page = render(evaluate(what, PROBLEMS, served(there.url), tmp_path))
    assert "<script>" not in page and "&lt;script&gt;" in page
    assert page.count("<polyline") == 1 and page.count("<title>") == 1 + 4
    assert ("Где модель ошибается" in page) == (language == "ru")
    assert "3 + 4 = 8" in page and "{" not in page.split("</style>")[1].split("<dl")[0]


def test_the_curve_is_drawn_to_scale() -> None:
    drawn = curve([0.1, 0.2, 0.2])
    (x1, y1, _), (x2, y2, said), (x3, y3, _) = drawn.points
    assert x2 - x1 == pytest.approx(x3 - x2, abs=0.2) and y2 == y3 < y1
    zero = next(y for y, label in drawn.ticks_y if float(label.replace(",", ".")) == 0)
    assert (zero - y2) == pytest.approx(2 * (zero - y1), abs=0.3) and said == "2: 20.0 %"
