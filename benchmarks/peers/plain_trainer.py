"""transformers' Trainer as its documentation has it: `python plain_trainer.py WORK OUT [PARTS]`.

Rows are padded, what is not learnt has the label -100, the model computes its own loss. float32,
no checkpointing; see measured.py and ../training.py.
"""

import measured


def main() -> None:
    """Train on the rows as given."""
    from datasets import Dataset
    from transformers import DataCollatorForTokenClassification, Trainer, TrainingArguments

    work, adapter, out = measured.work()
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
    same = measured.same_for_all(work, out, int(measured.mode("1")))
    trainer = Trainer(
        model=measured.adapted(work, adapter),
        args=TrainingArguments(**same),
        train_dataset=Dataset.from_list(rows),
        # Pads labels as well as tokens.
        data_collator=DataCollatorForTokenClassification(measured.tokenizer(work)),
    )
    measured.run(trainer, out)


if __name__ == "__main__":
    main()
