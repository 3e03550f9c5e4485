"""The live line counts what was learnt; accidents stop a training and leave it resumable."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest
import torch
import training_runs as runs
from transformers import TrainerCallback

from kamerton.develop.training.resume import newest_checkpoint
from kamerton.develop.training.threads import repeatable
from kamerton.develop.training.trainer import TERMINATED, Stop, Watch, watching
from kamerton.formats.errors import InputError
from kamerton.formats.progress import progress


class Bar:
    """What a progress line was told."""

    def __init__(self, total: int) -> None:
        self.total, self.n, self.initial, self.text = total, 0, 0, ""

    def update(self, count: int) -> None:
        self.n += count

    def set_postfix_str(self, text: str) -> None:
        self.text = text

    def refresh(self) -> None:
        pass


def train(
    tiny: Path, out: Path, bar: Any, resume: bool = False, more: Any = None, **changes: Any
) -> tuple[Any, Watch]:
    repeatable(0, 1)
    watch, data = Watch(), runs.rows(15)
    with watching(watch, bar, len(data), out) as callbacks:
        extra = [more] if more else []
        made = runs.trainer(runs.load(tiny), data, out, [*callbacks, *extra], **changes)
        made.watch = watch
        checkpoint = newest_checkpoint(out) if resume else None
        made.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
    return made, watch


def test_the_bar_moves_by_rows_also_where_the_last_batch_is_small(
    tiny: Path, tmp_path: Path
) -> None:
    bar = Bar(30)  # two epochs of 15 rows, in steps of 4, 4, 4 and 3
    made, watch = train(tiny, tmp_path, bar, max_steps=-1, num_train_epochs=2)
    assert bar.n == 30 and made.state.global_step == 8
    assert len(watch.ids) == 3 and all(id.startswith("row-") for id in watch.ids)
    learnt = {row["id"]: sum(row["supervised"]) for row in runs.rows(15)}
    assert watch.supervised == sum(learnt[id] for id in watch.ids)
    last = made.state.log_history[-2]["loss"]
    assert bar.text.startswith(f"loss {last:.3f}  ") and bar.text.endswith(" supervised tokens/s")


def test_a_resumed_run_goes_on_at_its_place_on_the_bar(tiny: Path, tmp_path: Path) -> None:
    train(tiny, tmp_path, Bar(30), num_train_epochs=2, max_steps=6)
    bar = Bar(30)
    train(tiny, tmp_path, bar, resume=True, max_steps=-1, num_train_epochs=2)
    assert bar.initial == 23 and bar.n == 30  # 15, and two steps of 4


def test_the_line_of_a_terminal_takes_it_all(tiny: Path, tmp_path: Path) -> None:
    with progress("tune", 32) as bar:
        train(tiny, tmp_path, bar, max_steps=2)
    assert "8/32" in str(bar) and "supervised tokens/s" in str(bar)


class Break(TrainerCallback):
    """Plants a fault at the beginning of step `at` (from 1)."""

    def __init__(self, at: int, fault: Any) -> None:
        self._at, self._fault = at, fault

    def on_step_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        if state.global_step + 1 == self._at:
            self._fault(kwargs["model"])


def poison(model: Any) -> None:
    """A loss that is no number: one output layer's weight is NaN for this step."""
    model.lm_head.register_forward_hook(lambda module, given, out: out * torch.nan)


def poison_gradient(model: Any) -> None:
    """A loss that is a number, and a gradient that is none."""
    model.lm_head.weight.register_hook(lambda gradient: gradient * torch.inf)


@pytest.mark.parametrize("fault", [poison, poison_gradient])
def test_a_step_that_is_no_number_changes_no_weights_and_no_checkpoint(
    tiny: Path, tmp_path: Path, fault: Any
) -> None:
    with pytest.raises(InputError) as caught:
        train(tiny, tmp_path, Bar(32), more=Break(4, fault))
    text = str(caught.value)
    assert "step 4" in text and text.count("row-") == 3 and "checkpoint-2" in text
    assert sorted(p.name for p in tmp_path.iterdir()) == ["checkpoint-2"]


def test_before_the_first_checkpoint_it_says_so(tiny: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="none yet"):
        train(tiny, tmp_path, Bar(32), more=Break(1, poison))
    assert list(tmp_path.iterdir()) == []


def test_a_trainer_that_tells_nothing_is_stopped_by_its_log(tmp_path: Path) -> None:
    from types import SimpleNamespace

    with watching(Watch(), Bar(8), 8, tmp_path) as callbacks:
        state = SimpleNamespace(global_step=3)
        callbacks[0].on_log(None, state, None, logs={"loss": 1.0})
        callbacks[0].on_log(None, state, None, logs={"eval_loss": float("nan")})
        with pytest.raises(InputError, match=r"step 3 \(rows: \?\)"):
            callbacks[0].on_log(None, state, None, logs={"loss": float("inf")})


def test_sigterm_within_a_step_saves_it_and_ends(tiny: Path, tmp_path: Path) -> None:
    class Send(TrainerCallback):
        def on_step_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
            if state.global_step == 4:
                os.kill(os.getpid(), signal.SIGTERM)

    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(SystemExit) as caught:
        train(tiny, tmp_path, Bar(32), more=Send())
    assert caught.value.code == TERMINATED == 143
    assert newest_checkpoint(tmp_path) == tmp_path / "checkpoint-5"
    assert signal.getsignal(signal.SIGTERM) is before


def test_a_stopped_run_resumes_to_the_same_bytes(tiny: Path, tmp_path: Path) -> None:
    class Send(TrainerCallback):
        def on_step_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
            if state.global_step == 2:
                os.kill(os.getpid(), signal.SIGTERM)

    whole, _ = train(tiny, tmp_path / "whole", Bar(32))
    with pytest.raises(SystemExit):
        train(tiny, tmp_path / "cut", Bar(32), more=Send())
    again, _ = train(tiny, tmp_path / "cut", Bar(32), resume=True)
    for name, value in whole.model.state_dict().items():
        assert torch.equal(value, again.model.state_dict()[name]), name


def test_sigterm_after_the_last_step_ends_as_well(tmp_path: Path) -> None:
    with pytest.raises(SystemExit), Stop(tmp_path).listening():
        os.kill(os.getpid(), signal.SIGTERM)


def test_outside_the_main_thread_nothing_listens(tmp_path: Path) -> None:
    ran: list[bool] = []

    def listen() -> None:
        with Stop(tmp_path).listening():
            ran.append(True)

    thread = threading.Thread(target=listen)
    thread.start()
    thread.join()
    assert ran == [True]


@pytest.mark.parametrize("slow", [0.0, 60.0])
def test_a_process_ends_in_time_with_one_line_and_143(
    tiny: Path, tmp_path: Path, slow: float
) -> None:
    """The parent sends SIGKILL five seconds after SIGTERM: a long step is not waited for."""
    program = [sys.executable, runs.__file__, str(tiny), str(tmp_path), str(slow)]
    child = subprocess.Popen(program, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert child.stdout
    for line in child.stdout:
        if slow or line == "step 3\n":
            break
    child.send_signal(signal.SIGTERM)
    _, said = child.communicate(timeout=120)
    assert child.returncode == TERMINATED
    lines = [line for line in said.splitlines() if "stopped by a signal" in line]
    assert len(lines) == 1 and ("none yet" in lines[0] if slow else "checkpoint-" in lines[0])
    assert (newest_checkpoint(tmp_path) is None) == bool(slow)


def test_saving_that_takes_too_long_is_left(tmp_path: Path, monkeypatch: Any) -> None:
    ended: list[int] = []
    monkeypatch.setattr("kamerton.develop.training.trainer.SAVE_SECONDS", 0.0)
    monkeypatch.setattr("kamerton.develop.training.trainer.os._exit", ended.append)
    from transformers import TrainerControl

    stop, control = Stop(tmp_path), TrainerControl()
    with pytest.raises(SystemExit), stop.listening():
        os.kill(os.getpid(), signal.SIGTERM)
        stop.on_step_end(None, None, control)
        while not ended:
            time.sleep(0.01)
    assert control.should_save and control.should_training_stop and ended == [TERMINATED]
