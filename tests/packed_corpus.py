"""A small packed corpus of made-up Russian prose, as the data stage leaves it."""

import random
from pathlib import Path

import russian_prose
from kamerton.develop.data.corpus.texts import CorpusText
from kamerton.develop.data.corpus.tokenizer import train_tokenizer
from kamerton.develop.data.corpus.tokens import encode, pack
from kamerton.develop.settings import PretrainSettings

ARCHITECTURE = {
    "model_type": "llama",
    "hidden_size": 64,
    "intermediate_size": 128,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "tie_word_embeddings": True,
}


def settings(**changes: object) -> PretrainSettings:
    """A model of some ten thousands of weights, on few rows."""
    told = {
        "architecture": ARCHITECTURE,
        "steps": 8,
        "batch_size": 4,
        "learning_rate": 3e-3,
        "eval_steps": 4,
        "save_steps": 4,
        "continuation_tokens": 6,
        "ngram": 3,
    }
    return PretrainSettings.model_validate(told | changes)


def make_corpus(folder: Path, texts: int = 24, context: int = 64) -> Path:
    """`folder` with tokenizer/, train.npy and held_out.npy; texts of one to three paragraphs."""
    rng = random.Random(7)
    documents = []
    for number in range(texts):
        text = russian_prose.text(rng, paragraphs=1 + number % 3, words=30)
        split = "held_out" if number % 6 == 5 else "train"
        name = f"{number:02}.txt"
        documents.append(CorpusText(id=name, work=name, split=split, text=text, gaps=[], lines=[]))
    tokenizer = train_tokenizer(documents, 400, folder / "tokenizer")
    for split in ("train", "held_out"):
        chosen = [document for document in documents if document.split == split]
        pack(encode(chosen, tokenizer), tokenizer, context, folder / f"{split}.npy", seed=7)
    return folder
