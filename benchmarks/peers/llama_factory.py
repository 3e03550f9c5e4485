"""LLaMA-Factory 0.9.5 in its own environment: `python llama_factory.py WORK OUT [PARTS]`.

Its own trainer on the tokens as given; float32, no checkpointing, each batch in PARTS parts; see
measured.py and ../training.py.
"""

import json
import resource
from pathlib import Path

import measured


def dataset(work: dict, folder: Path) -> str:
    """The rows as it keeps tokenised ones."""
    from datasets import Dataset, DatasetDict

    rows = [
        {
            "input_ids": row["input_ids"],
            "attention_mask": [1] * len(row["input_ids"]),
            "labels": [
                token if learnt else -100
                for token, learnt in zip(row["input_ids"], row["supervised"], strict=True)
            ],
        }
        for row in measured.rows(work)
    ]
    DatasetDict({"train": Dataset.from_list(rows)}).save_to_disk(str(folder))
    return str(folder)


def main() -> None:
    """Train on the rows as given."""
    from llamafactory.train.tuner import run_exp

    work, adapter, out = measured.work()
    same = measured.same_for_all(work, out, int(measured.mode("1")))
    del same["train_sampling_strategy"], same["use_cpu"], same["warmup_steps"]
    watch = measured.clock()
    run_exp(
        {
            **same,
            "warmup_steps": work["warmup_steps"],
            "stage": "sft",
            "do_train": True,
            "model_name_or_path": work["base"],
            "adapter_name_or_path": str(adapter),
            "finetuning_type": "lora",
            "tokenized_path": dataset(work, out / "rows"),
            "template": "chatml",
            "disable_shuffling": True,
            "disable_gradient_checkpointing": True,
            "bf16": False,
            "dataloader_num_workers": 0,
        },
        callbacks=[watch],
    )
    log = (out / "trainer" / "trainer_state.json").read_text()
    losses = [entry["loss"] for entry in json.loads(log)["log_history"] if "loss" in entry]
    peak = round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
    figures = {"steps": watch.steps, "losses": losses, "peak_mib": peak}
    (out / "trainer").rename(out / "adapter")
    (out / "figures.json").write_text(json.dumps(figures) + "\n")


if __name__ == "__main__":
    main()
