"""Where an evaluation is kept, and how its answers are drawn."""

from pathlib import Path
from typing import Any

import pytest

from kamerton.app import evaluation
from kamerton.app.evaluation import ModelChoice, evaluate_task, sampling
from kamerton.experiment.ask import evaluate as asking
from kamerton.experiment.tasks import Options
from kamerton.formats.errors import InputError


def test_two_runs_of_the_same_number_have_folders_of_their_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tiny").mkdir()
    (tmp_path / "p.txt").write_text("Once upon a time")
    given: list[str] = []
    monkeypatch.setattr(asking, "evaluate", lambda _e, _m, out: given.append(str(out)))
    monkeypatch.setattr(evaluation, "_running", lambda _: _Nothing())
    for model in ("museum/1", "other/1", "tiny", "http://h:1/v1#qwen"):
        evaluate_task("continuation", ModelChoice(model), Options(data=tmp_path / "p.txt"))
    names = [Path(folder).name.partition("-")[2] for folder in given]
    assert names == ["museum-1", "other-1", "tiny", "h-1-v1-qwen"]


class _Nothing:
    def __enter__(self) -> None: ...

    def __exit__(self, *_: Any) -> None: ...


def test_several_answers_are_drawn_and_one_is_greedy() -> None:
    assert sampling(1, None, 9, 0).temperature == 0
    assert sampling(3, None, 9, 0).temperature == 0.7
    with pytest.raises(InputError, match="greedy"):
        sampling(3, 0.0, 9, 0)


def test_an_unknown_task_lists_the_tasks() -> None:
    with pytest.raises(InputError, match="perplexity"):
        evaluate_task("nothing", ModelChoice(), Options())
