"""trl's SFTTrainer: `python trl_sft.py WORK OUT MODE`; see measured.py and ../training.py.

MODE is `defaults` (nothing said but the optimiser and the rows: bfloat16 and checkpointing of
activations, as it comes), or `float32:PARTS` or `bfloat16:PARTS` (no checkpointing, each batch in
so many parts).
"""

from typing import Any

import measured


def config(work: dict[str, Any], out: Any, mode: str) -> Any:
    from trl import SFTConfig

    if mode == "defaults":
        return SFTConfig(**measured.same_for_all(work, out), completion_only_loss=True)
    kind, parts = mode.split(":")
    same = measured.same_for_all(work, out, int(parts)) | {"completion_only_loss": True}
    return SFTConfig(**same, bf16=kind == "bfloat16", activation_checkpointing=False)


def main() -> None:
    """Train on the rows as given: tokens and a mask of what is learnt."""
    from datasets import Dataset
    from trl import SFTTrainer

    work, adapter, out = measured.work()
    rows = [
        {"input_ids": row["input_ids"], "completion_mask": [int(x) for x in row["supervised"]]}
        for row in measured.rows(work)
    ]
    trainer = SFTTrainer(
        model=measured.adapted(work, adapter),
        args=config(work, out, measured.mode("defaults")),
        train_dataset=Dataset.from_list(rows),
        processing_class=measured.tokenizer(work),
    )
    measured.run(trainer, out)


if __name__ == "__main__":
    main()
