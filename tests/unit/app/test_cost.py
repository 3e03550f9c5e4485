"""A plan of a rows recipe says what its training will take, or why that is not known yet."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from command_line import call
from kamerton.app import cost
from kamerton.app.checks import check, figures, lines
from kamerton.app.follow import CHECKED
from kamerton.app.recipe import Recipe, resolve
from kamerton.app.stages import Job
from kamerton.develop import hub
from kamerton.develop.tune.encode import encode
from kamerton.formats.chat import ChatRow, chat
from kamerton.formats.errors import InputError

ROWS = [
    {"id": f"r{n}", "question": f"What is {n}?", "answer": f"It is {n}. " * n} for n in range(1, 21)
]
TUNE = {"epochs": 2, "batch_size": 4, "max_length": 100}


def recipe(folder: Path, base: str, data: dict[str, Any] | None = None, **tune: Any) -> Recipe:
    (folder / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in ROWS), "utf-8")
    rows = {"kind": "rows", "rights": {"licence": "MIT"}, "sources": [{"name": "rows.jsonl"}]}
    tree = {"name": "r", "base": base, "data": rows | (data or {}), "tune": TUNE | tune}
    (folder / "recipe.yaml").write_text(json.dumps(tree), "utf-8")
    return resolve(folder / "recipe.yaml")


def part(folder: Path, base: str, data: dict[str, Any] | None = None, **tune: Any) -> Any:
    return figures(recipe(folder, base, data, **tune), folder)["adapters"]["r"]


def encoded(tiny: Path) -> list[int]:
    tokenizer = hub.load_tokenizer(str(tiny))
    rows = (ChatRow(id=r["id"], messages=chat("", r["question"], r["answer"])) for r in ROWS)
    return [len(encode(row, tokenizer).ids) for row in rows]


def test_rows_that_are_here_are_counted_exactly(tiny: Path, tmp_path: Path) -> None:
    found = part(tmp_path, str(tiny), {"held_out": 0})["training"]
    lengths = encoded(tiny)
    assert (found["rows"], found["tokens"], found["longest"]) == (20, sum(lengths), max(lengths))
    assert found["truncated"] == sum(length > 100 for length in lengths) > 0
    assert found["steps"] == 10 and found["memory_gib"] > 0
    assert 0 < found["supervised_tokens"] < found["tokens"]


@pytest.mark.parametrize("policy", ["cut", "drop"])
def test_long_rows_cost_what_is_left_of_them(tiny: Path, tmp_path: Path, policy: str) -> None:
    found = part(tmp_path, str(tiny), {"held_out": 0}, on_overflow=policy)["training"]
    lengths = encoded(tiny)
    left = [min(n, 100) for n in lengths if policy == "cut" or n <= 100]
    assert (found["rows"], found["tokens"], found["longest"]) == (len(left), sum(left), max(left))
    assert found["truncated"] == sum(n > 100 for n in lengths)
    assert (
        found["memory_gib"] <= part(tmp_path, str(tiny), {"held_out": 0})["training"]["memory_gib"]
    )


def test_rows_that_the_recipe_has_no_use_for_cost_nothing(tiny: Path, tmp_path: Path) -> None:
    found = part(tmp_path, str(tiny), {"held_out": 0, "longest": 40})["training"]
    fit = sum(len(row["answer"].strip()) <= 40 for row in ROWS)
    assert found["rows"] == fit < 20


def test_rows_are_filtered_as_the_data_stage_sees_them(tiny: Path, tmp_path: Path) -> None:
    """Personal data is masked first: the answer is then short enough to stay."""
    made = recipe(tmp_path, str(tiny), {"held_out": 0, "longest": 40})
    answer = "Write to somebody.with.a.long.name@example.com please."
    row = {"id": "p", "question": "Whom do I ask?", "answer": answer}
    with (tmp_path / "rows.jsonl").open("a", encoding="utf-8") as stream:
        stream.write(json.dumps(row) + "\n")
    fit = sum(len(row["answer"].strip()) <= 40 for row in ROWS)
    assert len(answer) > 40
    assert figures(made, tmp_path)["adapters"]["r"]["training"]["rows"] == fit + 1


def test_a_base_without_a_configuration_is_refused_by_name(tiny: Path, tmp_path: Path) -> None:
    base = shutil.copytree(tiny, tmp_path / "base")
    (base / "config.json").write_text('{"model_type": "no such"}', "utf-8")
    with pytest.raises(InputError, match="no such"):
        part(tmp_path, str(base))


def test_where_all_rows_go_it_says_so(
    tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert part(tmp_path, str(tiny), {"longest": 3})["unknown"] == "filtered"
    tested = {"name": "rows.jsonl", "part": "test"}
    assert part(tmp_path, str(tiny), {"sources": [tested]})["unknown"] == "held_out"
    policy = {"max_length": 16, "on_overflow": "drop"}
    with pytest.raises(InputError, match=r"tune\.max_length"):
        part(tmp_path, str(tiny), {"held_out": 0}, **policy)
    monkeypatch.setattr(cost, "SAMPLE", 7)  # another row than those looked at may fit
    found = part(tmp_path, str(tiny), {"held_out": 0}, **policy)
    assert (
        found["unknown"] == "filtered"
        and "tune.max_length" in lines(recipe(tmp_path, str(tiny)), {"adapters": {"r": found}})[1]
    )


def test_what_is_held_out_is_not_trained(tiny: Path, tmp_path: Path) -> None:
    found = part(tmp_path, str(tiny), {"held_out": 0.25})["training"]
    assert found["rows"] == 15 and found["steps"] == 8


def test_many_rows_are_told_by_some(
    tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = part(tmp_path, str(tiny), {"held_out": 0})["training"]
    monkeypatch.setattr(cost, "SAMPLE", 7)
    some = part(tmp_path, str(tiny), {"held_out": 0})["training"]
    assert some["sampled"] == 7 and (some["rows"], some["steps"]) == (20, whole["steps"])
    assert 0.7 < some["tokens"] / whole["tokens"] < 1.3
    counts = {"rows": {"rows": 20, "briefs": 0}, "declared": []}
    told = lines(
        recipe(tmp_path, str(tiny)),
        {"adapters": {"r": counts | {"training": some, "language": []}}},
    )
    assert "7 of 20 rows" in told[-1]


def test_no_weights_are_loaded(tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_: object, **__: object) -> None:
        raise AssertionError("weights")

    monkeypatch.setattr(hub, "load_model", never)
    assert part(tmp_path, str(tiny))["training"]["rows"] == 18


@pytest.mark.parametrize(
    ("why", "base", "data", "tune"),
    [
        ("base", "Someone/Model-7B", {}, {}),
        ("source", "", {"sources": [{"name": "openai/gsm8k", "part": "train"}]}, {}),
        ("synth", "", {"synth": {}}, {}),
        ("objective", "", {}, {"objective": "dpo"}),
    ],
)
def test_what_cannot_be_known_yet_is_said_with_its_reason(
    why: str, base: str, data: dict[str, Any], tune: dict[str, Any], tiny: Path, tmp_path: Path
) -> None:
    made = recipe(tmp_path, base or str(tiny), {}, **tune)
    given = made.parts["r"]
    from kamerton.develop.settings import RowsSettings

    assert isinstance(given.data, RowsSettings)
    update: dict[str, Any] = {}
    if "sources" in data:
        update = {"sources": RowsSettings.model_validate({"kind": "rows"} | data).sources}
    elif "synth" in data:
        update = {"synth": object()}
    found = cost.cost(made, given, given.data.model_copy(update=update), tmp_path)
    assert found == {"unknown": why}
    counts = {"rows": {"rows": 1, "briefs": 0}, "declared": ["log_likelihood"]}
    told = lines(made, {"adapters": {"r": counts | found}})
    assert "declared before the run" in told[-1]
    assert "known" in told[1] and len(told) == 3


def test_plan_and_check_stage_say_the_same(
    tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    monkeypatch.chdir(tmp_path)
    made = recipe(tmp_path, str(tiny))
    assert call("run", "recipe.yaml", "--dry-run") == 0
    planned = capsys.readouterr().out
    assert "training: 18 rows" in planned and "fewer rows" in planned
    (tmp_path / "out").mkdir()
    check(Job(recipe=made, folder=str(tmp_path), command="", stages={"check": "out"}))
    said = capsys.readouterr().err
    for line in planned.splitlines()[-4:-1]:
        assert line in said
    assert json.loads((tmp_path / "out" / CHECKED).read_text())["adapters"]["r"]["training"]


@pytest.mark.parametrize("action", ["mask", "drop", "keep"])
def test_personal_data_is_shown_in_the_plan_and_kept_nowhere(
    tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any, action: str
) -> None:
    monkeypatch.chdir(tmp_path)
    made = recipe(tmp_path, str(tiny), {"privacy": {"action": action}})
    row = {"id": "p", "question": "Whom do I ask?", "answer": "Write to me@example.com please."}
    with (tmp_path / "rows.jsonl").open("a", encoding="utf-8") as stream:
        stream.write(json.dumps(row) + "\n")
    assert call("run", "recipe.yaml", "--dry-run") == 0
    planned = capsys.readouterr().out
    assert "answer: 1 × email: me@example.com" in planned
    assert {"mask": "masked", "drop": "dropped", "keep": "stays"}[action] in planned
    (tmp_path / "out").mkdir()
    check(Job(recipe=made, folder=str(tmp_path), command="", stages={"check": "out"}))
    kept = (tmp_path / "out" / CHECKED).read_text() + capsys.readouterr().err
    assert "answer: 1 × email\n" in kept and "me@example.com" not in kept
