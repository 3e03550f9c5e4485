"""A model asked a task: `kamerton eval`, and `kamerton.evaluate` in Python."""

import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from kamerton.formats.errors import InputError
from kamerton.formats.jsonl import insist_file
from kamerton.pipeline.folder import ROOT

if TYPE_CHECKING:
    from kamerton.client.connection import Model
    from kamerton.experiment.ask.asking import SamplingParams
    from kamerton.experiment.ask.evaluate import Report
    from kamerton.experiment.tasks import Options

_CONCURRENCY = 256
"""Requests on their way at a time: the engine sees shared prefixes only of those that are there."""
_URLS = ("http://", "https://")


@dataclass(frozen=True)
class ModelChoice:
    """Which model is asked, and how it is run or reached."""

    model: str = "embedded"
    """A base, RUN, RUN#NAME, a hub id, or the URL of a server as URL#NAME."""
    slots: int = 32
    """Answers computed at the same time."""
    threads: int = 0
    """Processor threads; 0: all cores."""
    trusted: Sequence[str] = ()
    """Hosts other than this machine that may see the questions."""
    key_env: str = ""
    """The environment variable with the server's key."""


def evaluate_task(
    task: str, choice: ModelChoice, options: "Options", out: Path | None = None
) -> "tuple[Report, Path]":
    """What came of it, and its folder; what an earlier call left there is not asked again.

    InputError where there is no such task, for data that cannot be used, and where the model
    cannot be had: all that can be checked is checked before a model is started.
    """
    from kamerton.experiment.ask.evaluate import RESULTS, evaluate
    from kamerton.experiment.tasks import ASKED, TASKS

    if task not in ASKED:
        raise InputError("app.eval_unknown_task", task=task, known=", ".join(ASKED))
    evaluation = TASKS[task].evaluation(options)
    here = Path(choice.model)
    address = choice.model.partition("://")[2] or (
        here.resolve().name if here.is_dir() else choice.model
    )
    folder = out or eval_folder(task, address)
    insist_file(folder / RESULTS)
    with _running(choice) as model:
        return evaluate(evaluation, model, folder), folder


def eval_folder(task: str, model: str) -> Path:
    """Where the replies of a model on a task are kept; `museum/1` and `other/1` are two models."""
    name = re.sub(r"[^\w.]+", "-", model)
    return ROOT / "eval" / f"{task}-{name}"


def sampling(
    samples: int, temperature: float | None, max_tokens: int, seed: int, early: bool = False
) -> "SamplingParams":
    """How answers are drawn: greedy where there is one; InputError for several greedy ones."""
    from kamerton.experiment.ask.asking import SamplingParams

    usual = 0.7 if samples > 1 else 0.0
    drawn_at = usual if temperature is None else temperature
    if samples > 1 and drawn_at == 0:
        raise InputError("app.eval_greedy_samples", where="--samples", samples=samples)
    return SamplingParams(samples, drawn_at, max_tokens, seed=seed, early=early)


@contextmanager
def _running(choice: ModelChoice) -> Iterator["Model"]:
    """The model that a URL names, else one in a process of its own as long as it is asked."""
    from kamerton.app.weights import located
    from kamerton.client.connection import Endpoint, api_key, first_model, models
    from kamerton.client.hosts import check_host
    from kamerton.engines.batched.engine import BatchedSettings, running

    if choice.model.startswith(_URLS):
        url, _, name = choice.model.partition("#")
        check_host(url, list(choice.trusted), False, where="--model")
        offered = models(Endpoint(url, api_key(choice.key_env), concurrency=choice.slots))
        chosen = next((one for one in offered if name in ("", one.id)), None)
        if chosen is None:
            known = ", ".join(one.id for one in offered)
            raise InputError("app.eval_no_model", where=url, model=name, known=known)
        yield chosen
        return
    weights, adapter = located(choice.model)
    cores = choice.threads or os.cpu_count() or 1
    settings = BatchedSettings(weights, "model", adapter, slots=choice.slots, threads=cores)
    with running(settings) as engine:
        # With hundreds in the engine's queue the last answer is waited for for hours.
        address = f"{engine.address}/v1"
        yield first_model(Endpoint(address, engine.api_key, timeout=None, concurrency=_CONCURRENCY))
