"""The leaks of a training set, found by its lineage: the dataset, and those of earlier adapters."""

import json
from pathlib import Path

import pytest
from made_up import questions, samples, summary

from kamerton.experiment.lineage import of_dataset, of_others, of_start, of_training, silenced
from kamerton.experiment.run import why_no_verdict
from kamerton.experiment.settings import ExperimentSettings
from kamerton.formats.errors import InputError
from kamerton.formats.manifest import Manifest

SETTINGS = ExperimentSettings(resamples=200)


def trained(
    root: Path, number: str, blocking: int | None = 0, asks: str = "a", start: str = ""
) -> Path:
    """The tune stage of a trip with its data stage beside it, as `kamerton run` leaves them.

    `blocking` counts the leaks, None: no report; `asks` stands for what is held out.
    """
    data, tune = root / f"data-{number}", root / f"tune-{number}"
    for folder in (data, tune):
        folder.mkdir(parents=True)
    outputs = {"known.jsonl": asks, "train.jsonl": number}
    Manifest(stage="data", hash=number, outputs=outputs).write(data)
    if blocking is not None:
        leaks = {"blocking": [{"held_out": "q"}] * blocking}
        (data / "leaks.json").write_text(json.dumps(leaks))
    settings: dict[str, object] = {"tune": {"start_from": start}}
    Manifest(stage="tune", hash=number, parents={"data": number}, settings=settings).write(tune)
    return tune


def test_the_dataset_of_a_training_is_found_and_read(tmp_path: Path) -> None:
    assert of_training(trained(tmp_path, "1")) == ""
    assert of_training(trained(tmp_path, "2", blocking=3)) == "leaks_blocking: 3"
    assert of_training(trained(tmp_path, "3", blocking=None)) == "leaks_missing"


def test_one_of_several_adapters_has_a_dataset_of_its_own(tmp_path: Path) -> None:
    trained(tmp_path, "1", blocking=2)
    (tmp_path / "data-1").rename(tmp_path / "data-code-1")
    tune = (tmp_path / "tune-1").rename(tmp_path / "tune-code-1")
    parents = {"data-code": "1"}
    Manifest(stage="tune-code", hash="1", parents=parents).write(tune)
    assert of_training(tune) == "leaks_blocking: 2"


def test_without_a_lineage_there_is_no_verdict(tmp_path: Path) -> None:
    assert of_training(tmp_path) == "leaks_missing", "no manifest"
    Manifest(stage="tune", hash="1").write(tmp_path)
    assert of_training(tmp_path) == "leaks_missing", "no dataset is named"
    Manifest(stage="tune", hash="1", parents={"data": "gone"}).write(tmp_path)
    assert of_training(tmp_path) == "leaks_missing", "the dataset was deleted"


def test_a_report_of_another_form_is_refused(tmp_path: Path) -> None:
    (tmp_path / "leaks.json").write_text("[]")
    with pytest.raises(InputError, match="leak report"):
        of_dataset(tmp_path)


@pytest.mark.parametrize("named", ["tune-1", "tune-1/adapter"])
@pytest.mark.parametrize("relative", [False, True])
def test_an_earlier_training_counts_too(
    named: str, relative: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As `kamerton run` writes it: from where the command was run, or the whole path."""
    monkeypatch.chdir(tmp_path)
    root = tmp_path / "runs" / ".stages"
    trained(root, "1", blocking=4)
    start = f"runs/.stages/{named}" if relative else str(root / named)
    tune = trained(root, "2", start=start)
    assert of_training(tune) == "leaks_blocking: 4"
    monkeypatch.chdir(root)  # read from elsewhere: the earlier stage lies beside this one
    assert of_training(tune) == "leaks_blocking: 4"


def test_a_chain_is_followed_to_its_first_link(tmp_path: Path) -> None:
    trained(tmp_path, "1", blocking=1)
    trained(tmp_path, "2", start=str(tmp_path / "tune-1"))
    assert of_training(trained(tmp_path, "3", start=str(tmp_path / "tune-2")))
    trained(tmp_path, "4")
    assert of_training(trained(tmp_path, "5", start=str(tmp_path / "tune-4"))) == ""


def test_an_earlier_report_on_another_test_says_nothing_of_this_one(tmp_path: Path) -> None:
    trained(tmp_path, "1", asks="other questions")
    start = str(tmp_path / "tune-1" / "adapter")
    tune = trained(tmp_path, "2", start=start)
    assert of_training(tune) == f"leaks_start: {start}"
    foreign = trained(tmp_path, "3", start="adapters/from-somewhere")
    assert of_training(foreign) == "leaks_start: adapters/from-somewhere"
    assert of_start(foreign, tmp_path / "data-3") == of_training(foreign)


def test_the_compare_stage_asks_for_the_lineage_too(tmp_path: Path) -> None:
    tune, data = trained(tmp_path, "1", start="somewhere"), tmp_path / "data-1"
    assert why_no_verdict(SETTINGS, data, tune) == "leaks_start: somewhere"
    assert why_no_verdict(SETTINGS, data) == ""
    small = SETTINGS.model_copy(update={"claims_verdict": False})
    assert why_no_verdict(small, data, tune) == "leaks_start: somewhere"


def test_an_adapter_of_another_dataset_is_named() -> None:
    assert of_others(["base", "base+rag", "museum", "museum+rag"], "museum") == ""
    assert (
        of_others(["base", "museum", "code", "law+rag"], "museum") == "leaks_others: code, law+rag"
    )


def test_a_summary_keeps_its_figures_when_it_falls_silent() -> None:
    asked = questions(12)
    told = summary(asked, samples(asked, {"base": 0.1, "museum": 0.9}), SETTINGS)
    assert told.comparisons[0].verdict == "better" and silenced(told, "") == told
    quiet = silenced(told, "leaks_missing")
    assert {c.verdict for c in quiet.comparisons} == {"not enough evidence"}
    assert (quiet.claims_verdict, quiet.why_no_verdict) == (False, "leaks_missing")
    assert quiet.comparisons[0].effect == told.comparisons[0].effect
