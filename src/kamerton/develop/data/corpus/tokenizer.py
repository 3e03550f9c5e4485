"""A tokenizer of the corpus's own: BPE (Sennrich et al. 2016) learnt from its training texts.

Two kinds. `byte_level` spells every text with 256 bytes and merges of them, words cut out as in
GPT-2. `metaspace` merges characters, a space being `▁`; characters too rare for a token of their
own are spelt with bytes, so that neither kind knows an unknown character. Merges never leave a
word in either, and nothing is put before a text, so that what follows a mark is the same tokens.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from kamerton.develop.data.corpus.texts import CorpusText
from kamerton.develop.data.corpus.tokens import BOS, EOS, LARGEST, PAD, EncodedText
from kamerton.formats import templates
from kamerton.formats.errors import InputError
from kamerton.formats.language import say
from kamerton.formats.manifest import whole_folder
from kamerton.formats.progress import progress

Kind = Literal["byte_level", "metaspace"]
TURN, END_OF_TURN = "<|im_start|>", "<|im_end|>"
SPECIAL = [BOS, EOS, PAD, TURN, END_OF_TURN]
"""Their ids are their places in this list."""
TEMPLATE = "chatml"
REPORT = "report.json"
SMALLEST = len(SPECIAL) + 256
"""Tokens without which some text has no spelling: the marks and all bytes."""
_SPACE = "▁"
_WORDS = r" ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s"
_COVERAGE = 0.9995
"""Share of the characters that are tokens of their own, as SentencePiece has it by default."""
_LEAST = 2
"""A pair that stands in the texts once is not worth a token."""
_SHOWN = 12
_AROUND = 20


class Fertility(BaseModel):
    """How many tokens the texts of one split need."""

    model_config = ConfigDict(frozen=True)
    texts: int
    characters: int
    tokens: int
    """Of the texts, without marks."""
    characters_per_token: float


class Difference(BaseModel):
    """The first place where a text does not come back from its tokens."""

    model_config = ConfigDict(frozen=True)
    id: str
    offset: int
    """Characters before it."""
    text: str
    decoded: str


class TokenizerReport(BaseModel):
    """What a tokenizer does to the texts it was made for."""

    model_config = ConfigDict(frozen=True)
    kind: Kind
    wanted: int
    vocabulary: int
    """Tokens in all; fewer than wanted where the texts have no more pairs that stand twice."""
    used: int
    """Of these, tokens that the texts of the corpus are made of; marks are never among them."""
    used_share: float
    unknown: int
    """Characters of the corpus that have no tokens."""
    longest: list[str]
    """The longest tokens that are whole characters."""
    splits: dict[str, Fertility]
    round_trip: int
    """Texts that decode to themselves."""
    texts: int
    differences: list[Difference]
    """Of the first texts that do not."""


def check_size(vocabulary: int) -> None:
    """Raise InputError for a vocabulary without room for the bytes, or too large for two bytes."""
    where = "data.vocabulary"
    if vocabulary < SMALLEST:
        raise InputError(
            "develop.tokenizer_too_small",
            where,
            wanted=vocabulary,
            least=SMALLEST,
            marks=len(SPECIAL),
        )
    if vocabulary > LARGEST:
        raise InputError("develop.tokenizer_too_large", where, wanted=vocabulary, most=LARGEST)


def train_tokenizer(
    documents: Iterable[CorpusText], vocabulary: int, folder: Path, kind: Kind = "byte_level"
) -> Any:
    """A `tokenizers.Tokenizer` of the training texts; `folder` is what AutoTokenizer loads.

    The same texts in any order give the same bytes. Raises InputError as `check_size` does.
    """
    check_size(vocabulary)
    texts = [document.text for document in documents if document.split == "train"]
    tokenizer = _TRAINERS[kind](texts, vocabulary)
    _save(tokenizer, folder)
    return tokenizer


def _byte_level(texts: Sequence[str], vocabulary: int) -> Any:
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    _train(tokenizer, texts, vocabulary, pre_tokenizers.ByteLevel.alphabet())
    return tokenizer


def _metaspace(texts: Sequence[str], vocabulary: int) -> Any:
    from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers

    words = pre_tokenizers.Split(Regex(_WORDS), "isolated")
    spaces = pre_tokenizers.Metaspace(_SPACE, prepend_scheme="never", split=False)
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([words, spaces])
    # Bytes first: a vocabulary too small for a token of the space spells its sign with bytes.
    tokenizer.decoder = decoders.Sequence(
        [decoders.ByteFallback(), decoders.Fuse(), decoders.Replace(_SPACE, " ")]
    )
    room = vocabulary - SMALLEST
    _train(tokenizer, texts, vocabulary - 256, _alphabet(texts, room // 2))
    _with_bytes(tokenizer)
    return tokenizer


_TRAINERS: dict[Kind, Callable[[Sequence[str], int], Any]] = {
    "byte_level": _byte_level,
    "metaspace": _metaspace,
}


def _alphabet(texts: Sequence[str], most: int) -> list[str]:
    """The most frequent characters, as many as cover nearly all; ties by code point.

    The library's own choice among equally rare ones follows the order of a hash table.
    """
    counts: Counter[str] = Counter()
    for text in texts:
        counts.update(text.replace(" ", _SPACE))
    del counts["\n"]  # lines are learnt from one by one
    wanted, covered, chosen = _COVERAGE * counts.total(), 0, list[str]()
    for letter, count in sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))[:most]:
        if covered >= wanted:
            break
        chosen.append(letter)
        covered += count
    return chosen


def _train(tokenizer: Any, texts: Sequence[str], vocabulary: int, alphabet: list[str]) -> None:
    from tokenizers.trainers import BpeTrainer

    trainer = BpeTrainer(
        vocab_size=vocabulary,
        min_frequency=_LEAST,
        special_tokens=SPECIAL,
        initial_alphabet=alphabet,
        limit_alphabet=len(alphabet),
        show_progress=False,
    )
    tokenizer.train_from_iterator(_lines(texts), trainer)


def _lines(texts: Sequence[str]) -> Iterator[str]:
    """Lines as the trainer takes them; counting their words is nearly all of its work."""
    total = sum(map(len, texts))
    with progress(say("develop.tokenizer_reading"), total, say("develop.characters")) as bar:
        for text in texts:
            yield from text.split("\n")
            bar.update(len(text))


def _with_bytes(tokenizer: Any) -> None:
    """Put a token for each byte after the marks.

    The trainer would take them for special tokens, which are cut out of texts that hold "<0x41>".
    """
    import json

    from tokenizers.models import BPE

    learnt = json.loads(tokenizer.to_str())["model"]
    spelt = {f"<0x{byte:02X}>": len(SPECIAL) + byte for byte in range(256)}
    rest = {token: i + 256 for token, i in learnt["vocab"].items() if i >= len(SPECIAL)}
    vocabulary = {token: i for i, token in enumerate(SPECIAL)} | spelt | rest
    merges = [tuple(pair) for pair in learnt["merges"]]
    tokenizer.model = BPE(vocab=vocabulary, merges=merges, byte_fallback=True)
    tokenizer.add_special_tokens(SPECIAL)


def _save(tokenizer: Any, folder: Path) -> None:
    """A folder of transformers, whole or not at all; the template marks what a chat teaches."""
    from transformers import PreTrainedTokenizerFast

    wrapped = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        bos_token=BOS,
        eos_token=EOS,
        pad_token=PAD,
        extra_special_tokens=[TURN, END_OF_TURN],
        clean_up_tokenization_spaces=False,
    )
    wrapped.chat_template = templates.read(TEMPLATE)
    with whole_folder(folder) as fresh:
        wrapped.save_pretrained(fresh)


def measure(
    texts: Sequence[EncodedText], tokenizer: Any, kind: Kind, wanted: int
) -> TokenizerReport:
    """Decode every text of the corpus, and report what came of it; tokens are of its passages."""
    import numpy as np

    size = tokenizer.get_vocab_size()
    used = np.zeros(size, np.int64)
    sizes: list[tuple[str, int, int]] = []
    differences: list[Difference] = []
    letters: Counter[str] = Counter()
    total = sum(len(text.document.text) for text in texts)
    with progress(say("develop.tokenizer_trying"), total, say("develop.characters")) as bar:
        for text in sorted(texts, key=lambda t: t.document.id):
            for ids in text.ids:
                used += np.bincount(ids, minlength=size)
            characters = len(text.document.text)
            sizes.append((text.document.split, characters, sum(map(len, text.ids))))
            differences += _difference(text, tokenizer)
            letters.update(text.document.text)
            bar.update(characters)
    every = tokenizer.decode_batch([[i] for i in range(len(SPECIAL), size)])
    whole = [token for token in every if "\ufffd" not in token]
    return TokenizerReport(
        kind=kind,
        wanted=wanted,
        vocabulary=size,
        used=int((used > 0).sum()),
        used_share=round(float((used > 0).mean()), 4),
        # BPE begins with each character on its own: one without tokens has none in any word.
        unknown=sum(n for letter, n in letters.items() if not tokenizer.encode(letter).ids),
        longest=sorted(whole, key=lambda t: (-len(t), t))[:_SHOWN],
        splits={s: _fertility(s, sizes) for s in sorted({of[0] for of in sizes}, reverse=True)},
        round_trip=len(sizes) - len(differences),
        texts=len(sizes),
        differences=differences[:_SHOWN],
    )


def _difference(text: EncodedText, tokenizer: Any) -> list[Difference]:
    """Nothing, or the first place where a text and its decoded tokens part."""
    decoded = tokenizer.decode_batch([ids.tolist() for ids in text.ids], skip_special_tokens=False)
    of = text.document
    for (start, end), passage in zip(text.places, decoded, strict=True):
        wanted = of.text[start:end]
        if passage != wanted:
            pairs = enumerate(zip(wanted, passage, strict=False))
            at = next((i for i, (a, b) in pairs if a != b), min(len(wanted), len(passage)))
            shown = slice(max(0, at - _AROUND), at + _AROUND)
            said = {"text": wanted[shown], "decoded": passage[shown]}
            return [Difference(id=of.id, offset=start + at, **said)]
    return []


def _fertility(split: str, every: Sequence[tuple[str, int, int]]) -> Fertility:
    sizes = [(characters, tokens) for name, characters, tokens in every if name == split]
    characters, tokens = (sum(column) for column in zip(*sizes, strict=True))
    ratio = round(characters / max(1, tokens), 4)
    return Fertility(
        texts=len(sizes), characters=characters, tokens=tokens, characters_per_token=ratio
    )
