"""The names for Python and notebooks: which there are, what they give, how it prints."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import kamerton
from kamerton.app import public
from kamerton.pipeline import folder as folders
from tiny import write_index
from unit.cli.finished_runs import finished_run

TUTORIALS = Path(__file__).parents[3] / "docs" / "tutorials"
PAGES = [TUTORIALS / name for name in ("python.md", "python.ru.md")]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_public_names() -> None:
    assert sorted(kamerton.__all__) == [
        *("InputError", "Run", "__version__", "compare", "evaluate", "grade", "open_run"),
        *("plan", "run", "runs", "search", "serving"),
    ]
    assert all(getattr(kamerton, name).__doc__ for name in kamerton.__all__)
    assert set(public.__all__) | {"__version__"} == set(kamerton.__all__)
    with pytest.raises(AttributeError):
        _ = kamerton.nothing  # type: ignore[attr-defined]


def test_the_names_load_nothing_until_they_are_used() -> None:
    script = (
        "import sys, kamerton\n"
        "assert not [m for m in sys.modules if m.startswith('kamerton.')], sys.modules\n"
        "kamerton.plan\n"
        "assert not {'torch', 'numpy', 'typer', 'httpx'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", script], check=True)


def test_every_public_name_is_on_the_pages_and_their_code_is_the_same() -> None:
    blocks = [re.findall(r"```python\n(.*?)```", page.read_text("utf-8"), re.S) for page in PAGES]
    assert blocks[0] == blocks[1]
    for page in PAGES:
        names = {name for name in kamerton.__all__ if name not in ("Run", "__version__")}
        assert names <= set(re.findall(r"\w+", page.read_text("utf-8")))


def test_a_plan_has_the_figures_of_the_command() -> None:
    plan = kamerton.plan("museum", preset="smoke", set={"tune.rank": 8, "data": {"safety": None}})
    assert plan.recipe.parts["museum"].tune.rank == 8
    assert list(plan.stages) == ["check", "data", "tune", "export", "compare", "report"]
    assert plan.figures["adapters"]["museum"]["dataset"]["safety_questions"] == 0
    assert "training rows" in str(plan) and "<td>tune</td>" in plan._repr_html_()
    with pytest.raises(kamerton.InputError, match=r"unknown key tune\.rnak"):
        kamerton.plan("museum", set={"tune.rnak": 8})


def test_a_finished_run_explains_itself(here: Path) -> None:
    finished_run({"base": 0.2, "museum": 0.9})
    run = kamerton.open_run("museum")
    assert run.name == "museum/1" and run.verdicts and set(run.verdicts.values()) == {"better"}
    assert {sample.arm for sample in run.samples} == {"base", "museum"}
    assert run.figures["arms"] == ["base", "museum"] and run.report is None
    shown = run._repr_html_()
    assert "museum/1" in shown and "better" in shown and "hypothesis" in shown
    assert [one.name for one in kamerton.runs()] == ["museum/1"]
    with pytest.raises(kamerton.InputError, match="there is no run nothing"):
        kamerton.open_run("nothing")


def test_runs_are_compared_by_name_or_as_values(here: Path) -> None:
    for share in (0.2, 0.9):
        finished_run({"base": 0.2, "museum": share})
    first, second = kamerton.runs()
    board = kamerton.compare(first, "museum/2")
    assert board.verdicts == {second.name: "better"}
    assert board.rows[0]["run"] == "museum/1" and "museum/2" in board.exported("markdown")
    assert (
        str(board).startswith(board.exported("text")) and "<th>verdict</th>" in board._repr_html_()
    )


def test_search_gives_passages(here: Path) -> None:
    write_index(here / "index")
    hits = kamerton.search(here / "index", "Which idol?", count=1)
    assert len(hits) == 1 and hits[0].chunk.id == "idol" and next(iter(hits)) == hits[0]
    assert hits.rows[0]["rank"] == 1 and "picrolite" in str(hits)
    assert "Which idol?" in hits._repr_html_() and "<td>1</td>" in hits._repr_html_()


@pytest.mark.parametrize("as_file", [False, True])
def test_rows_and_files_are_graded_the_same(here: Path, as_file: bool) -> None:
    rows: list[dict[str, Any]] = [
        {"question": "How many?", "gold": "18", "answers": ["The answer is 18.", "17"]},
        {"question": "And now?", "gold": "2", "answers": ["None at all.", "2"]},
    ]
    given: Any = rows
    if as_file:
        given = here / "a.jsonl"
        given.write_text("".join(json.dumps(row) + "\n" for row in rows))
    graded = kamerton.grade("maths", given)
    assert graded.figures and graded.lines
    assert graded.complaint and graded.complaint in str(graded), "a quarter has no number"
    assert graded._repr_html_().startswith("<pre>") and len(graded.items) == 4
    with pytest.raises(kamerton.InputError, match="no task"):
        kamerton.grade("nothing", rows)


def test_what_a_stage_refuses_is_an_input_error_with_its_own_words(here: Path) -> None:
    (here / "q.csv").write_text(
        "question,answer,group,split\nWhat is it?,A bowl.,g,train\nWhat is it?,A bowl.,g,test\n"
    )
    recipe = "name: x\ndata: {questions: q.csv, known_groups: 1, unknown_groups: 0}\n"
    (here / "recipe.yaml").write_text(recipe)
    with pytest.raises(kamerton.InputError) as caught:
        kamerton.run("recipe.yaml")
    assert "known.g" in str(caught.value)
    assert not list(folders.ROOT.glob(".stages/tune-*"))
