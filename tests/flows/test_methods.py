"""Every tuning method on a tiny model: it learns, is saved, loaded, resumed to the same bytes."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import torch

from kamerton.develop import hub
from kamerton.develop.settings import TuneSettings
from kamerton.develop.training.resume import newest_checkpoint
from kamerton.develop.training.trainer import TERMINATED
from kamerton.develop.tune import adapter, supervised
from kamerton.develop.tune.adapter import load
from kamerton.develop.tune.run import tune
from kamerton.formats.errors import InputError
from kamerton.formats.jsonl import read_rows, write_rows
from kamerton.formats.losses import LOSSES, LossRow
from kamerton.formats.manifest import tree_sha256
from tiny_model import make_model
from tune_chats import dataset, patterned

COMMON: dict[str, Any] = {"epochs": 2, "batch_size": 8, "save_steps": 2, "rank": 4}
METHODS: dict[str, dict[str, Any]] = {
    "lora": {"learning_rate": 1e-2, "dropout": 0.1},
    "qlora": {"learning_rate": 1e-2, "bits": 4},
    "qlora-8": {"learning_rate": 1e-2, "bits": 8},
    "dora": {"learning_rate": 1e-2},
    "prompt": {"learning_rate": 0.3, "virtual_tokens": 6},
    "full": {"learning_rate": 3e-3, "weight_decay": 0.01},
    "noise": {"learning_rate": 1e-2, "neftune_alpha": 5.0, "micro_batch_size": 3},
}
"""What differs by method; `noise` is lora with NEFTune, in parts that do not fill a batch."""
IDS = torch.tensor([[5, 6, 7, 8, 9, 10]])


def settings(name: str, **changes: Any) -> TuneSettings:
    method = {"noise": "lora", "qlora-8": "qlora"}.get(name, name)
    return TuneSettings.model_validate(COMMON | METHODS[name] | {"method": method} | changes)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return dataset(tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="module")
def trained(
    tiny: Path, data: Path, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, tuple[Path, Any]]:
    """Each method's output, and the logits of the model that was saved."""
    found = {}
    with pytest.MonkeyPatch.context() as patch:
        for name in METHODS:
            out = tmp_path_factory.mktemp(name)
            kept = keep(patch)
            tune(settings(name), str(tiny), data, out, seed=7, threads=1)
            found[name] = (out, logits(kept[0].eval()))
    return found


def keep(patch: pytest.MonkeyPatch) -> list[Any]:
    """The models that the next runs save."""
    from kamerton.develop.tune.adapter import save

    kept: list[Any] = []

    def saved(model: Any, *rest: Any) -> None:
        save(model, *rest)
        kept.append(model)

    patch.setattr(adapter, "save", saved)
    return kept


def logits(model: Any) -> Any:
    with torch.no_grad():
        return model(input_ids=IDS).logits


def weights(out: Path) -> dict[str, str]:
    hashes = tree_sha256(out)
    return {name: value for name, value in hashes.items() if name.endswith(".safetensors")}


@pytest.mark.parametrize("name", METHODS)
def test_held_out_answers_are_said_better(name: str, trained: dict[str, Any]) -> None:
    out, _ = trained[name]
    figures = json.loads((out / "training.json").read_text())
    totals = figures["held_out"]
    assert totals["rows"] == 6 and totals["after"] < 0.95 * totals["before"]
    found = read_rows(out / LOSSES, LossRow)
    assert [row.id for row in found] == [f"r{n}" for n in range(100, 106)]
    assert sum(row.after < row.before for row in found) >= 5
    assert figures["last_loss"] < figures["first_loss"]


@pytest.mark.parametrize("name", METHODS)
def test_what_is_saved_loads_to_the_same_model(
    name: str, tiny: Path, trained: dict[str, Any]
) -> None:
    out, before = trained[name]
    model = load(str(tiny), out)
    assert torch.equal(logits(model), before)
    base = logits(hub.load_model(str(tiny)).eval())
    assert not torch.allclose(before[:, -IDS.shape[1] :], base, atol=1e-3)
    answer = model.generate(input_ids=IDS, max_new_tokens=1, do_sample=False)
    assert int(answer[0, -1]) == int(before[0, -1].argmax())


@pytest.mark.parametrize("name", METHODS)
def test_the_figures_say_what_was_trained(name: str, trained: dict[str, Any]) -> None:
    out, _ = trained[name]
    figures, wanted = json.loads((out / "training.json").read_text()), settings(name)
    assert figures["method"] == wanted.method and figures["objective"] == "sft"
    fields = {"lora": "rank", "dora": "rank", "qlora": "bits", "prompt": "virtual_tokens"}
    if wanted.method in fields:
        field = fields[wanted.method]
        assert figures["method_settings"][field] == getattr(wanted, field)
    assert figures["steps"] == len(figures["loss"]) == 6
    assert figures["trainable_parameters"] > 0 and figures["peak_memory_mib"] > 100
    assert figures["supervised_tokens_per_second"] > 0 and figures["seconds"] > 0
    found = json.loads((out / "checks.json").read_text())
    assert found["accumulation"]["gradient_difference"] < 1e-5
    assert found["head"]["largest_logit_difference"] < 1e-3
    assert ("isolation" in found) == (name not in ("prompt", "noise"))
    assert len(found["masks"]["spans"]) == 3 and 0 < found["masks"]["supervised_share"] < 1
    assert not (out / "checkpoints").exists()


class Killed(BaseException):
    """The process is gone, as far as the code under test can tell."""


def kill_after(parts: int, patch: pytest.MonkeyPatch) -> None:
    """End a run in its forward pass number `parts`, after all its checks."""
    loss, seen = supervised.Supervised.compute_loss, []

    def dying(*given: Any, **named: Any) -> Any:
        seen.append(1)
        if len(seen) > parts:
            raise Killed
        return loss(*given, **named)

    patch.setattr(supervised.Supervised, "compute_loss", dying)


@pytest.mark.parametrize("name", METHODS)
def test_k_steps_and_k_steps_are_2k_steps(
    name: str, tiny: Path, data: Path, trained: dict[str, Any], tmp_path: Path
) -> None:
    """Killed within the second epoch, after a checkpoint in its middle."""
    with pytest.MonkeyPatch.context() as patch:
        kill_after(15 if name == "noise" else 5, patch)  # there a step is of two or four parts
        with pytest.raises(Killed):
            tune(settings(name), str(tiny), data, tmp_path, seed=7, threads=1)
    checkpoint = newest_checkpoint(tmp_path / "checkpoints")
    assert checkpoint is not None and checkpoint.name == "checkpoint-4"
    tune(settings(name), str(tiny), data, tmp_path, seed=7, threads=1)
    assert weights(tmp_path) == weights(trained[name][0])
    whole, resumed = (
        json.loads((out / "training.json").read_text())["loss"]
        for out in (trained[name][0], tmp_path)
    )
    assert resumed == whole
    assert (tmp_path / LOSSES).read_bytes() == (trained[name][0] / LOSSES).read_bytes()


def test_another_seed_gives_other_weights(
    tiny: Path, data: Path, trained: dict[str, Any], tmp_path: Path
) -> None:
    tune(settings("lora"), str(tiny), data, tmp_path, seed=8, threads=1)
    assert weights(tmp_path) != weights(trained["lora"][0])


SCRIPT = """
import sys
from pathlib import Path
from kamerton.develop.tune.run import tune
from kamerton.develop.settings import TuneSettings
tune(TuneSettings.model_validate_json(sys.argv[1]), sys.argv[2],
     Path(sys.argv[3]), Path(sys.argv[4]), seed=7, threads=1)
"""


LONGER = settings("lora", epochs=6)
"""Steps enough to be killed among them."""


def test_a_process_that_is_killed_goes_on_to_the_same_bytes(
    tiny: Path, data: Path, tmp_path: Path
) -> None:
    """Twice: with `kill -9`, and, when it has come further, politely."""
    whole, out = tmp_path / "whole", tmp_path / "killed"
    tune(LONGER, str(tiny), data, whole, seed=7, threads=1)
    given = [LONGER.model_dump_json(), str(tiny), str(data), str(out)]
    for number, ended in ((signal.SIGKILL, -signal.SIGKILL), (signal.SIGTERM, TERMINATED)):
        before = newest_checkpoint(out / "checkpoints")
        child = subprocess.Popen(
            [sys.executable, "-c", SCRIPT, *given], stderr=subprocess.PIPE, text=True
        )
        while newest_checkpoint(out / "checkpoints") == before and child.poll() is None:
            time.sleep(0.01)
        os.kill(child.pid, number)
        said = child.communicate()[1]
        assert child.returncode == ended, "the run ended before it could be killed: " + said[-500:]
        noises = ("Traceback", "Warning", "[transformers]", "Failed")
        assert not any(noise in said for noise in noises)
        assert newest_checkpoint(out / "checkpoints") is not None
    tune(LONGER, str(tiny), data, out, seed=7, threads=1)
    assert weights(out) == weights(whole)


@pytest.mark.parametrize(
    ("field", "changes", "seed"),
    [
        ("tune.learning_rate = 0.01", {"learning_rate": 2e-2}, 7),
        ("tune.dropout = 0.1", {"dropout": 0.2}, 7),
        ("seed = 7", {}, 8),
        ("sha256.train.jsonl", {}, 7),
    ],
)
def test_a_changed_training_is_not_resumed(
    field: str, changes: dict[str, Any], seed: int, tiny: Path, data: Path, tmp_path: Path
) -> None:
    out, own = tmp_path / "out", tmp_path / "data"
    own.mkdir()
    write_rows(own / "train.jsonl", patterned(20))
    with pytest.MonkeyPatch.context() as patch:
        kill_after(2, patch)
        with pytest.raises(Killed):
            tune(settings("lora"), str(tiny), own, out, seed=7, threads=1)
    before = weights(out)
    if field.startswith("sha256"):
        write_rows(own / "train.jsonl", patterned(20, first=1))
    with pytest.raises(InputError, match=field):
        tune(settings("lora", **changes), str(tiny), own, out, seed=seed, threads=1)
    assert weights(out) == before != {}


def test_what_was_never_begun_may_change(tiny: Path, data: Path, tmp_path: Path) -> None:
    with pytest.MonkeyPatch.context() as patch:
        kill_after(0, patch)
        with pytest.raises(Killed):
            tune(settings("lora"), str(tiny), data, tmp_path, seed=7, threads=1)
    tune(settings("lora", epochs=1, rank=2), str(tiny), data, tmp_path, seed=7, threads=1)
    assert json.loads((tmp_path / "training.json").read_text())["steps"] == 3


@pytest.mark.parametrize("name", ["lora", "prompt"])
def test_a_new_training_starts_from_an_adapter(
    name: str, tiny: Path, data: Path, trained: dict[str, Any], tmp_path: Path
) -> None:
    old, _ = trained[name]
    again = settings(name, start_from=str(old), epochs=1)
    tune(again, str(tiny), data, tmp_path, seed=7, threads=1)
    was, now = (json.loads((out / "training.json").read_text()) for out in (old, tmp_path))
    assert now["first_loss"] < was["first_loss"] and now["start_from"] == str(old)
    assert now["held_out"]["before"] == was["held_out"]["before"], "before is the base's"
    assert now["held_out"]["after"] < was["held_out"]["before"]
    assert weights(tmp_path) != weights(old)
    with pytest.raises(InputError, match=r"tune\.rank|virtual_tokens"):
        other = settings(name, start_from=str(old), rank=5, virtual_tokens=7)
        tune(other, str(tiny), data, tmp_path / "other", seed=7, threads=1)
    assert not (tmp_path / "other").exists()


def test_what_cannot_be_is_said_before_weights_load(
    tiny: Path, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(*given: Any, **named: Any) -> Any:
        raise AssertionError("weights were loaded")

    monkeypatch.setattr(hub, "load_model", never)
    wrong = [
        (settings("prompt", objective="dpo"), data, "soft prompt"),
        (settings("lora", max_length=16), data, "longer than tune"),
        (settings("lora", start_from=str(tmp_path)), data, "no adapter"),
        (settings("lora", objective="kto"), data, ""),
        (settings("lora"), tmp_path, "train.jsonl"),
    ]
    for given, folder, said in wrong:
        with pytest.raises(InputError) as caught:
            tune(given, str(tiny), folder, tmp_path / "out", seed=7, threads=1)
        assert said in str(caught.value)


def test_rows_longer_than_the_base_knows_are_refused(data: Path, tmp_path: Path) -> None:
    small = make_model(tmp_path / "small", max_position_embeddings=40)
    longest = settings("prompt", virtual_tokens=30)
    with pytest.raises(InputError, match="the base knows 40 positions"):
        tune(longest, str(small), data, tmp_path / "out", seed=7, threads=1)


def test_a_loss_that_is_no_number_stops_the_run_and_keeps_the_last_good_checkpoint(
    tiny: Path, data: Path, tmp_path: Path
) -> None:
    loss, calls = supervised.Supervised.compute_loss, []

    def breaking(*given: Any, **named: Any) -> Any:
        calls.append(1)
        return loss(*given, **named) * (float("nan") if len(calls) == 4 else 1)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(supervised.Supervised, "compute_loss", breaking)
        with pytest.raises(InputError, match=r"at step 4 \(rows: r\d+, .*checkpoint-2"):
            tune(settings("lora"), str(tiny), data, tmp_path, seed=7, threads=1)
    kept = newest_checkpoint(tmp_path / "checkpoints")
    assert kept is not None and kept.name == "checkpoint-2"
    assert not (tmp_path / "training.json").exists()


def test_a_longer_run_says_what_it_will_take_and_is_not_changed_by_that(
    tiny: Path, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    long = settings("lora", batch_size=2, epochs=4, save_steps=100)
    tune(long, str(tiny), data, tmp_path / "probed", seed=7, threads=1)
    assert "expected: 0:0" in capsys.readouterr().err
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(supervised, "_LONG_RUN", 10**6)
        tune(long, str(tiny), data, tmp_path / "plain", seed=7, threads=1)
    assert "expected: 0:0" not in capsys.readouterr().err
    assert weights(tmp_path / "probed") == weights(tmp_path / "plain")


@pytest.mark.parametrize("failing", [1, 2])
def test_rows_are_halved_where_memory_runs_out_and_the_result_is_the_same(
    failing: int, tiny: Path, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The first step that needs too much, and one after a checkpoint."""
    whole, halved = tmp_path / "whole", tmp_path / "halved"
    small = {"save_steps": 1, "epochs": 1, "dropout": 0.0}
    tune(settings("lora", **small), str(tiny), data, whole, seed=7, threads=1)
    loss, calls = supervised.Supervised.compute_loss, []

    def scarce(trainer: Any, model: Any, batch: Any, *given: Any, **named: Any) -> Any:
        calls.append(len(batch["cu_seq_lens"]) - 1)
        if calls[-1] > 4 and len(calls) >= failing:
            raise RuntimeError("DefaultCPUAllocator: can't allocate memory")
        return loss(trainer, model, batch, *given, **named)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(supervised.Supervised, "compute_loss", scarce)
        tune(settings("lora", **small), str(tiny), data, halved, seed=7, threads=1)
    assert max(calls[failing:]) == 4 and "8 rows at once do not fit" in capsys.readouterr().err
    one, other = (json.loads((out / "training.json").read_text()) for out in (whole, halved))
    assert other["loss"] == pytest.approx(one["loss"], rel=1e-3)


@pytest.mark.parametrize("objective", ["dpo", "kto"])
def test_preferences_are_learnt_by_any_adapter(objective: str, tiny: Path, tmp_path: Path) -> None:
    """The door only; what the training itself does is tested beside it."""
    lines = []
    for n in range(8):
        prompt = [{"role": "user", "content": f"What colour is vase {n}?"}]
        short, long = "Red.", "It is red, I think, and very old indeed."
        row: dict[str, Any] = {"id": f"p{n}", "prompt": prompt}
        if objective == "dpo":
            lines.append(row | {"chosen": short, "rejected": long})
        else:
            lines.append(row | {"completion": short if n % 2 else long, "label": bool(n % 2)})
    text = "\n".join(json.dumps(line) for line in lines)
    (tmp_path / "train.jsonl").write_text(text + "\n")
    out = tmp_path / "out"
    given = settings("dora", objective=objective, epochs=1, batch_size=4)
    tune(given, str(tiny), tmp_path, out, seed=7, threads=1)
    figures = json.loads((out / "training.json").read_text())
    assert figures["objective"] == objective and figures["method"] == "dora"
    assert (out / "adapter" / "adapter_model.safetensors").is_file()
    assert not torch.equal(logits(load(str(tiny), out)), logits(hub.load_model(str(tiny)).eval()))


@pytest.mark.long
@pytest.mark.parametrize("name", METHODS)
def test_the_embedded_model_learns_by_every_method(
    name: str, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = keep(monkeypatch)
    rates = {"full": 1e-4, "prompt": 1e-1}
    few = {"epochs": 2, "batch_size": 4, "learning_rate": rates.get(name, 2e-3), "dropout": 0.0}
    tune(settings(name, **few), hub.EMBEDDED, data, tmp_path, seed=7, threads=1)
    figures = json.loads((tmp_path / "training.json").read_text())
    print(name, {k: v for k, v in figures.items() if k != "loss"})
    assert figures["held_out"]["after"] < figures["held_out"]["before"]
    assert torch.equal(logits(load(hub.EMBEDDED, tmp_path)), logits(kept[0].eval()))
