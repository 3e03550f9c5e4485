"""Texts with known scores, and a random encoder of a few thousand parameters."""

from pathlib import Path

TRIO = (
    ["The dog bit the man.", "It wasn't surprising.", "The man had just bitten him."],
    [
        ["The dog bit the man.", "The dog had bit the man."],
        ["It was not unexpected.", "No one was surprised."],
        ["The man bit him first.", "The man had bitten the dog."],
    ],
)
"""The example of sacrebleu's README."""

SIGN = (
    "public static int Sign ( double d ) { return ( int ) "
    "( ( d == 0 ) ? 0 : ( d < 0 ) ? - 1 : 1) ; }"
)
SIGN_OTHER = (
    "public static int Sign ( double d ) { return ( float ) "
    "( ( d == 0 ) ? 0 : ( c < 0.0 ) ? - 1 : 1) ; }"
)
SIGN_RENAMED = SIGN.replace(" d ", " c ")
"""The examples of the CodeBLEU paper."""

RUSSIAN = "Идол из Помоса вырезан из пикролита — «крестовидная» фигура."
WORDS = "the idol of pomos is carved from picrolite where kept lady lemba bronze cast in museum a"


def make_encoder(folder: Path, positions: int = 64) -> Path:
    """A random BERT with a word-piece tokenizer."""
    import torch
    from transformers import BertConfig, BertModel, BertTokenizer

    letters = [chr(c) for c in (*range(97, 123), *range(0x430, 0x450))]
    pieces = [*letters, *(f"##{letter}" for letter in letters), *WORDS.split(), ".", ","]
    vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *dict.fromkeys(pieces)]
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "vocab.txt").write_text("\n".join(vocabulary) + "\n", "utf-8")
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=len(vocabulary),
        hidden_size=32,
        num_hidden_layers=3,
        num_attention_heads=4,
        intermediate_size=64,
        max_position_embeddings=positions,
        initializer_range=0.5,
    )
    BertModel(config).save_pretrained(folder)
    tokenizer = BertTokenizer(
        vocab={word: place for place, word in enumerate(vocabulary)}, model_max_length=positions
    )
    tokenizer.save_pretrained(folder)
    return folder
