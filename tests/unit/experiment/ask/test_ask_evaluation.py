"""Asking: nothing twice, votes that end early, draws that depend on nothing else, the page."""

import json
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
from completing import completing

from kamerton.experiment.ask import client
from kamerton.experiment.ask.asking import least
from kamerton.experiment.ask.client import How, Prompt, Server, key, seed_of, server
from kamerton.experiment.ask.evaluate import Evaluation, Results, evaluate
from kamerton.experiment.ask.ledger import Ledger, Reply
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
        found = evaluate(Evaluation("maths", "it"), PROBLEMS, server(there.url, {}), tmp_path)
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
        first = evaluate(what, PROBLEMS[:4], server(there.url, {}), tmp_path)
        assert len(there.bodies) == 12
        path = tmp_path / "replies.jsonl"
        path.write_text(path.read_text()[:-30])  # as a kill leaves it
        again = evaluate(what, PROBLEMS[:4], server(there.url, {}), tmp_path)
        assert len(there.bodies) == 13 and again.cached == 11
        assert again.grading == first.grading
        evaluate(replace(what, how=How(5, 0.7)), PROBLEMS, server(there.url, {}), tmp_path)
        assert len(there.bodies) == 13 + 4 * 2 + 2 * 5
        there.fingerprint = "weights2"
        evaluate(what, PROBLEMS[:1], server(there.url, {}), tmp_path)
        assert len(there.bodies) == 31 + 3


def test_answers_survive_kill_9(tmp_path: Path) -> None:
    """A process of its own is killed while it asks; the next one asks for what is missing only."""

    def slow(body: dict[str, Any]) -> str:
        time.sleep(0.1)
        return right(body)

    code = (
        "import sys; from pathlib import Path; from test_ask_evaluation import *\n"
        "evaluate(Evaluation('maths', 'it', how=How(concurrency=1)), PROBLEMS,"
        " server(sys.argv[1], {}), Path(sys.argv[2]))"
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
        found = evaluate(Evaluation("maths", "it"), PROBLEMS, server(there.url, {}), tmp_path)
    assert kept >= 3 and found.cached == kept and len(there.bodies) == before + 6 - kept


def test_a_decided_vote_is_not_asked_on(tmp_path: Path) -> None:
    what = Evaluation("maths", "it", how=How(9, 0.7, early=True))
    with completing(right) as there:
        found = evaluate(what, PROBLEMS, server(there.url, {}), tmp_path)
    assert len(there.bodies) == 6 * 5 and found.grading.right == 30
    with completing(doubtful) as there:
        early = evaluate(what, PROBLEMS, server(there.url, {}), tmp_path / "early")
        # Which answers there are depends on what they say: nothing but the vote is shown of them.
        assert "<polyline" not in render(early) and "one answer" not in render(early)
        asked = len(there.bodies)
        whole = replace(what, how=replace(what.how, early=False))
        late = evaluate(whole, PROBLEMS, server(there.url, {}), tmp_path / "late")
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
        found = evaluate(what, PROBLEMS, server(there.url, {}), tmp_path).grading
    assert (found.questions, found.problems) == (2, 6)


def test_draws_depend_on_seed_question_and_number_alone() -> None:
    how = How(4, 0.7)
    seeds = {seed_of(id, replace(how, seed=s), i) for id in "ab" for s in (0, 1) for i in (0, 1)}
    assert len(seeds) == 8
    assert seed_of("a", how, 2) == seed_of("a", replace(how, samples=9, early=True), 2)


def test_what_a_reply_is_cached_by() -> None:
    there, prompt, how = Server("http://x/v1", "m", "w"), Prompt("1", "text"), How(2, 0.7)
    known = key(there, prompt, how, 0)
    others = [
        key(replace(there, fingerprint="v"), prompt, how, 0),
        key(there, Prompt("1", "other"), how, 0),
        key(there, Prompt("2", "text"), how, 0),
        key(there, prompt, how, 1),
        key(there, prompt, replace(how, temperature=0.8), 0),
        key(there, prompt, replace(how, seed=1), 0),
        key(there, prompt, replace(how, stops=("x",)), 0),
        key(there, prompt, replace(how, max_tokens=9), 0),
    ]
    assert len({known, *others}) == 9
    assert key(replace(there, base_url="http://y/v1"), prompt, how, 0) == known
    greedy = replace(how, temperature=0.0)
    assert key(there, prompt, greedy, 0) == key(there, prompt, replace(greedy, seed=5), 0)


def test_a_refusal_and_a_server_that_is_gone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "_BACKOFF", 0.001)
    what = Evaluation("maths", "it", how=How(concurrency=1))
    with completing(lambda body: 400 if number(body) == 3 else right(body)) as there:
        with pytest.raises(InputError, match=r"3: the server refused.*400"):
            evaluate(what, PROBLEMS, server(there.url, {}), tmp_path)
        with pytest.raises(InputError, match="no model “other”"):
            server(there.url, {}, "other")
    with Ledger(tmp_path / "replies.jsonl") as kept:
        one = Server(there.url, "m", "weights1")
        assert isinstance(kept.get(_key_of(one, 0)), Reply)
    with completing(lambda body: 503) as busy:
        with pytest.raises(InputError, match=r"does not answer.*503"):
            evaluate(what, PROBLEMS[:1], server(busy.url, {}), tmp_path / "busy")
        assert len(busy.bodies) == 6
    with pytest.raises(InputError, match="does not answer"):
        server("http://127.0.0.1:9/v1", {})


def _key_of(there: Server, place: int) -> str:
    from kamerton.experiment.tasks.maths.prompts import prompt, stops

    asked = Prompt(str(place), prompt(PROBLEMS[place].question))
    return key(there, asked, How(stops=tuple(stops())), 0)


@pytest.mark.parametrize("language", ["en", "ru"])
def test_the_page_shows_curve_and_errors_escaped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, language: str
) -> None:
    monkeypatch.setenv("KAMERTON_LANG", language)

    def hostile(body: dict[str, Any]) -> str:
        return doubtful(body) if number(body) else "<script>alert(1)</script> 3 + 4 = 8."

    what = Evaluation("maths", "it", how=How(4, 0.7), max_unparsed=1.0)
    with completing(hostile) as there:
        page = render(evaluate(what, PROBLEMS, server(there.url, {}), tmp_path))
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


def test_the_ledger_reads_its_lines_only(tmp_path: Path) -> None:
    reply = Reply(
        key="k",
        id="1",
        sample=0,
        text="a\u2028b",
        finish_reason="stop",
        prompt_tokens=1,
        completion_tokens=2,
    )
    with Ledger(tmp_path / "r.jsonl") as ledger:
        ledger.add(reply)
    (tmp_path / "r.jsonl").open("a").write(json.dumps({"key": "x"}) + "\n")
    with Ledger(tmp_path / "r.jsonl") as ledger:
        assert ledger.get("k") == reply and ledger.get("x") is None
    assert (tmp_path / "r.jsonl").read_text().count("\n") == 1
