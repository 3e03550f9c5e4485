"""The pretrain stage: a corpus's rows to a model of its own; checked, resumable, repeatable."""

import shutil
from functools import partial
from pathlib import Path
from typing import Any

from kamerton.develop.pretrain import checked, evaluate, figures, loop, model
from kamerton.develop.pretrain.continuations import continued, record
from kamerton.develop.pretrain.work import Work, prepare, same_as_before
from kamerton.develop.settings import PretrainSettings
from kamerton.develop.training import pages
from kamerton.develop.training.memory import run_with
from kamerton.develop.training.repeat import repeatable
from kamerton.formats.language import say
from kamerton.formats.progress import note, progress


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
    same_as_before(work, home)
    with pages.kept():
        run_with(settings.rows_at_once, settings.batch_size, partial(_attempt, work))
    shutil.rmtree(work.checkpoints, ignore_errors=True)


def _attempt(work: Work, rows_at_once: int) -> None:
    """The whole of it with so many rows in memory; from the start, for a second attempt too."""
    repeatable(work.seed, work.threads)
    made = model.build(work.config)
    made.generation_config = figures.generation(work.tokenizer)
    checked.check(made, work)
    history = loop.train(work, made, rows_at_once)
    _finish(work, made, history, rows_at_once)


def _finish(work: Work, made: Any, history: list[dict[str, Any]], rows_at_once: int) -> None:
    """All held-out rows, the last continuations, the n-gram model, the folder and the figures."""
    found = figures.evaluations(history, work.total)
    device = next(made.parameters()).device.type
    if work.held_out:
        half = model.computes_bf16(device)
        with progress(say("develop.pretrain_evaluating"), len(work.held_out.rows)) as bar:
            last = evaluate.evaluate(
                made, work.held_out, work.total, rows_at_once, half, bar.update
            )
        found.append(last)
        note(say("develop.pretrain_step", **last.model_dump()))
    if work.prompts:
        record(work.out, work.total, work.prompts, continued(made, work.prompts, work.tokenizer))
    figures.save(made, work.tokenizer, work.out)
    figures.write(work, made, history, found)
