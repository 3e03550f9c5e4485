"""A tokenizer's vocabulary as the engine reads it: its kind, and how text is split before.

The engine picks the splitting by a name. It must be the one that the tokenizer was trained with:
a wrong one changes tokens only here and there, and no error is raised.
"""

import json
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from kamerton.engines.llamacpp.tokens import Ids
from kamerton.formats import templates
from kamerton.formats.chat import Message, chat, chat_ids
from kamerton.formats.errors import InputError

if TYPE_CHECKING:
    from gguf import GGUFWriter

_DIGITS = {"type": "Digits", "individual_digits": True}
_CONTRACTIONS = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|"
_REST = r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
_PATTERNS = {
    _CONTRACTIONS + r"\p{N}" + _REST: "qwen2",
    _CONTRACTIONS + r"\p{N}{1,3}" + _REST: "llama-bpe",
}
"""Regular expressions of well-known tokenizers, and the engine's name for them."""
_SPACE, _BYTE = "▁", re.compile("<0x([0-9A-F]{2})>")
_WORDS = {
    "type": "Split",
    "pattern": {"Regex": r" ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s"},
    "behavior": "Isolated",
    "invert": False,
}
_SPACES = {"type": "Metaspace", "replacement": _SPACE, "prepend_scheme": "never", "split": False}
_ENGINE_MODELS = {"BPE": "gpt2"}
"""The engine's name for a kind of vocabulary."""
_SPELT = "sarvam-moe"
"""The engine's name for merges by rank over characters, with `▁` for a space and bytes for rare
characters. It splits at line ends only; merges that were learnt within words never leave them."""


def check(tokenizer: Any, size: int, kinds: Sequence[str] = ("BPE",)) -> None:
    """InputError where the engine would read text as other tokens, before any weights load.

    `size`: rows of the model's embedding. `kinds`: vocabularies that its architecture may have.
    """
    data = _data(tokenizer)
    model, steps = data["model"], data.get("normalizer")
    if len(tokenizer) > size:
        raise InputError("develop.export_vocabulary", tokens=len(tokenizer), rows=size)
    if model["type"] not in kinds:
        raise _refuse(model["type"])
    if bool(model.get("byte_fallback")) != (split_name(data) == _SPELT):
        raise _refuse("byte_fallback")
    if steps and not (steps["type"] == "NFC" and split_name(data) == "qwen2"):
        raise _refuse(f"normalizer {steps['type']}")  # qwen2's own: the engine leaves it out too
    # The engine takes whole words out of the vocabulary for this splitting alone.
    if bool(model.get("ignore_merges")) != (split_name(data) == "llama-bpe"):
        raise _refuse("ignore_merges")
    end_of_turn(tokenizer)


def _data(tokenizer: Any) -> dict[str, Any]:
    backend = getattr(tokenizer, "backend_tokenizer", None)
    if backend is None:
        raise _refuse(type(tokenizer).__name__)
    return dict(json.loads(backend.to_str()))


def _refuse(why: str) -> InputError:
    return InputError("develop.export_tokenizer", why=why)


def split_name(data: dict[str, Any]) -> str:
    """The engine's name for how a tokenizer (its JSON) splits text before BPE."""
    step = data.get("pre_tokenizer") or {"type": "none"}
    steps = step["pretokenizers"] if step["type"] == "Sequence" else [step]
    *before, last = steps
    if steps == [_WORDS, _SPACES]:
        return _SPELT
    if last["type"] != "ByteLevel" or last["add_prefix_space"]:
        raise _refuse(f"pre_tokenizer {last['type']}")
    if last["use_regex"] and not before:
        return "gpt-2"
    if last["use_regex"] and before == [_DIGITS]:
        return "smollm"
    patterns = [s.get("pattern", {}).get("Regex") for s in before if s["type"] == "Split"]
    if not last["use_regex"] and len(before) == 1 and patterns and patterns[0] in _PATTERNS:
        return _PATTERNS[patterns[0]]
    raise _refuse(", ".join(s["type"] for s in steps))


def end_of_turn(tokenizer: Any) -> int:
    """Id of the token that ends an answer: the last that the chat template marks as learnt.

    InputError where the template ends a turn with a text of several tokens: no engine would stop.
    """
    rendered = tokenizer.apply_chat_template(
        [message.model_dump() for message in chat("", "?", "!")],
        tokenize=True,
        return_dict=True,
        return_assistant_tokens_mask=True,
    )
    pairs = zip(rendered["input_ids"], rendered["assistant_masks"], strict=True)
    learnt = [token for token, inside in pairs if inside]
    special = {t["id"] for t in _data(tokenizer)["added_tokens"] if t["special"]}
    if not learnt or learnt[-1] not in special:
        raise InputError("develop.export_no_end")
    return int(learnt[-1])


def prompt_ids(tokenizer: Any, messages: Sequence[Message]) -> Ids:
    """The token ids of a chat up to where the answer begins, as the trainer makes them."""
    return chat_ids(tokenizer, messages, add_generation_prompt=True)


def ends(tokenizer: Any) -> set[int]:
    """Ids that end an answer: the end of a turn, and EOS."""
    eos = tokenizer.eos_token_id
    return {end_of_turn(tokenizer)} | ({eos} if eos is not None else set())


def pieces(tokenizer: Any) -> dict[int, bytes]:
    """Bytes of each token; a special token such as `<|im_end|>` has none in an answer."""
    from transformers.convert_slow_tokenizer import bytes_to_unicode

    data = _data(tokenizer)
    letters = {letter: byte for byte, letter in bytes_to_unicode().items()}
    spelt = split_name(data) == _SPELT
    marks = {t["id"] for t in data["added_tokens"]}

    def to_bytes(token: str) -> bytes:
        if not spelt:  # GPT-2's printable letters, one for each byte
            return bytes(letters[letter] for letter in token)
        byte = _BYTE.fullmatch(token)  # characters, or the name of one byte
        return bytes([int(byte[1], 16)]) if byte else token.replace(_SPACE, " ").encode()

    vocabulary = tokenizer.get_vocab().items()
    return {index: b"" if index in marks else to_bytes(token) for token, index in vocabulary}


def add(writer: "GGUFWriter", tokenizer: Any, template: str, size: int) -> None:
    """Tokens, merges, marks and the chat template without the marks that only training needs."""
    data = _data(tokenizer)
    writer.add_tokenizer_model(_ENGINE_MODELS[data["model"]["type"]])
    writer.add_tokenizer_pre(split_name(data))
    _add_tokens(writer, tokenizer, data, size)
    merges = (m if isinstance(m, str) else " ".join(m) for m in data["model"]["merges"])
    writer.add_token_merges(list(merges))
    _add_marks(writer, tokenizer)
    writer.add_chat_template(templates.for_engine(template))
    writer.add_string("kamerton.template_sha256", templates.sha256(template))


def _add_tokens(writer: "GGUFWriter", tokenizer: Any, data: dict[str, Any], size: int) -> None:
    from gguf import TokenType

    by_id = {index: token for token, index in tokenizer.get_vocab().items()}
    spelt = split_name(data) == _SPELT
    kinds = {i: TokenType.BYTE for i, t in by_id.items() if spelt and _BYTE.fullmatch(t)}
    for mark in data["added_tokens"]:
        kinds[mark["id"]] = TokenType.CONTROL if mark["special"] else TokenType.USER_DEFINED
    writer.add_token_list([by_id.get(i, f"[PAD{i}]") for i in range(size)])
    usual = (TokenType.NORMAL if i in by_id else TokenType.UNUSED for i in range(size))
    writer.add_token_types([kinds.get(i, kind) for i, kind in enumerate(usual)])


def _add_marks(writer: "GGUFWriter", tokenizer: Any) -> None:
    """BOS, EOS and padding; the engine adds none itself: the template writes all of them."""
    end = end_of_turn(tokenizer)
    if tokenizer.bos_token_id is not None:
        writer.add_bos_token_id(tokenizer.bos_token_id)
    writer.add_eos_token_id(end)
    writer.add_eot_token_id(end)
    if tokenizer.pad_token_id is not None:
        writer.add_pad_token_id(tokenizer.pad_token_id)
    writer.add_add_bos_token(False)
    writer.add_add_eos_token(False)
    writer.add_add_space_prefix(False)
