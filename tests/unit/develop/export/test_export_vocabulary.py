"""The engine splits every text as the tokenizer does; what it cannot read is refused."""

import random
from pathlib import Path
from typing import Any

import pytest
from small_models import save_model

from kamerton.develop import hub
from kamerton.develop.export import gguf, vocabulary
from kamerton.engines.llamacpp.tokens import token_driver
from kamerton.formats.errors import InputError
from tiny_model import SPECIAL, TEXT, make_tokenizer

PIECES = [
    "The Idol", " of", " Pomos", "It's", " we'LL", "№12", "1/2 €", "3000", " 1450", "²", "Ⅷ",
    "\n", "\n\n", " ", "   ", "\t", "\r\n", "Где", " хранится", "ё", "naïve", "中文", "🏺", "...",
    " (!?)", "_x", "a1b2", "\u00a0", "—", "'s", "don't",
]  # fmt: skip


def texts(count: int) -> list[str]:
    """The same random texts each time: words, digits, spaces, line ends, scripts."""
    draw = random.Random(7)
    return ["".join(draw.choices(PIECES, k=draw.randint(1, 9))) for _ in range(count)]


def tokenizer_of(steps: list[Any], ignore_merges: bool = False) -> Any:
    """A byte-level BPE tokenizer in the ChatML form with these steps before the bytes."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.BPE(ignore_merges=ignore_merges))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(steps)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=700,
        special_tokens=SPECIAL,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator([TEXT, "".join(PIECES), "10 100 1000\n\n\n    x"] * 4, trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, bos_token="<|endoftext|>", eos_token="<|im_end|>"
    )


def split_with(name: str) -> Any:
    from tokenizers import Regex, pre_tokenizers

    pattern = {value: key for key, value in vocabulary._PATTERNS.items()}[name]
    return tokenizer_of(
        [
            pre_tokenizers.Split(Regex(pattern), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ],
        ignore_merges=name == "llama-bpe",
    )


def gpt2() -> Any:
    from tokenizers import pre_tokenizers

    return tokenizer_of([pre_tokenizers.ByteLevel(add_prefix_space=False)])


def of_the_corpus(kind: Any = "byte_level") -> Any:
    """As `data.kind: corpus` makes it."""
    from tempfile import TemporaryDirectory

    from transformers import AutoTokenizer

    from kamerton.develop.data.corpus.texts import CorpusText
    from kamerton.develop.data.corpus.tokenizer import train_tokenizer

    text = (TEXT + "".join(PIECES)) * 3
    document = CorpusText.model_construct(id="a", text=text, split="train")
    with TemporaryDirectory() as folder:
        train_tokenizer([document], 700, Path(folder) / "tokenizer", kind)
        return AutoTokenizer.from_pretrained(Path(folder) / "tokenizer")


MADE = {
    "gpt-2": gpt2,
    "smollm": make_tokenizer,
    "qwen2": lambda: split_with("qwen2"),
    "llama-bpe": lambda: split_with("llama-bpe"),
    "of the corpus": of_the_corpus,
    "of the corpus, characters": lambda: of_the_corpus("metaspace"),
}


def differences(tokenizer: Any, folder: Path) -> list[str]:
    """Texts that the engine reads as other tokens than the tokenizer."""
    base = save_model(folder / "model", "llama", tokenizer, num_hidden_layers=1)
    loaded, file = hub.load_tokenizer(base), folder / "model.gguf"
    gguf.write_model(hub.load_model(base), loaded, "chatml", "f16", file)
    with token_driver(file, [], vocabulary.pieces(loaded), 64, 1) as engine:
        return [
            text
            for text in texts(150)
            if engine.tokens(text) != loaded(text, add_special_tokens=False)["input_ids"]
        ]


@pytest.mark.parametrize("name", MADE)
def test_the_engine_reads_the_same_tokens(name: str, tmp_path: Path) -> None:
    assert differences(MADE[name](), tmp_path) == []


@pytest.mark.parametrize(("name", "wrong"), [("smollm", "gpt-2"), ("llama-bpe", "qwen2")])
def test_another_splitting_is_other_tokens(
    name: str, wrong: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vocabulary, "split_name", lambda data: wrong)
    assert differences(MADE[name](), tmp_path) != []


def test_marks_of_a_corpus_tokenizer_travel(tmp_path: Path) -> None:
    from gguf import GGUFReader

    base = save_model(tmp_path / "model", "llama", of_the_corpus(), num_hidden_layers=1)
    loaded, file = hub.load_tokenizer(base), tmp_path / "model.gguf"
    gguf.write_model(hub.load_model(base), loaded, "chatml", "f16", file)
    fields = GGUFReader(file).fields
    marks = {name: fields[f"tokenizer.ggml.{name}"].contents() for name in MARKS}
    assert marks == MARKS
    assert "endgeneration" not in fields["tokenizer.chat_template"].contents()
    assert vocabulary.ends(loaded) == {1, 4}


MARKS = {
    "bos_token_id": 0,
    "eos_token_id": 4,
    "eot_token_id": 4,
    "padding_token_id": 2,
    "add_bos_token": False,
    "add_eos_token": False,
}


def test_other_tokenizers_are_refused(tmp_path: Path) -> None:
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers

    def refused(tokenizer: Any, size: int = 10_000) -> str:
        tokenizer.chat_template = hub.load_tokenizer(base).chat_template
        with pytest.raises(InputError) as error:
            vocabulary.check(tokenizer, size)
        assert str(error.value)
        return str(error.value.values.get("why", error.value.key))

    base = save_model(tmp_path / "model", "llama", num_hidden_layers=1)
    spaces = tokenizer_of([pre_tokenizers.Metaspace()])
    assert "Metaspace" in refused(spaces)
    digits = [pre_tokenizers.Digits(individual_digits=False)]
    assert "Digits" in refused(tokenizer_of([*digits, pre_tokenizers.ByteLevel(False)]))
    assert "ByteLevel" in refused(tokenizer_of([pre_tokenizers.ByteLevel(True)]))
    lower = gpt2()
    lower.backend_tokenizer.normalizer = normalizers.Lowercase()
    assert "Lowercase" in refused(lower)
    words = gpt2()
    words._tokenizer = Tokenizer(models.WordLevel({"a": 0}, "a"))
    assert refused(words, 10) != ""
    assert refused(gpt2(), 100) == "develop.export_vocabulary"


def test_an_answer_that_no_single_token_ends_is_refused() -> None:
    from kamerton.formats import templates

    tokenizer = gpt2()
    tokenizer.chat_template = templates.read("chatml").replace("<|im_end|>", "</answer>")
    with pytest.raises(InputError) as error:
        vocabulary.end_of_turn(tokenizer)
    assert error.value.key == "develop.export_no_end"


@pytest.mark.parametrize("name", ["smollm", "of the corpus, characters"])
def test_bytes_of_tokens_make_up_the_text(name: str) -> None:
    tokenizer = MADE[name]()
    pieces = vocabulary.pieces(tokenizer)
    text = "Где Idol,\n\n№12 🏺?"
    ids = tokenizer(text, add_special_tokens=False)["input_ids"]
    assert b"".join(pieces[token] for token in ids).decode() == text
    assert pieces[tokenizer.convert_tokens_to_ids("<|im_end|>")] == b""
