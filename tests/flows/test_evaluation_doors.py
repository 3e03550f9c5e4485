"""A run judged, rated, gated and compared as the tutorial says it, command by command."""

import csv
import json
import re
import shlex
from pathlib import Path
from typing import Any

import pytest

from kamerton.cli.main import build, main
from unit.cli.finished_runs import finished_run
from unit.experiment.judge.recorded_judge import answers, recorded, says

ROOT = Path(__file__).parents[2]
TUTORIALS = [ROOT / "docs" / "tutorials" / f"evaluation{end}.md" for end in ("", ".ru")]
COMMAND = re.compile(r"^ {4}(kamerton .+)$", re.MULTILINE)
NOT_HERE = ("kamerton run", "kamerton serve")
"""These need a model; other flows run them."""
SHORT = {
    "gsm8k": ["--shots=0", "--max-tokens=8", "--max-unparsed=1"],
    "continuation": ["--max-tokens=8"],
}
"""What makes `kamerton eval` short, and a model that knows no number pass."""


def shorter(body: dict[str, Any], number: int) -> tuple[int, str, dict[str, str]]:
    """A judge that prefers the shorter answer."""
    one, two = (len(text) for text in answers(body))
    return 200, says("tie" if one == two else "1" if one < two else "2"), {}


def commands(tutorial: Path) -> list[str]:
    return [c for c in COMMAND.findall(tutorial.read_text("utf-8")) if not c.startswith(NOT_HERE)]


def prepared(folder: Path) -> None:
    """What the tutorial's reader has: two runs, raters' files and answers from elsewhere."""
    for rate in (0.9, 0.9):
        finished_run({"base": 0.3, "museum": rate}, report=True)
    problem = {"question": "How many?", "answer": "9 * 2 = 18\n#### 18"}
    (folder / "problems.jsonl").write_text(json.dumps(problem) + "\n")
    (folder / "answers.jsonl").write_text(json.dumps({"id": 0, "answers": ["It is 18."]}) + "\n")
    for name, column in (("new", "answer"), ("old", "answer"), ("references", "reference")):
        (folder / f"{name}.jsonl").write_text(json.dumps({"id": 0, column: "Red clay."}) + "\n")
    (folder / "questions.csv").write_text("question,A,B,answer\nOf what?,Clay,Gold,A\n")
    (folder / "prompts.txt").write_text("The jug\nThe bowl\n")
    (folder / "texts").mkdir()
    (folder / "texts" / "jug.txt").write_text("The jug was found at Vounous. It is of red clay.")


def run(command: str, url: str, model: Path) -> int:
    words = shlex.split(command.replace("http://127.0.0.1:8000/v1#NAME", f"{url}#wise"))[1:]
    if words[0] == "eval":
        words[words.index("--model") + 1] = str(model)
        words += ["--threads=1", *SHORT.get(words[1], [])]
    with pytest.raises(SystemExit) as end:
        main(words)
    return int(end.value.code or 0)


def test_every_command_of_the_tutorial_runs(
    tmp_path: Path, tiny: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    prepared(tmp_path)
    found = commands(TUTORIALS[0])
    assert len(found) >= 10
    with recorded(shorter) as judge:
        for command in found:
            assert run(command, judge.url, tiny) == 0, f"{command}\n{capsys.readouterr()}"
            if command.startswith("kamerton rating make"):
                for rater in ("anna", "boris"):
                    hand_in(tmp_path / "hand-round" / "rating.csv", tmp_path / f"{rater}.csv")
    page = (tmp_path / "runs" / "museum" / "2" / "report.html").read_text("utf-8")
    assert "What the judge model wise says" in page and "What people say" in page
    assert "quadratic kappa" in page, "the judge was not measured against the people"


def hand_in(sheet: Path, target: Path) -> None:
    """A rater who prefers the shorter answer, but for every fifth question."""
    with sheet.open(encoding="utf-8-sig", newline="") as stream:
        rows = list(csv.DictReader(stream))
    for number, row in enumerate(rows):
        shorter_one = "left" if len(row["left"]) < len(row["right"]) else "right"
        row["relevance"] = shorter_one if number % 5 else "tie"
    with target.open("w", encoding="utf-8", newline="") as stream:
        out = csv.DictWriter(stream, list(rows[0]))
        out.writeheader()
        out.writerows(rows)


def test_both_tutorials_show_the_same_commands() -> None:
    plain = [[c.replace("ИМЯ", "NAME") for c in commands(path)] for path in TUTORIALS]
    assert plain[0] == plain[1]


def test_every_command_is_there_and_explained() -> None:
    import typer

    known = set(typer.main.get_command(build()).commands)  # type: ignore[attr-defined]
    told = {shlex.split(c)[1] for path in TUTORIALS for c in commands(path)}
    assert told <= known
    assert {"judge", "rating", "gate", "compare", "leaderboard", "grade"} <= told
