"""Cross-entropy with the output layer on supervised positions only.

With 49,152 tokens in the vocabulary and 576 hidden units the output layer is a fifth of the
work of a forward pass, and two thirds of the positions of a chat are not learnt. Exact: the
same loss as over all positions, of which the others have weight zero.
"""

from typing import Any


def supervised_loss(model: Any, batch: dict[str, Any], items: Any = None) -> Any:
    """Sum of the token losses over `items` (supervised tokens of the whole optimiser step).

    `batch`: input_ids, attention_mask, supervised, each [rows, length]. Without `items` the
    mean over this batch (transformers#34191: the mean of means is another loss).
    """
    import torch.nn.functional as functional

    wrapped = model.get_base_model() if hasattr(model, "get_base_model") else model
    hidden = wrapped.get_decoder()(
        input_ids=batch["input_ids"], attention_mask=batch["attention_mask"], use_cache=False
    ).last_hidden_state
    targets = batch["supervised"][:, 1:]
    logits = wrapped.get_output_embeddings()(hidden[:, :-1][targets])
    labels = batch["input_ids"][:, 1:][targets]
    total = functional.cross_entropy(logits.float(), labels, reduction="sum")
    return total / (items if items is not None else labels.numel())
