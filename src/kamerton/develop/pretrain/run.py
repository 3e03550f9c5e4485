"""The pretrain stage: a corpus's rows to a model of its own; checked, resumable, repeatable."""

import math
import shutil
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from kamerton.develop.pretrain import evaluate, model, ngram, rows
from kamerton.develop.pretrain.work import LOOKED, Work, hold_to_start, prepare
from kamerton.develop.settings import PretrainSettings
from kamerton.develop.training import attention, checks, speed
from kamerton.develop.training.memory import run_with
from kamerton.develop.training.threads import repeatable
from kamerton.formats.errors import InputError
from kamerton.formats.jsonl import write_text
from kamerton.formats.language import say
from kamerton.formats.manifest import whole_folder
from kamerton.formats.pretraining import PRETRAINING, Evaluation, Pretraining
from kamerton.formats.progress import note, progress

MODEL = "model"
_END_OF_TURN = "<|im_end|>"
_POINTS = 1000
"""Most points of the training loss that are kept; of longer runs, means of equal spans."""
_LENGTHS = (3, 4, 3)
"""Tokens of the documents in the test of isolation; the smallest row has 16."""
_WINDOWS = 8


def pretrain(
    settings: PretrainSettings, data: Path, home: Path, out: Path, seed: int, threads: int
) -> None:
    """Train a model from scratch on `data`/train.npy, with the tokenizer that lies beside it.

    Writes into `out`: model/ (a Hugging Face folder), pretraining.json, continuations.jsonl where
    `settings.prompts` (a file below `home`) names prompts, and checks.json. A killed run goes on
    from its newest whole checkpoint. Same seed, threads and machine, same bytes. On a GPU where
    there is one. InputError for settings and data that cannot be used, before anything is trained.
    """
    repeatable(seed, threads)
    work = prepare(settings, data, home, out, seed, threads)
    hold_to_start(work, home)
    with speed.kept_memory():
        run_with(settings.micro_batch_size, settings.batch_size, partial(_attempt, work))
    shutil.rmtree(work.checkpoints, ignore_errors=True)


def _attempt(work: Work, micro_batch_size: int) -> None:
    """The whole of it with so many rows in memory; from the start, for a second attempt too."""
    from kamerton.develop.pretrain.trainer import train

    repeatable(work.seed, work.threads)
    made = model.build(work.config)
    made.generation_config = generation(work.tokenizer)
    check(made, work)
    history = train(work, made, micro_batch_size)
    results = evaluations(history, work.total)
    if work.held_out:
        half = model.computes_bf16(next(made.parameters()).device.type)
        with progress(say("develop.pretrain_evaluating"), len(work.held_out.rows)) as bar:
            last = evaluate.evaluate(
                made, work.held_out, work.total, micro_batch_size, half, bar.update
            )
        results.append(last)
        note(say("develop.pretrain_step", **last.model_dump()))
    if work.prompts:
        texts = evaluate.continued(made, work.prompts, work.tokenizer)
        evaluate.record(work.out, work.total, work.prompts, texts)
    with whole_folder(work.out / MODEL) as fresh:
        made.save_pretrained(fresh)
        work.tokenizer.save_pretrained(fresh)
    write_figures(work, made, history, results)


def generation(tokenizer: Any) -> Any:
    """The default of `generate`: it stops at the end of a text, or of a turn."""
    from transformers import GenerationConfig

    turn = tokenizer.get_vocab().get(_END_OF_TURN)
    return GenerationConfig(
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=[tokenizer.eos_token_id, *([] if turn is None else [turn])],
        pad_token_id=tokenizer.pad_token_id,
    )


def check(made: Any, work: Work) -> None:
    """Run the self-tests on this very model, and write checks.json; InputError where one fails.

    No token sees a later one, no document another, and no step depends on how its batch is cut.
    """
    model.check_causal(made)
    _isolate(made, work.context)
    marks, vocabulary = work.train.marks, len(work.tokenizer)
    documents = [
        [(5 + 17 * n + 3 * i) % vocabulary for i in range(size)] for n, size in enumerate(_LENGTHS)
    ]
    logits = rows.packed_logits(made, marks)
    isolation = checks.isolation(logits, documents, vocabulary, made)
    accumulation = checks.accumulation(
        made,
        checks.windows([work.train[n] for n in range(min(_WINDOWS, len(work.train)))]),
        partial(rows.collate, marks=marks),
        lambda one, batch, items: evaluate.nats(one, batch, half=False) / items,
        rows.batch_targets,
    )
    checks.write(work.out, isolation=isolation, accumulation=accumulation)


def _isolate(made: Any, context: int) -> None:
    """Attention within documents, in the way that is faster here; whether it holds is tested next.

    On a CPU document by document: 4 to 20 % faster than transformers' mask at contexts of 256 and
    512, measured. On a GPU many small calls cost more than a mask.
    """
    import torch

    if torch.cuda.is_available():
        return
    try:
        attention.use(made, context)
    except InputError:  # another attention than the plain one: by transformers' mask
        note(say("develop.pretrain_masked", architecture=made.config.model_type))


def evaluations(history: Sequence[dict[str, Any]], before: int) -> list[Evaluation]:
    """The evaluations among a Trainer's records, of steps earlier than `before`, in order."""
    names = ("step", "loss", "nats_per_character")
    return [
        Evaluation(**{name: entry[name] for name in names})
        for entry in history
        if LOOKED in entry and "nats_per_character" in entry and entry["step"] < before
    ]


def losses(history: Sequence[dict[str, Any]], most: int = _POINTS) -> list[tuple[int, float]]:
    """Step and training loss; means over at most `most` equal spans, each at its last step."""
    every = [(e["step"], e["loss"]) for e in history if "loss" in e and LOOKED not in e]
    size = max(1, math.ceil(len(every) / most))
    spans = (every[start : start + size] for start in range(0, len(every), size))
    return [(span[-1][0], sum(loss for _, loss in span) / len(span)) for span in spans]


def write_figures(
    work: Work, made: Any, history: Sequence[dict[str, Any]], evaluations: list[Evaluation]
) -> None:
    """pretraining.json: cost, losses, and an n-gram model of the same rows as the baseline."""
    last: dict[str, Any] = next((entry for entry in reversed(history) if "seen" in entry), {})
    settings, baseline = work.settings, None
    if settings.ngram and work.held_out is not None:
        tokenizer = work.data / rows.TOKENIZER
        held_out = work.held_out.rows
        size, order = len(work.tokenizer), settings.ngram
        baseline = ngram.nats_per_character(work.train, held_out, tokenizer, size, order)
    from_data = {"vocab_size": len(work.tokenizer), "max_position_embeddings": work.context}
    ratio = None
    if baseline is not None and evaluations:
        ratio = math.exp(evaluations[-1].nats_per_character - baseline)
    result = Pretraining(
        parameters=model.parameters(made),
        architecture=settings.architecture | from_data,
        train_tokens=rows.tokens(work.train),
        seen_tokens=int(last.get("seen", 0)),
        steps=work.total,
        seconds=float(last.get("seconds", 0.0)),
        loss=losses(history),
        evaluations=evaluations,
        ngram_order=0 if baseline is None else settings.ngram,
        ngram_nats_per_character=baseline,
        ratio_to_ngram=ratio,
    )
    write_text(work.out / PRETRAINING, result.model_dump_json(indent=1) + "\n")
