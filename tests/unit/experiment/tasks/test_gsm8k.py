"""Problems asked: prompts, nothing twice, votes that end early, figures, the page."""

import os
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
from kamerton.client.connection import Model
from kamerton.client.ledger import Ledger
from kamerton.experiment.ask.asking import REPLIES, Reply, SamplingParams
from kamerton.experiment.ask.evaluate import evaluate as run
from kamerton.experiment.report.blocks import html
from kamerton.experiment.tasks import Options
from kamerton.experiment.tasks.gsm8k import maths, prompt, shots, stops
from kamerton.experiment.tasks.maths.equations import equations
from kamerton.experiment.tasks.maths.extraction import declared
from kamerton.experiment.tasks.maths.problems import Problem
from kamerton.experiment.tasks.maths.report import MathsResults, maths_page, vote_curve
from kamerton.experiment.tasks.maths.text import until_next
from kamerton.formats.errors import InputError
from kamerton.formats.language import Language

PROBLEMS = [Problem(str(i), f"How many is {i} and {i}?", Fraction(2 * i)) for i in range(6)]

GOLDS: dict[Language, list[int]] = {
    "en": [27, 120, 205, 8, 40, 17, 30, 80],
    "ru": [27, 1200, 205, 8, 4000, 17, 30, 9],
}


def evaluate(options: Options, problems: list[Problem], model: Model, out: Path) -> MathsResults:
    results = run(maths("maths", options, problems), model, out).results
    assert isinstance(results, MathsResults)
    return results


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
        found = evaluate(Options(), PROBLEMS, served(there.url), tmp_path)
    assert found.grading.right == 6 and found.fingerprint == "weights1" and found.cached == 0
    assert found.prompt_tokens == 54 and found.completion_tokens == 30
    body = there.bodies[0]
    assert body["prompt"].count("\nA:") == 9 and body["stop"] == ["\nQ:", "\n\nQ:"]
    assert body["temperature"] == 0 and body["max_tokens"] == 256
    names = {"answers.jsonl", "graded.jsonl", "replies.jsonl", "report.html", "results.json"}
    there_too = {path.name for path in tmp_path.iterdir()} - names
    # The harness's form, whose names have the time in them.
    assert all(name.startswith(("results_", "samples_")) for name in there_too)
    assert names <= {path.name for path in tmp_path.iterdir()}
    again = MathsResults.model_validate_json((tmp_path / "results.json").read_text())
    assert again == found


def test_nothing_is_asked_twice(tmp_path: Path) -> None:
    config = Options(sampling=SamplingParams(3, 0.7))
    with completing(doubtful) as there:
        first = evaluate(config, PROBLEMS[:4], served(there.url), tmp_path)
        assert len(there.bodies) == 12
        path = tmp_path / "replies.jsonl"
        path.write_text(path.read_text()[:-30])  # as a kill leaves it
        again = evaluate(config, PROBLEMS[:4], served(there.url), tmp_path)
        assert len(there.bodies) == 13 and again.cached == 11
        assert again.grading == first.grading
        evaluate(
            replace(config, sampling=SamplingParams(5, 0.7)), PROBLEMS, served(there.url), tmp_path
        )
        assert len(there.bodies) == 13 + 4 * 2 + 2 * 5
        there.fingerprint = "weights2"
        evaluate(config, PROBLEMS[:1], served(there.url), tmp_path)
        assert len(there.bodies) == 31 + 3


def test_answers_survive_kill_9(tmp_path: Path) -> None:
    """A process of its own is killed while it asks; the next one asks for what is missing only."""

    def slow(body: dict[str, Any]) -> str:
        time.sleep(0.1)
        return right(body)

    code = (
        "import sys; from pathlib import Path; from test_gsm8k import *\n"
        "evaluate(Options(), PROBLEMS,"
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
        found = evaluate(Options(), PROBLEMS, served(there.url), tmp_path)
    assert kept >= 3 and found.cached == kept and len(there.bodies) == before + 6 - kept


def test_a_decided_vote_is_not_asked_on(tmp_path: Path) -> None:
    config = Options(sampling=SamplingParams(9, 0.7, early=True))
    with completing(right) as there:
        found = evaluate(config, PROBLEMS, served(there.url), tmp_path)
    assert len(there.bodies) == 6 * 5 and found.grading.right == 30
    with completing(doubtful) as there:
        early = evaluate(config, PROBLEMS, served(there.url), tmp_path / "early")
        # Which answers there are depends on what they say: nothing but the vote is shown of them.
        page = html(maths_page(early))
        assert "<polyline" not in page and "one answer" not in page
        asked = len(there.bodies)
        whole = replace(config, sampling=replace(config.sampling, early=False))
        late = evaluate(whole, PROBLEMS, served(there.url), tmp_path / "late")
    assert 30 < asked < 54
    assert early.grading.vote is not None and late.grading.vote is not None
    assert early.grading.vote.accuracy.mean == late.grading.vote.accuracy.mean


def test_only_the_first_problems(tmp_path: Path) -> None:
    config = Options(limit=2)
    with completing(right) as there:
        found = evaluate(config, PROBLEMS, served(there.url), tmp_path).grading
    assert (found.questions, found.problems) == (2, 6)


def test_a_refusal_and_a_server_that_is_gone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "PAUSE", 0.001)
    config = Options()
    with (
        completing(lambda body: 400 if number(body) == 3 else right(body)) as there,
        pytest.raises(InputError, match=r"3: the server refused.*400"),
    ):
        evaluate(config, PROBLEMS, served(there.url, concurrency=1), tmp_path)
    kept = Ledger(tmp_path / REPLIES, Reply, "key")
    assert [row.id for row in kept.rows] == ["0", "1", "2"]
    with completing(lambda body: 503) as busy:
        with pytest.raises(InputError, match=r"does not answer.*503"):
            evaluate(config, PROBLEMS[:1], served(busy.url), tmp_path / "busy")
        assert len(busy.bodies) == 6


@pytest.mark.parametrize("language", ["en", "ru"])
def test_the_page_shows_curve_and_errors_escaped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, language: str
) -> None:
    monkeypatch.setenv("KAMERTON_LANG", language)

    def hostile(body: dict[str, Any]) -> str:
        return doubtful(body) if number(body) else "<script>alert(1)</script> 3 + 4 = 8."

    config = Options(sampling=SamplingParams(4, 0.7), max_unparsed=1.0)
    with completing(hostile) as there:
        page = html(maths_page(evaluate(config, PROBLEMS, served(there.url), tmp_path)))
    assert "<script>" not in page and "&lt;script&gt;" in page
    assert page.count("<polyline") == 1 and page.count("<title>") == 1 + 4
    assert ("Где модель ошибается" in page) == (language == "ru")
    assert "3 + 4 = 8" in page and "{" not in page.split("</style>")[1].split("<dl")[0]


def test_the_curve_is_drawn_to_scale() -> None:
    drawn = vote_curve([0.1, 0.2, 0.2])
    assert drawn is not None
    (x1, y1, _), (x2, y2, said), (x3, y3, _) = drawn.lines[0].dots
    assert x2 - x1 == pytest.approx(x3 - x2, abs=0.2) and y2 == y3 < y1
    zero = next(y for y, label in drawn.up if label == "0")
    assert (zero - y2) == pytest.approx(2 * (zero - y1), abs=0.3) and said == "2: 20.0 %"


@pytest.mark.parametrize("language", ["en", "ru"])
def test_examples_are_right(language: Language) -> None:
    answers = [declared(shot.answer, shot.question) for shot in shots(language)]
    assert [answer.value for answer in answers] == GOLDS[language]
    assert {answer.how for answer in answers} == {"stated"}
    found = [one for shot in shots(language) for one in equations(shot.answer)]
    assert len(found) >= 16 and all(one.holds for one in found)
    assert all("=" in shot.answer and "?" in shot.question for shot in shots(language))


@pytest.mark.parametrize("language", ["en", "ru"])
def test_a_prompt_ends_where_the_model_goes_on(language: Language) -> None:
    text = prompt("How many?", language)
    label = stops(language)[0].strip()
    assert text.count(label) == 9 and text.endswith(":") and "How many?" in text
    assert prompt("How many?", language, 0).startswith(label)
    # What a model makes up behind its answer is cut where the stop string stands.
    assert until_next(f"It is 5.{stops(language)[1]} And now?") == "It is 5."
