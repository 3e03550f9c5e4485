"""An adapter merged into a copy of its base, and whole models as Hugging Face folders."""

import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from kamerton.develop import hub
from kamerton.develop.export import vocabulary
from kamerton.formats import templates
from kamerton.formats.errors import InputError

LARGEST = 1e-3
"""A merged model's logits may differ from those of base and adapter by so much, and no more."""
Ids = list[int]


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
    from peft import PeftModel

    copy = PeftModel.from_pretrained(hub.load_model(base), folder)
    whole = copy.merge_and_unload(safe_merge=True).eval()
    check_tied(whole)
    found = max(_difference(whole, tuned, ids) for ids in prompts)
    if not found <= LARGEST:
        raise InputError("develop.export_merge", where=str(folder), difference=found, bound=LARGEST)
    return whole, found


def _difference(one: Any, other: Any, ids: Ids) -> float:
    import torch

    with torch.no_grad():
        rows = [model(input_ids=torch.tensor([ids])).logits for model in (one, other)]
    return float((rows[0] - rows[1]).abs().max())


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
    fresh = folder.with_suffix(".new")
    shutil.rmtree(fresh, ignore_errors=True)
    save_model(model, tokenizer, fresh)
    save_tokenizer(tokenizer, template, fresh)
    shutil.rmtree(folder, ignore_errors=True)
    folder.parent.mkdir(parents=True, exist_ok=True)
    fresh.rename(folder)


def save_model(model: Any, tokenizer: Any, folder: Path) -> None:
    """Write weights and settings; generation stops at the end of a turn."""
    check_tied(model)
    _set_ends(model, tokenizer)
    model.save_pretrained(folder)


def save_settings(model: Any, tokenizer: Any, folder: Path) -> None:
    """Write what `save_model` writes, but for the weights."""
    _set_ends(model, tokenizer)
    model.config.save_pretrained(folder)
    model.generation_config.save_pretrained(folder)


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
