"""`kamerton grade`: what it prints, and when it fails."""

import functools
import json
import subprocess
import sys
from pathlib import Path

import pytest

import command_line
from kamerton.formats.errors import InputError
from kamerton.sandbox import available

call = functools.partial(command_line.unguarded, "grade")
Capture = pytest.CaptureFixture[str]
PROBLEM = {"question": "How many eggs?", "answer": "9 * 2 = <<9*2=18>>18\n#### 18"}


@pytest.fixture
def problems(tmp_path: Path) -> Path:
    return write(tmp_path / "problems.jsonl", PROBLEM)


def write(path: Path, *rows: dict[str, object]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    return path


def test_figures_as_text_and_json(tmp_path: Path, problems: Path, capsys: Capture) -> None:
    answers = write(
        tmp_path / "a.jsonl", {"id": 0, "answers": ["The answer is $18.", "9", "18.00"]}
    )
    out = tmp_path / "graded.jsonl"
    assert call("gsm8k", str(answers), "--data", str(problems), "--out", str(out)) == 0
    told = capsys.readouterr().out
    assert "100.00 %" in told and "PaLM 540B" in told and "arXiv 2201.11903" in told
    assert [json.loads(line)["right"] for line in out.read_text().splitlines()] == [
        True,
        False,
        True,
    ]
    call("gsm8k", str(answers), "--data", str(problems), "--json")
    found = json.loads(capsys.readouterr().out)
    assert found["right"] == 2 and found["vote"]["accuracy"]["mean"] == 1
    assert found["too_many_unparsed"] is False
    assert [one["score"] for one in found["published"]] == [56.9, 74.4]


def test_too_much_unread_fails_after_the_figures(
    tmp_path: Path, problems: Path, capsys: Capture
) -> None:
    answers = write(tmp_path / "a.jsonl", {"id": 0, "answers": ["I do not know", "18"]})
    assert call("maths", str(answers), "--data", str(problems)) == 1
    told = capsys.readouterr()
    assert "50.00 %" in told.out and "--max-unparsed" in told.err
    assert call("maths", str(answers), "--data", str(problems), "--max-unparsed", "0.5") == 0


@pytest.mark.parametrize("out", [False, True])
def test_half_a_character_costs_nothing(
    out: bool, tmp_path: Path, problems: Path, capsys: Capture
) -> None:
    answers = write(
        tmp_path / "a.jsonl", {"id": 0, "answers": ["The answer \ud83d is 18.", "It is \ude00 7."]}
    )
    graded = tmp_path / "graded.jsonl"
    to = ("--out", str(graded)) if out else ("--json",)
    assert call("gsm8k", str(answers), "--data", str(problems), *to) == 0
    assert "50.0" in capsys.readouterr().out or not out
    if out:
        values = [json.loads(line)["value"] for line in graded.read_text("utf-8").splitlines()]
        assert values == ["18", "7"]


@pytest.mark.parametrize("row", ['{"id": 0, "gold": ' + "9" * 5000 + "}", "[" * 100_000])
def test_json_that_python_cannot_hold_is_named(row: str, tmp_path: Path, problems: Path) -> None:
    answers = tmp_path / "a.jsonl"
    answers.write_text(row + "\n", "utf-8")
    with pytest.raises(InputError, match=r"a\.jsonl:1"):
        call("gsm8k", str(answers), "--data", str(problems))


def test_rows_with_gold_need_no_problems(tmp_path: Path, capsys: Capture) -> None:
    answers = write(tmp_path / "a.jsonl", {"question": "?", "gold": "18", "answers": ["18"]})
    assert call("maths", str(answers)) == 0


def test_what_is_missing_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, problems: Path
) -> None:
    monkeypatch.delenv("KAMERTON_TEST_DATA", raising=False)
    answers = write(tmp_path / "a.jsonl", {"id": 0, "answers": ["18"]})
    with pytest.raises(InputError, match="--data"):
        call("gsm8k", str(answers))
    with pytest.raises(InputError, match="no task “sums”"):
        call("sums", str(answers), "--data", str(problems))


def test_texts_of_a_users_csv_with_columns_and_scorers(tmp_path: Path, capsys: Capture) -> None:
    own = tmp_path / "own.csv"
    own.write_text("nr,said,ideal\n1,Bronze,bronze\n2,clay,gold\n", "utf-8")
    columns = ("--id-column", "nr", "--answer-column", "said", "--reference-column", "ideal")
    chosen = ("--scorer", "exact", "--scorer", "contains")
    assert call("texts", str(own), *columns, *chosen, "--json") == 0
    scores = json.loads(capsys.readouterr().out)["scores"]
    assert {one["scorer"]: one["value"]["mean"] for one in scores} == {
        "exact_match": 0,
        "contains": 0.5,
    }
    assert call("texts", str(own), *columns, *chosen) == 0
    assert "50.00 (95 % interval" in capsys.readouterr().out


def test_programs_in_boxes(tmp_path: Path, capsys: Capture) -> None:
    if not available():
        pytest.skip("no sandbox: apt-get install bubblewrap")
    data = write(
        tmp_path / "tasks.jsonl",
        {
            "task_id": "HumanEval/0",
            "prompt": "def twice(n):\n",
            "entry_point": "twice",
            "canonical_solution": "    return 2 * n\n",
            "test": "def check(candidate):\n    assert candidate(4) == 8\n",
        },
    )
    answers = write(tmp_path / "a.jsonl", {"id": 0, "answers": ["    return n + n\n", "no"]})
    out = tmp_path / "graded.jsonl"
    files = ("humaneval", str(answers), "--data", str(data), "--out", str(out))
    assert call(*files, "--k", "2", "--workers", "1") == 0
    told = capsys.readouterr().out
    assert "pass@2: 100.00 %" in told and "pass@1:" not in told and "Codex 12B" in told
    statuses = [json.loads(line)["status"] for line in out.read_text().splitlines()]
    assert statuses[0] == "passed" and statuses[1] != "passed"


@pytest.mark.parametrize("language", ["en", "ru"])
def test_help_speaks_both_languages(
    language: str, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    monkeypatch.setenv("KAMERTON_LANG", language)
    call("--help")
    told = capsys.readouterr().out
    assert ("Оценить ответы" in told) == (language == "ru") and "cli." not in told


REFERENCES = [f"The lamp {n} can be seen from {'very ' * n}far away." for n in range(12)]


def answers_of(path: Path, change: str) -> Path:
    rows = (
        {"id": n, "answer": text.replace("can be", change)} for n, text in enumerate(REFERENCES)
    )
    return write(path, *rows)


def test_two_files_of_answers_are_compared_by_every_measure(
    tmp_path: Path, capsys: Capture
) -> None:
    references = write(
        tmp_path / "r.jsonl", *({"id": n, "reference": t} for n, t in enumerate(REFERENCES))
    )
    mine = answers_of(tmp_path / "a.jsonl", "can be")
    # In another order: pairs go by id.
    lines = answers_of(tmp_path / "c.jsonl", "was").read_text("utf-8").splitlines()
    other = write(tmp_path / "b.jsonl", *map(json.loads, reversed(lines)))
    options = ["--data", str(references), "--scorer", "bleu", "--scorer", "rougeL"]
    assert call("texts", str(mine), "--against", str(other), *options) == 0
    told = capsys.readouterr().out
    assert "a.jsonl minus" in told and told.count(": better") == 2 and "+" in told
    call("texts", str(other), "--against", str(mine), *options, "--json")
    found = json.loads(capsys.readouterr().out)
    bleu, rouge = found["differences"]
    values = [of["scores"][0]["value"]["mean"] for of in (found, found["against"])]
    assert bleu["measure"] == "bleu" and bleu["effect"]["kind"] == "corpus_bootstrap"
    assert bleu["effect"]["mean"] == pytest.approx(values[0] - values[1]) and values[1] > 99.99
    assert {bleu["verdict"], rouge["verdict"]} == {"worse"} and bleu["answers"] == 12
    assert call("texts", str(mine), "--against", str(mine), *options) == 0
    assert "better" not in (told := capsys.readouterr().out) and "worse" not in told


def test_answers_to_other_questions_are_no_pairs(tmp_path: Path, problems: Path) -> None:
    one = write(tmp_path / "a.jsonl", {"id": "x", "answer": "a", "reference": "a"})
    for row in ({"id": "y", "answer": "a"}, {"id": "x", "answers": ["a", "b"]}):
        other = write(tmp_path / "b.jsonl", {"reference": "a", **row})
        with pytest.raises(InputError, match="different questions"):
            call("texts", str(one), "--against", str(other))


def test_answers_to_problems_are_compared_too(
    tmp_path: Path, problems: Path, capsys: Capture
) -> None:
    right = write(tmp_path / "a.jsonl", {"id": 0, "answers": ["The answer is 18."]})
    wrong = write(tmp_path / "b.jsonl", {"id": 0, "answers": ["The answer is 17."]})
    call("maths", str(right), "--against", str(wrong), "--data", str(problems), "--json")
    (difference,) = json.loads(capsys.readouterr().out)["differences"]
    assert difference["measure"] == "right" and difference["effect"]["mean"] == 1
    assert difference["verdict"] == "not enough evidence" and difference["groups_needed"] > 1


@pytest.mark.parametrize("out", ["", "made", "a.jsonl/below"])
def test_where_nothing_can_be_written_is_said_before_the_work(tmp_path: Path, out: str) -> None:
    (tmp_path / "made").mkdir()
    answers = write(tmp_path / "a.jsonl", {"id": 1, "answer": "a"})  # without a reference
    with pytest.raises(InputError) as caught:
        call("texts", str(answers), "--out", str(tmp_path / out))
    assert caught.value.key.startswith("formats.out_")


def test_answers_come_from_a_pipe_and_go_to_one(tmp_path: Path) -> None:
    row = {"id": "\ud83d", "answer": "a\u2028\ud83d", "reference": "a"}
    program = [sys.executable, "-m", "kamerton.cli.main", "grade", "texts", "-"]
    done = subprocess.run(
        [*program, "--scorer", "exact", "--out", "-"],
        input=json.dumps(row),
        capture_output=True,
        text=True,
    )
    first, *rest = done.stdout.splitlines()
    assert done.returncode == 0 and json.loads(first)["id"] == "\ufffd" and rest, done.stderr
