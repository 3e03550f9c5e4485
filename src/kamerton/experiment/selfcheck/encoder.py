"""A small encoder of random weights, and BERTScore written out: what ours is held against.

The truth of a formula does not depend on what an encoder has learnt, so no weights are needed.
"""

from pathlib import Path
from typing import Any

_WORDS = "the idol of pomos is carved from picrolite where kept lady lemba bronze cast in museum a"
_MARKS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")


def make_encoder(folder: Path, positions: int = 64) -> Path:
    """Write a BERT of 3 layers, 32 wide, with a word-piece tokenizer; the same at every call."""
    import torch
    from transformers import BertConfig, BertModel, BertTokenizer
    from transformers.utils import logging

    logging.disable_progress_bar()  # it is written in a moment
    letters = [chr(code) for code in range(ord("a"), ord("z") + 1)]
    pieces = [*_MARKS, *letters, *(f"##{letter}" for letter in letters), *_WORDS.split(), ".", ","]
    vocabulary = {piece: place for place, piece in enumerate(dict.fromkeys(pieces))}
    config = BertConfig(
        vocab_size=len(vocabulary),
        hidden_size=32,
        num_hidden_layers=3,
        num_attention_heads=4,
        intermediate_size=64,
        max_position_embeddings=positions,
        initializer_range=0.5,
    )
    with torch.random.fork_rng():
        torch.manual_seed(0)
        BertModel(config).save_pretrained(folder)
    BertTokenizer(vocab=vocabulary, model_max_length=positions).save_pretrained(folder)
    return folder


def by_formula(answer: str, reference: str, encoder: str, layer: int) -> float:
    """F1 of one pair by the equations of Zhang et al. 2020, section 3, one token at a time."""
    from transformers import AutoModel, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(encoder, local_files_only=True)
    model = AutoModel.from_pretrained(encoder, local_files_only=True).eval()
    one, other = (_vectors(text, tokenizer, model, layer) for text in (answer, reference))
    precision, recall = _side(one, other), _side(other, one)
    return 2 * precision * recall / (precision + recall)


def _vectors(text: str, tokenizer: Any, model: Any, layer: int) -> list[Any]:
    """The unit vectors of a text's tokens, the marks of beginning and end included."""
    import torch

    with torch.inference_mode():
        ids = torch.tensor([tokenizer.encode(text)])
        hidden = model(ids, output_hidden_states=True).hidden_states[layer][0]
    return [vector / vector.norm() for vector in hidden]


def _side(one: list[Any], other: list[Any]) -> float:
    """Mean over the tokens, without the marks, of the best cosine with any of the other's."""
    best = [max(float(vector @ its) for its in other) for vector in one[1:-1]]
    return sum(best) / len(best)
