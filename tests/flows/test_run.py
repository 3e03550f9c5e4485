"""`kamerton run` from recipe to report on a tiny model: the whole trip, again, changed, killed."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from command_line import kamerton
from kamerton.app import public
from kamerton.formats.events import FILE as EVENTS
from kamerton.formats.manifest import sha256
from kamerton.formats.serving import FILE, ServingSpec

SETTINGS = {
    "tune.max_length": "600",
    "tune.epochs": "1",
    "tune.save_steps": "2",
    "export.context": "1024",
    "experiment.max_tokens": "8",
    "experiment.resamples": "500",
    "threads": "1",
    "deterministic": "true",
    "serve.slots": "4",
    "data.attributes": "[material]",
}


def command(museum: Path, tiny: Path, *more: str) -> list[str]:
    sets = [f"--set={key}={value}" for key, value in (SETTINGS | {"base": str(tiny)}).items()]
    return ["run", str(museum / "recipe.yaml"), "--preset", "smoke", *sets, *more]


def run(folder: Path, museum: Path, tiny: Path, *more: str) -> subprocess.CompletedProcess[str]:
    done = kamerton(folder, *command(museum, tiny, *more))
    assert done.returncode == 0, done.stderr[-3000:]
    return done


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, museum: Path, tiny: Path) -> Path:
    folder = tmp_path_factory.mktemp("home")
    done = run(folder, museum, tiny)
    assert "runs/museum/1/report.html" in done.stdout and "kamerton serve museum" in done.stdout
    return folder


def stages(folder: Path, number: int) -> dict[str, str]:
    record = json.loads((folder / "runs" / "museum" / str(number) / "run.json").read_text())
    return dict(record["stages"])


def test_the_run_folder_holds_everything(home: Path) -> None:
    place = home / "runs" / "museum" / "latest"
    names = {"report.html", "model_card.md", "summary.json", "samples.jsonl", "recipe.json"}
    assert names <= {p.name for p in place.iterdir()}
    summary = json.loads((place / "summary.json").read_text())
    assert summary["claims_verdict"] is False, "the smoke preset claims nothing"
    assert {c["verdict"] for c in summary["comparisons"]} == {"not enough evidence"}
    samples = [json.loads(line) for line in (place / "samples.jsonl").read_text().splitlines()]
    assert {s["arm"] for s in samples} == {"base", "base+rag", "museum", "museum+rag"}


def test_data_are_whole_training_is_done_and_the_export_is_proven(home: Path) -> None:
    data, tune, export = (home / "runs" / stages(home, 1)[n] for n in ("data", "tune", "export"))
    names = {"train.jsonl", "known.jsonl", "unknown.jsonl", "safety.jsonl", "leaks.json"}
    assert names <= {p.name for p in data.iterdir()} and (data / "index" / "vectors.npy").is_file()
    assert json.loads((data / "leaks.json").read_text())["blocking"] == []
    assert not (tune / "checkpoints").exists()
    config = json.loads((tune / "adapter" / "adapter_config.json").read_text())
    assert (config["r"], config["lora_alpha"]) == (16, 32)
    proof = json.loads((export / "parity.json").read_text())
    assert proof["same_token_ids"] == proof["chats"] >= 6
    assert proof["same_next_token_adapted"] == proof["next_tokens_adapted"] > 0
    spec = ServingSpec.model_validate_json((export / FILE).read_text())
    assert spec.base_sha256 == sha256(export / spec.base)
    assert spec.system.startswith("You are a museum guide.")


def test_lineage_leads_from_the_report_to_the_texts(home: Path, museum: Path) -> None:
    found = stages(home, 1)
    manifests = {
        name: json.loads((home / "runs" / folder / "manifest.json").read_text())
        for name, folder in found.items()
    }
    for name, manifest in manifests.items():
        for parent, parent_hash in manifest["parents"].items():
            assert manifests[parent]["hash"] == parent_hash, name
    assert manifests["data"]["sources"]["catalogue.en.yaml"] == sha256(museum / "catalogue.en.yaml")


def test_a_second_run_does_nothing_and_says_so_and_json_is_alone_on_stdout(
    home: Path, museum: Path, tiny: Path
) -> None:
    assert "everything is done already" in run(home, museum, tiny).stderr
    assert not (home / "runs" / "museum" / "2").exists()
    summary = json.loads(run(home, museum, tiny, "--json").stdout)
    assert summary["arms"] == ["base", "base+rag", "museum", "museum+rag"]


def test_russian_makes_another_report_and_nothing_else(
    home: Path, museum: Path, tiny: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = stages(home, 1)
    monkeypatch.setenv("KAMERTON_LANG", "ru")
    done = run(home, museum, tiny)
    latest = (home / "runs" / "museum" / "latest").resolve()
    after = stages(home, int(latest.name))
    assert {name for name in before if before[name] != after[name]} == {"report"}
    assert '<html lang="ru"' in (latest / "report.html").read_text()
    assert "отчёт: " in done.stdout


def test_a_changed_setting_reruns_what_depends_on_it(home: Path, museum: Path, tiny: Path) -> None:
    before = stages(home, 1)
    run(home, museum, tiny, "--set=experiment.max_tokens=6")
    latest = (home / "runs" / "museum" / "latest").resolve()
    after = stages(home, int(latest.name))
    changed = {name for name in before if before[name] != after[name]}
    assert changed == {"check", "compare", "report"}


STOPS = [
    ("data", signal.SIGKILL),
    ("tune", signal.SIGKILL),
    ("tune", signal.SIGINT),
    ("export", signal.SIGKILL),
    ("compare", signal.SIGKILL),
    ("compare", signal.SIGINT),
]


def test_a_run_stopped_in_every_stage_gives_the_adapter_and_the_answers_of_an_unbroken_one(
    home: Path, tmp_path: Path, museum: Path, tiny: Path
) -> None:
    """By `kill -9`, and by Ctrl-C, which leaves nothing behind."""
    for stage, number in STOPS:
        temporary = tmp_path / f"tmp-{stage}-{number}"
        temporary.mkdir()
        child = begun(stage, tmp_path, command(museum, tiny, "--deterministic"), temporary)
        if number == signal.SIGINT:
            time.sleep(1.5)  # somewhere inside the stage
        child.send_signal(number)
        _, errors = child.communicate(timeout=60)
        if number == signal.SIGINT:
            assert child.returncode == 130 and "Traceback" not in errors
            assert "kamerton-" not in " ".join(p.name for p in temporary.iterdir())
    assert "report.html" in run(tmp_path, museum, tiny).stdout
    assert adapter_and_answers(tmp_path) == adapter_and_answers(home)


def adapter_and_answers(folder: Path) -> tuple[str, list[tuple[str, str, str]]]:
    """Hash of the adapter and all answers of a folder's first run; none changed when repeated."""
    place = folder / "runs" / "museum" / "1"
    assert json.loads((place / "summary.json").read_text())["changed_answers"] == 0
    tuned = folder / "runs" / stages(folder, 1)["tune"]
    samples = [json.loads(line) for line in (place / "samples.jsonl").read_text().splitlines()]
    answers = [(s["arm"], s["question_id"], s["answer"]) for s in samples]
    return sha256(tuned / "adapter" / "adapter_model.safetensors"), answers


def begun(stage: str, folder: Path, words: list[str], temporary: Path) -> "subprocess.Popen[str]":
    """A run that has just begun a stage."""
    started = time.time()
    child = subprocess.Popen(
        [sys.executable, "-m", "kamerton.cli.main", *words],
        cwd=folder,
        text=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        env=os.environ | {"TMPDIR": str(temporary)},
        preexec_fn=heed_ctrl_c,
    )
    events = f"{stage}-*/{EVENTS}"
    while not any(
        path.stat().st_mtime > started for path in (folder / "runs" / ".stages").glob(events)
    ):
        assert child.poll() is None, "the run ended before it could be stopped"
        time.sleep(0.01)
    return child


def heed_ctrl_c() -> None:
    """In the child: a shell that starts us in the background would have it ignore Ctrl-C."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def test_a_row_longer_than_the_context_stops_the_run_and_is_named(
    tmp_path: Path, museum: Path, tiny: Path
) -> None:
    done = kamerton(tmp_path, *command(museum, tiny, "--set=tune.max_length=32"))
    assert done.returncode == 2 and "Traceback" not in done.stderr
    assert "tune.on_overflow" in done.stderr and "the longest: refusal." in done.stderr
    assert not list((tmp_path / "runs" / ".stages").glob("export-*"))


def test_a_port_in_use_is_told_by_the_command(home: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        done = kamerton(home, "serve", "museum", "--port", str(taken.getsockname()[1]))
    assert done.returncode == 2 and "--port" in done.stderr and "Traceback" not in done.stderr


def test_a_dataset_whose_test_questions_are_trained_stops_before_any_weights(
    tmp_path: Path, tiny: Path
) -> None:
    rows = [
        "question,answer,group,split",
        "What is it?,A bowl.,g,train",
        "What is it?,A bowl.,g,test",
    ]
    (tmp_path / "q.csv").write_text("\n".join(rows) + "\n")
    recipe = "data: {questions: q.csv, known_groups: 1, unknown_groups: 0}\n"
    (tmp_path / "recipe.yaml").write_text(f"name: x\nbase: {tiny}\n{recipe}")
    done = kamerton(tmp_path, "run", "recipe.yaml")
    assert done.returncode == 2 and "known.g" in done.stderr and "Traceback" not in done.stderr
    assert not list((tmp_path / "runs" / ".stages").glob("tune-*"))


def test_the_code_of_the_python_page_runs(
    home: Path, museum: Path, tiny: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On the tiny model, after the runs above: the smoke preset's stages are done already."""
    monkeypatch.chdir(home)
    small = SETTINGS | {"base": str(tiny)}
    sets = public._sets

    def with_small(values: public.Values | None) -> tuple[str, ...]:
        return (*(f"{key}={value}" for key, value in small.items()), *sets(values))

    monkeypatch.setattr(public, "_sets", with_small)
    docs = museum.parents[1] / "docs"
    (home / "docs").symlink_to(docs)
    page = docs / "tutorials" / "python.md"
    names: dict[str, object] = {}
    for block in re.findall(r"```python\n(.*?)```", page.read_text("utf-8"), re.S):
        exec(block.replace('"museum", preset', f"{str(museum)!r}, preset"), names)
    assert "museum/1" in str(names["run"])
