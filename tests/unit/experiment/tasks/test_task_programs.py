"""Answers that are programs: pass@k with an interval, outcomes apart, ids of several spellings."""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from kamerton import stats
from kamerton.experiment.tasks import TASKS, Options
from kamerton.experiment.tasks.published import lines as published_lines
from kamerton.experiment.tasks.published import published
from kamerton.formats.errors import InputError
from kamerton.sandbox import available, program
from kamerton.sandbox import box as box_module

boxes = pytest.mark.skipif(not available(), reason="no sandbox: apt-get install bubblewrap")
CHECK = "def check(candidate):\n    assert candidate(2) == {}\n"
RIGHT, WRONG, RAISES = "    return n * {}\n", "    return None\n", "    raise KeyError(n)\n"


def task_row(number: int) -> dict[str, object]:
    return {
        "task_id": f"HumanEval/{number}",
        "prompt": f"def times{number}(n):\n",
        "entry_point": f"times{number}",
        "canonical_solution": RIGHT.format(number),
        "test": CHECK.format(2 * number),
    }


def write(path: Path, rows: list[dict[str, object]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    return path


@pytest.fixture
def options(tmp_path: Path) -> Options:
    return Options(write(tmp_path / "tasks.jsonl", [task_row(n) for n in range(4)]))


@boxes
def test_pass_at_k_outcomes_and_errors(tmp_path: Path, options: Options) -> None:
    answers = write(
        tmp_path / "a.jsonl",
        [
            {"id": "HumanEval/1", "answers": [RIGHT.format(1), RIGHT.format(1), WRONG, RAISES]},
            {"id": "HumanEval/2", "answers": ["```python\nreturn n * 2\n```", WRONG, WRONG, ""]},
            {"id": "HumanEval/3", "answers": [RAISES, RAISES, WRONG, WRONG]},
        ],
    )
    asked = Options(options.data, ks=(1, 2))
    found = TASKS["humaneval"].grade(answers, asked)
    rates = found.figures["pass_at"]
    assert rates[1]["mean"] == pytest.approx((2 / 4 + 1 / 4 + 0) / 3)
    assert rates[2]["mean"] == pytest.approx((5 / 6 + 1 / 2 + 0) / 3)
    assert rates[1]["low"] <= rates[1]["mean"] <= rates[1]["high"]
    assert found.figures["interval"] == "bootstrap"
    counts = {"passed": 3, "failed": 6, "error": 3, "timeout": 0, "limit": 0}
    assert found.figures["outcomes"] == counts and found.figures["errors"] == {"KeyError": 3}
    assert (found.figures["asked"], found.figures["tasks"]) == (3, 4)
    assert found.figures["extracted"] == {"continuation": 11, "nothing": 1}
    assert [(one.id, one.sample) for one in found.items][4] == ("HumanEval/2", 0)
    assert "3 of 4" in found.lines[0] and any("KeyError 3" in line for line in found.lines)


@boxes
def test_one_answer_each_has_wilsons_interval(tmp_path: Path, options: Options) -> None:
    rows: list[dict[str, object]] = [
        {"task_id": str(n), "completion": RIGHT.format(n) if n else WRONG} for n in range(4)
    ]
    found = TASKS["humaneval"].grade(write(tmp_path / "s.jsonl", rows), options)
    wanted = stats.wilson(3, 4)
    assert found.figures["pass_at"] == {1: wanted.model_dump()}
    assert found.figures["interval"] == "wilson"


@boxes
def test_a_task_is_found_by_its_prompt(tmp_path: Path, options: Options) -> None:
    rows: list[dict[str, object]] = [{"question": "def times3(n):", "answers": [RIGHT.format(3)]}]
    found = TASKS["humaneval"].grade(write(tmp_path / "s.jsonl", rows), options)
    assert found.figures["outcomes"]["passed"] == 1 and found.items[0].id == "HumanEval/3"


@boxes
def test_scorers_of_texts_look_at_programs_too(tmp_path: Path, options: Options) -> None:
    pytest.importorskip("sacrebleu")
    rows: list[dict[str, object]] = [{"id": str(n), "answer": RIGHT.format(n)} for n in range(4)]
    answers = write(tmp_path / "a.jsonl", rows)
    found = TASKS["humaneval"].grade(answers, Options(options.data, scorers=("bleu",)))
    (score,) = found.figures["scores"]
    assert score["value"]["mean"] == pytest.approx(100)


@boxes
def test_mbpp_ids_of_three_spellings_and_whole_programs(tmp_path: Path) -> None:
    rows: list[dict[str, object]] = [
        {
            "task_id": n,
            "text": "Write a function to add.",
            "code": f"def add{n}(a, b):\n    return a + b",
            "test_list": [f"assert add{n}(1, {n}) == {1 + n}"],
        }
        for n in (11, 12, 13, 14)
    ]
    data = write(tmp_path / "mbpp.jsonl", rows)
    names = ("MBPP/11", "Mbpp/12", "MbppEval/13", "14")
    answers = write(
        tmp_path / "a.jsonl",
        [{"id": name, "answer": f"def add{name[-2:]}(a, b):\n    return a + b"} for name in names],
    )
    found = TASKS["mbpp"].grade(answers, Options(data))
    assert found.figures["outcomes"]["passed"] == 4


@boxes
def test_a_check_that_its_own_solution_does_not_pass_stops_before_any_answer(
    tmp_path: Path, options: Options
) -> None:
    rows = [task_row(n) | ({"test": CHECK.format(0)} if n in {1, 3} else {}) for n in range(4)]
    data = write(tmp_path / "bad.jsonl", rows)
    answers = write(tmp_path / "a.jsonl", [{"id": str(n), "answer": RAISES} for n in range(4)])
    out = tmp_path / "graded.jsonl"
    with pytest.raises(InputError, match=r"HumanEval/1, HumanEval/3: the known solution"):
        TASKS["humaneval"].grade(answers, Options(data, out=out))
    assert not out.exists()
    TASKS["humaneval"].grade(
        write(tmp_path / "b.jsonl", [{"id": "2", "answer": RAISES}]), Options(data, out=out)
    )
    assert out.read_text().count("KeyError") == 1


@boxes
def test_halves_of_surrogate_pairs_cost_nothing(tmp_path: Path, options: Options) -> None:
    raises = "    raise ValueError('\\ud83d', n)  # \ud83d\n"
    rows: list[dict[str, object]] = [
        {"id": "1", "answers": [raises, RIGHT.format(1), "\ud800", "```python\n\udfff\n```"]}
    ]
    out = tmp_path / "graded.jsonl"
    grading = TASKS["humaneval"].grade(
        write(tmp_path / "a.jsonl", rows), Options(options.data, out=out)
    )
    assert [one.status for one in grading.items][:2] == ["error", "passed"]
    assert len(out.read_text("utf-8").splitlines()) == 4


def heed_ctrl_c() -> None:
    """In the child: a shell that starts us in the background would have it ignore Ctrl-C."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@boxes
def test_an_interrupted_grading_ends_and_keeps_what_was_judged(tmp_path: Path) -> None:
    data = write(tmp_path / "tasks.jsonl", [task_row(1)])
    sleeps = "    import time\n    time.sleep(600)\n"
    rows: list[dict[str, object]] = [{"id": "1", "answers": [RIGHT.format(1), WRONG, sleeps]}]
    answers, out = write(tmp_path / "a.jsonl", rows), tmp_path / "graded.jsonl"
    command = [sys.executable, "-m", "kamerton.cli.main", "grade", "humaneval", str(answers)]
    command += ["--data", str(data), "--out", str(out), "--workers", "1"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, preexec_fn=heed_ctrl_c) as process:
        while not (out.exists() and out.read_bytes().count(b"\n") == 2) and process.poll() is None:
            time.sleep(0.1)
        process.send_signal(signal.SIGINT)
        assert process.wait(60) != 0
    assert [json.loads(line)["status"] for line in out.read_text().splitlines()] == [
        "passed",
        "failed",
    ]


@pytest.mark.parametrize(
    ("rows", "ks", "told"),
    [
        ([{"id": "HumanEval/9", "answer": "x"}], (), r"a\.jsonl:1.*“HumanEval/9”"),
        ([{"id": "MBPP/1", "answer": "x"}], (), r"a\.jsonl:1.*“MBPP/1”"),
        (
            [{"id": "1", "answer": "x"}, {"id": "HumanEval/1", "answer": "x"}],
            (),
            r"a\.jsonl:2.*HumanEval/1 stands in this file twice",
        ),
        ([{"id": "1", "answer": "x"}], (5,), r"--k.*pass@5.* 1 samples"),
    ],
)
def test_answers_that_cannot_be_judged_are_named(
    tmp_path: Path, options: Options, rows: list[dict[str, object]], ks: tuple[int, ...], told: str
) -> None:
    path = write(tmp_path / "a.jsonl", rows)
    with pytest.raises(InputError, match=told):
        TASKS["humaneval"].grade(path, Options(options.data, ks=ks))


@pytest.fixture
def no_sandbox(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(box_module.shutil, "which", lambda name: None)
    box_module.tool.cache_clear()
    program.require.cache_clear()
    yield
    box_module.tool.cache_clear()
    program.require.cache_clear()


@pytest.mark.usefixtures("no_sandbox")
def test_without_a_sandbox_nothing_is_run(tmp_path: Path, options: Options) -> None:
    path = write(tmp_path / "a.jsonl", [{"id": "1", "answer": RIGHT.format(1)}])
    with pytest.raises(InputError, match="apt-get install"):
        TASKS["humaneval"].grade(path, options)


def test_published_figures_name_task_prompt_and_source(monkeypatch: pytest.MonkeyPatch) -> None:
    assert {one.task for task in TASKS for one in published(task)} == {"gsm8k", "humaneval"}
    assert [one.score for one in published("gsm8k")] == [56.9, 74.4]
    assert all(one.source and one.prompt["ru"] for task in TASKS for one in published(task))
    monkeypatch.setenv("KAMERTON_LANG", "ru")
    told = published_lines("humaneval")
    assert "pass@1 28.8 %" in told[1] and "arXiv 2107.03374" in told[1] and len(told) == 3
    assert "голосование 74.4 %" in published_lines("gsm8k")[2] and published_lines("texts") == []
