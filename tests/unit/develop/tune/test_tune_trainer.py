"""trl trains with our loss and our batches; nothing that it would do by itself is done."""

import socket
from pathlib import Path
from typing import Any

import pytest
import torch
from peft.utils import save_and_load
from trl.trainer import base_trainer

from kamerton.develop import hub
from kamerton.develop.settings import TuneSettings
from kamerton.develop.training.threads import repeatable
from kamerton.develop.tune import supervised
from kamerton.develop.tune.adapter import attach
from kamerton.develop.tune.batches import Batches, collate
from kamerton.develop.tune.task import Task
from tune_chats import encoded, patterned


def made(
    tiny: Path, out: Path, micro_batch_size: int = 4, model: Any = None, **changes: Any
) -> Any:
    """A trainer on ten rows of a pattern, ready to run."""
    usual = {"rank": 4, "epochs": 1, "batch_size": 4, "learning_rate": 1e-2}
    settings = TuneSettings.model_validate(usual | changes)
    repeatable(3, 1)
    model = attach(model or hub.load_model(str(tiny)), settings, [1, 2])
    rows = encoded(tiny, patterned(10))
    together = supervised.collation(model, settings, 64)
    batches = Batches([len(row.ids) for row in rows], settings.batch_size, micro_batch_size, seed=3)
    task = Task(settings, str(tiny), hub.load_tokenizer(str(tiny)), out, out, seed=3, threads=1)
    return supervised.build(model, task, rows, together, batches)


def weights(run: Any) -> dict[str, Any]:
    return {n: p.detach().clone() for n, p in run.model.named_parameters() if p.requires_grad}


def test_nothing_of_its_defaults_acts(
    tiny: Path,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    recwarn: pytest.WarningsRecorder,
) -> None:
    run = made(tiny, tmp_path / "run", save_steps=2)
    config = run.model.config.to_dict()
    run.train()
    assert not run.args.bf16 and not run.args.fp16 and not run.args.packing
    assert not (run.args.gradient_checkpointing or run.args.activation_checkpointing)
    assert run.args.max_length is None and run.args.report_to == []
    assert {p.dtype for p in run.model.parameters()} == {torch.float32}
    assert run.model.config.to_dict() == config, "the model's special tokens were changed"
    written = {p.name for p in (tmp_path / "run/checkpoints/checkpoint-2").iterdir()}
    assert "optimizer.pt" in written and not written & {"tokenizer.json", "chat_template.jinja"}
    assert not (tmp_path / "run" / "README.md").exists()
    logged = [entry for entry in run.state.log_history if "loss" in entry]
    assert len(logged) == 3 and not any("entropy" in entry for entry in logged)
    assert capfd.readouterr().err == ""
    assert [str(w.message) for w in recwarn if "torch/jit" not in w.filename] == []


def test_nothing_is_sent_and_no_hub_is_asked(
    tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Any] = []

    def ask(*args: Any, **kwargs: Any) -> Any:
        asked.append(args)
        raise OSError("no network in this test")

    monkeypatch.delenv("CI", raising=False)  # trl sends nothing where this is set
    for place, name in (
        (socket.socket, "connect"),
        (socket, "getaddrinfo"),
        (base_trainer, "send_telemetry"),
        (save_and_load, "check_file_exists_on_hf_hub"),
    ):
        monkeypatch.setattr(place, name, ask)
    run = made(tiny, tmp_path, save_steps=2)
    run.model.peft_config["default"].base_model_name_or_path = "somebody/something"
    run.train()
    assert asked == []


@pytest.mark.parametrize("bits", [4, 8])
def test_adapters_of_a_quantised_base_keep_their_precision(
    tiny: Path, tmp_path: Path, bits: int
) -> None:
    base = hub.load_quantised(str(tiny), bits)
    run = made(tiny, tmp_path, model=base, method="qlora", bits=bits)
    assert {p.dtype for p in weights(run).values()} == {torch.float32}
    fresh = attach(hub.load_model(str(tiny)), TuneSettings(rank=4))
    assert weights(run).keys() == {n for n, p in fresh.named_parameters() if p.requires_grad}
    assert any(bool((p != p.bfloat16().float()).any()) for p in weights(run).values())


def test_the_model_has_its_own_forward_pass_again(tiny: Path, tmp_path: Path) -> None:
    run = made(tiny, tmp_path)
    assert "forward" not in run.model.get_base_model().__dict__


@pytest.mark.parametrize("method", ["lora", "prompt"])
@pytest.mark.parametrize("micro_batch_size", [1, 2])
def test_parts_of_a_batch_give_the_same_step(
    tiny: Path, tmp_path: Path, method: str, micro_batch_size: int
) -> None:
    whole = made(tiny, tmp_path / "whole", method=method)
    whole.train()
    parts = made(tiny, tmp_path / "parts", micro_batch_size, method=method)
    parts.train()
    assert whole.state.global_step == parts.state.global_step == 3
    for one, other in zip(whole.state.log_history, parts.state.log_history, strict=True):
        if "loss" in one:
            assert one["loss"] == pytest.approx(other["loss"], rel=1e-5)
    for name, weight in weights(whole).items():
        torch.testing.assert_close(weights(parts)[name], weight, rtol=1e-2, atol=1e-4)


def test_learning_rate_warms_up_and_decays_and_weights_decay(tiny: Path, tmp_path: Path) -> None:
    run = made(tiny, tmp_path, epochs=4, warmup=0.25, weight_decay=0.3)
    run.train()
    rates = [e["learning_rate"] for e in run.state.log_history if "learning_rate" in e]
    assert rates[0] == 0 and max(rates) == rates[3] == 1e-2 and rates[-1] < 1e-3
    decays = {group["weight_decay"] for group in run.optimizer.param_groups if group["params"]}
    assert decays == {0.3}


def test_noise_acts_in_training_only(tiny: Path, tmp_path: Path) -> None:
    plain = made(tiny, tmp_path / "plain")
    noisy = made(tiny, tmp_path / "noisy", neftune_alpha=5.0)
    plain.train()
    noisy.train()
    first = [run.state.log_history[0]["loss"] for run in (plain, noisy)]
    assert first[0] != pytest.approx(first[1], rel=1e-6)
    embedding = noisy.model.get_input_embeddings()
    assert not embedding._forward_hooks, "the noise stays after training"
    assert supervised.collation(noisy.model, TuneSettings(neftune_alpha=5.0), 64) is collate
