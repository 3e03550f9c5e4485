"""What every contender of the training benchmark needs; nothing of Kamerton is imported here.

A contender is a process: `python CONTENDER.py WORK OUT [MODE]`. WORK has work.json (rows as token
ids, their batches, the settings of optimiser and adapter, the base's folder) and adapter/ (the
adapter to start from). It leaves OUT/adapter (what it learnt) and OUT/figures.json: of every step
seconds, processor seconds and loss; its peak memory.
"""

import json
import resource
import sys
import time
from pathlib import Path
from typing import Any


def work() -> tuple[dict[str, Any], Path, Path]:
    """What is to be done, the folder of the adapter to start from, and the folder to write."""
    source, out = Path(sys.argv[1]), Path(sys.argv[2])
    out.mkdir(parents=True, exist_ok=True)
    return json.loads((source / "work.json").read_text()), source / "adapter", out


def mode(default: str) -> str:
    return sys.argv[3] if len(sys.argv) > 3 else default


def rows(work: dict[str, Any]) -> list[dict[str, Any]]:
    """The rows in the order in which they are learnt."""
    return [work["rows"][i] for batch in work["batches"] for i in batch]


def adapted(work: dict[str, Any], adapter: Path) -> Any:
    """The float32 base with the adapter to start from."""
    import torch
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    base = AutoModelForCausalLM.from_pretrained(work["base"], dtype=torch.float32)
    return PeftModel.from_pretrained(base, adapter, is_trainable=True)


def tokenizer(work: dict[str, Any]) -> Any:
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(work["base"])


def same_for_all(work: dict[str, Any], out: Path, parts: int = 1) -> dict[str, Any]:
    """The Trainer's arguments that every contender shares: optimiser, schedule, batches."""
    return {
        "output_dir": str(out / "trainer"),
        "num_train_epochs": 1,
        "per_device_train_batch_size": work["batch_size"] // parts,
        "gradient_accumulation_steps": parts,
        "learning_rate": work["learning_rate"],
        "lr_scheduler_type": "cosine",
        "warmup_steps": work["warmup_steps"],
        "weight_decay": 0.0,
        "train_sampling_strategy": "sequential",
        "save_strategy": "no",
        "logging_steps": 1,
        "report_to": "none",
        "disable_tqdm": True,
        "use_cpu": True,
        "seed": work["seed"],
        "dataloader_pin_memory": False,
    }


def clock() -> Any:
    """A callback that notes when each step begins and ends: seconds, processor seconds."""
    from transformers import TrainerCallback

    class Clock(TrainerCallback):  # type: ignore[misc]
        steps: list[tuple[float, float]] = []

        def on_step_begin(self, *args: Any, **kwargs: Any) -> None:
            self.begun = time.perf_counter(), time.process_time()

        def on_step_end(self, *args: Any, **kwargs: Any) -> None:
            wall, spent = self.begun
            self.steps.append((time.perf_counter() - wall, time.process_time() - spent))

    return Clock()


def run(trainer: Any, out: Path) -> None:
    """Train, and write what was measured."""
    watch = clock()
    trainer.add_callback(watch)
    trainer.train()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    trainer.model.save_pretrained(out / "adapter", save_embedding_layers=False)
    losses = [entry["loss"] for entry in trainer.state.log_history if "loss" in entry]
    figures = {"steps": watch.steps, "losses": losses, "peak_mib": round(peak)}
    (out / "figures.json").write_text(json.dumps(figures) + "\n")
