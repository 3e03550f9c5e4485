"""What a pretraining leaves behind: the model's folder, and its figures beside an n-gram's."""

import math
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from kamerton.develop.pretrain import ngram, rows
from kamerton.develop.pretrain.model import parameters
from kamerton.develop.pretrain.work import LOOKED, Work
from kamerton.formats.jsonl import write_text
from kamerton.formats.pretraining import PRETRAINING, Evaluation, Pretraining

MODEL = "model"
_END_OF_TURN = "<|im_end|>"
_POINTS = 1000
"""Most points of the training loss that are kept; of longer runs, means of equal spans."""


def generation(tokenizer: Any) -> Any:
    """How text is generated unless a caller says otherwise: it ends with a text, or with a turn."""
    from transformers import GenerationConfig

    turn = tokenizer.get_vocab().get(_END_OF_TURN)
    return GenerationConfig(
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=[tokenizer.eos_token_id, *([] if turn is None else [turn])],
        pad_token_id=tokenizer.pad_token_id,
    )


def save(model: Any, tokenizer: Any, out: Path) -> None:
    """`out`/model, whole or not at all: weights, configurations, tokenizer with chat template."""
    fresh, folder = out / f"{MODEL}.new", out / MODEL
    shutil.rmtree(fresh, ignore_errors=True)
    model.save_pretrained(fresh)
    tokenizer.save_pretrained(fresh)
    shutil.rmtree(folder, ignore_errors=True)
    fresh.rename(folder)


def evaluations(history: Sequence[dict[str, Any]], before: int) -> list[Evaluation]:
    """The evaluations among a Trainer's records, of steps earlier than `before`, in order."""
    found = (e for e in history if LOOKED in e and "nats_per_character" in e and e["step"] < before)
    names = ("step", "loss", "nats_per_character")
    return [Evaluation(**{name: entry[name] for name in names}) for entry in found]


def losses(history: Sequence[dict[str, Any]], most: int = _POINTS) -> list[tuple[int, float]]:
    """Step and training loss; means over at most `most` equal spans, each at its last step."""
    every = [(e["step"], e["loss"]) for e in history if "loss" in e and LOOKED not in e]
    size = max(1, math.ceil(len(every) / most))
    spans = (every[start : start + size] for start in range(0, len(every), size))
    return [(span[-1][0], sum(loss for _, loss in span) / len(span)) for span in spans]


def write(
    work: Work, model: Any, history: Sequence[dict[str, Any]], found: list[Evaluation]
) -> None:
    """pretraining.json: what it cost, what it learnt, and how an n-gram model compares."""
    last: dict[str, Any] = next((entry for entry in reversed(history) if "seen" in entry), {})
    settings, yardstick = work.settings, _yardstick(work)
    told = {"vocab_size": len(work.tokenizer), "max_position_embeddings": work.context}
    compared = yardstick is not None and bool(found)
    result = Pretraining(
        parameters=parameters(model),
        architecture=settings.architecture | told,
        train_tokens=rows.tokens(work.train),
        seen_tokens=int(last.get("seen", 0)),
        steps=work.total,
        seconds=float(last.get("seconds", 0.0)),
        loss=losses(history),
        evaluations=found,
        ngram_order=0 if yardstick is None else settings.ngram,
        ngram_nats_per_character=yardstick,
        ratio_to_ngram=(
            math.exp(found[-1].nats_per_character - yardstick)
            if compared and yardstick is not None
            else None
        ),
    )
    write_text(work.out / PRETRAINING, result.model_dump_json(indent=1) + "\n")


def _yardstick(work: Work) -> float | None:
    """Nats per character of the n-gram model of the same rows; None where none is asked for."""
    if not work.settings.ngram or work.held_out is None:
        return None
    train, held_out = work.data / rows.TRAIN, work.data / rows.HELD_OUT
    return ngram.nats_per_character(
        train, held_out, work.data / rows.TOKENIZER, work.settings.ngram
    )
