"""Hugging Face folders that an export writes: merged models, and the float base of soft prompts.

Soft prompts run on the float base, and an export is served from its own folder. Files of weights
out of a cache that never writes a file twice (the converted embedded model, the hub's) are linked,
and cost nothing on the same disk. Those of a user's folder are copied: whoever trains into it once
more would change an export that is finished.
"""

import contextlib
import json
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from kamerton.develop import hub
from kamerton.develop.export import vocabulary
from kamerton.develop.hub import template_for
from kamerton.engines.llamacpp.tokens import Ids
from kamerton.formats import templates
from kamerton.formats.chat import Message
from kamerton.formats.errors import InputError
from kamerton.formats.jsonl import read_text, write_text
from kamerton.formats.manifest import tree_sha256, whole_folder

LARGEST = 1e-3
"""Largest difference of a merged model's logits from those of base and adapter."""

BASE = "weights"
"""The float base's folder in the export's output; `ServingSpec.weights` names it."""
HASHES = "hashes.json"
"""SHA-256 of each file of the folder, by its name; the server compares before it loads."""
_FILE, _SHARDS = "model.safetensors", "model.safetensors.index.json"


@contextmanager
def adapted(model: Any, folder: Path) -> Iterator[Any]:
    """The model with the adapter of a PEFT folder around its layers, until the block ends."""
    import warnings

    from peft import PeftModel

    # peft tells of positions that soft prompts shift: nothing for a user to act on.
    warnings.filterwarnings("ignore", message=".*osition ids are not supported.*")
    tuned = PeftModel.from_pretrained(model, folder).eval()
    try:
        yield tuned
    finally:
        if not tuned.active_peft_config.is_prompt_learning:
            tuned.unload()


def merged(base: str, folder: Path, tuned: Any, prompts: Sequence[Ids]) -> tuple[Any, float]:
    """A float32 copy of the base with the adapter merged in, and its largest logit difference.

    The difference is from `tuned`, base and adapter apart, over all positions of the prompts.
    InputError where that is more than rounding: another base, a quantised one, or an adapter
    that cannot be merged.
    """
    import torch
    from peft import PeftModel

    copy = PeftModel.from_pretrained(hub.load_model(base), folder)
    whole = copy.merge_and_unload(safe_merge=True).eval()
    check_tied(whole)
    difference = 0.0
    for ids in prompts:
        with torch.no_grad():
            one, other = (m(input_ids=torch.tensor([ids])).logits for m in (whole, tuned))
        difference = max(difference, float((one - other).abs().max()))
    if not difference <= LARGEST:
        values = {"difference": difference, "bound": LARGEST}
        raise InputError("develop.export_merge", where=str(folder), **values)
    return whole, difference


def check_tied(model: Any) -> None:
    """InputError where embedding and output layer should be one matrix and are two.

    Saved so, the model would lose one of them: transformers writes only one, and ties them again
    on loading (transformers#45127, peft#2777).
    """
    import torch

    head = model.get_output_embeddings()
    if not model.config.tie_word_embeddings or head is None:
        return
    one, other = model.get_input_embeddings().weight, head.weight
    if one is not other and not torch.equal(one, other):
        raise InputError("develop.export_untied", architecture=model.config.model_type)


def save(model: Any, tokenizer: Any, template: str, folder: Path) -> None:
    """Write a whole Hugging Face folder, or nothing: weights, vocabulary, chat template, ends.

    The template comes without the marks that only training needs: other programs read it too.
    Generation stops at the end of a turn.
    """
    with whole_folder(folder) as fresh:
        save_model(model, tokenizer, fresh)
        save_tokenizer(tokenizer, template, fresh)


def save_model(model: Any, tokenizer: Any, folder: Path) -> None:
    """Write weights and settings; generation stops at the end of a turn."""
    check_tied(model)
    _set_ends(model, tokenizer)
    model.save_pretrained(folder)


def save_tokenizer(tokenizer: Any, template: str, folder: Path) -> None:
    """Write the vocabulary, with the chat template as engines know it."""
    kept = tokenizer.chat_template
    tokenizer.chat_template = templates.for_engine(template)
    tokenizer.save_pretrained(folder)
    tokenizer.chat_template = kept


def _set_ends(model: Any, tokenizer: Any) -> None:
    end = vocabulary.end_of_turn(tokenizer)
    others = sorted(vocabulary.ends(tokenizer) - {end})
    pad = tokenizer.pad_token_id if tokenizer.pad_token_id is not None else end
    for holder in (model.generation_config, model.config):
        holder.eos_token_id = [end, *others] if others else end
        holder.pad_token_id = pad
        holder.bos_token_id = tokenizer.bos_token_id


def save_base(base: str, model: Any, tokenizer: Any, target: Path) -> None:
    """Write a base as a Hugging Face folder, whole or not at all: weights, vocabulary, template.

    `model`, `tokenizer`: what `hub` loads of `base`. Weights are the base's own files, in their
    own precision; where these are no safetensors, or hold more than a text model, `model`'s.
    """
    with whole_folder(target) as fresh:
        files = _files(base)
        for file in files:
            if _cached(base):
                with contextlib.suppress(OSError):  # another disk, or one without links
                    os.link(file.resolve(), fresh / file.name)
            if not (fresh / file.name).is_file():
                shutil.copyfile(file, fresh / file.name)
        if files:
            _set_ends(model, tokenizer)
            model.config.save_pretrained(fresh)
            model.generation_config.save_pretrained(fresh)
        else:
            save_model(model, tokenizer, fresh)
        save_tokenizer(tokenizer, template_for(tokenizer), fresh)
        write_text(fresh / HASHES, json.dumps(tree_sha256(fresh), indent=2) + "\n")


def _files(base: str) -> list[Path]:
    """The base's files of weights, an index of them included; none where they will not do."""
    from transformers import AutoConfig

    where = hub.folder(base)
    config = AutoConfig.from_pretrained(where)
    if config.get_text_config() is not config:
        return []
    if whole := _file(where, _FILE):
        return [whole]
    index = _file(where, _SHARDS)
    names = sorted(set(json.loads(read_text(index))["weight_map"].values())) if index else []
    shards = [file for file in (_file(where, name) for name in names) if file]
    return [index, *shards] if index and len(shards) == len(names) else []


def _file(where: str, name: str) -> Path | None:
    """A file of a folder, or of a hub id in the hub's cache, where it lies since it was loaded."""
    from huggingface_hub import try_to_load_from_cache

    if Path(where).is_dir():
        return Path(where) / name if (Path(where) / name).is_file() else None
    cached = try_to_load_from_cache(where, name)
    return Path(cached) if isinstance(cached, str) else None


def _cached(base: str) -> bool:
    """Whether the base's files lie in a cache, into which nobody writes."""
    return base == hub.EMBEDDED or not Path(base).is_dir()


def check_base(
    folder: Path, model: Any, chats: Sequence[Sequence[Message]], prompts: Sequence[Ids]
) -> None:
    """InputError where the folder is not the base that was trained on, weight by weight.

    Loaded as the server does; `prompts` are the token ids of `chats` in training. Takes as much
    memory as the base once more.
    """
    import torch
    from transformers import AutoTokenizer

    copied, trained = hub.load_model(str(folder)).state_dict(), model.state_dict()
    differ = [n for n in trained if n not in copied or not torch.equal(copied[n], trained[n])]
    if differ:
        raise InputError("develop.export_base_copy", where=str(folder), tensor=differ[0])
    tokenizer = AutoTokenizer.from_pretrained(folder)
    for number, (messages, ids) in enumerate(zip(chats, prompts, strict=True), start=1):
        if vocabulary.prompt_ids(tokenizer, messages) != ids:
            raise InputError("develop.parity_tokens", where=str(folder), number=number)
