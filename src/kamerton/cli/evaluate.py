"""`kamerton eval`: a model on a task (maths, choice, perplexity, continuation), here or by URL."""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from kamerton.cli.words import print_json
from kamerton.formats.errors import InputError
from kamerton.formats.language import LANGUAGES, say
from kamerton.formats.progress import note
from kamerton.pipeline import folder as folders

if TYPE_CHECKING:
    from kamerton.client.connection import Model

_FOR_ALL = frozenset(
    [
        "task",
        "model",
        "limit",
        "data",
        "out",
        "slots",
        "threads",
        "seed",
        "as_json",
        "trust",
        "key_env",
    ]
)
_CONCURRENCY = 256
"""Requests on their way at a time: the engine sees shared prefixes only of those that are there."""
_URLS = ("http://", "https://")


def evaluate(
    context: typer.Context,
    task: Annotated[str, typer.Argument(help="cli.eval_arg_task")],
    model: Annotated[str, typer.Option(help="cli.eval_opt_model")] = "embedded",
    samples: Annotated[int, typer.Option(min=1, help="cli.eval_opt_samples")] = 1,
    temperature: Annotated[float | None, typer.Option(min=0, help="cli.eval_opt_temp")] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="cli.eval_opt_limit")] = None,
    early: Annotated[bool, typer.Option("--early-stop", help="cli.eval_opt_early")] = False,
    prompts: Annotated[str, typer.Option(help="cli.eval_opt_prompts")] = "en",
    shots: Annotated[int | None, typer.Option(min=0, max=8, help="cli.eval_opt_shots")] = None,
    max_tokens: Annotated[int, typer.Option(min=1, help="cli.eval_opt_max_tokens")] = 256,
    max_unparsed: Annotated[float, typer.Option(min=0, max=1, help="cli.eval_opt_unparsed")] = 0.2,
    data: Annotated[Path | None, typer.Option(help="cli.eval_opt_data")] = None,
    question_column: Annotated[str, typer.Option(help="cli.eval_opt_question_column")] = "",
    answer_column: Annotated[str, typer.Option(help="cli.eval_opt_answer_column")] = "",
    text_column: Annotated[str, typer.Option(help="cli.eval_opt_text_column")] = "",
    id_column: Annotated[str, typer.Option(help="cli.eval_opt_id_column")] = "",
    group_column: Annotated[str, typer.Option(help="cli.eval_opt_group_column")] = "",
    letters: Annotated[bool, typer.Option("--letters", help="cli.eval_opt_letters")] = False,
    count_from: Annotated[
        int | None, typer.Option(min=0, max=1, help="cli.eval_opt_count_from")
    ] = None,
    window: Annotated[int | None, typer.Option(min=2, help="cli.eval_opt_window")] = None,
    overlap: Annotated[int, typer.Option(min=1, help="cli.eval_opt_overlap")] = 1,
    out: Annotated[Path | None, typer.Option(help="cli.eval_opt_out")] = None,
    slots: Annotated[int, typer.Option(min=1, help="cli.eval_opt_slots")] = 32,
    threads: Annotated[int, typer.Option(min=0, help="cli.eval_opt_threads")] = 0,
    seed: Annotated[int, typer.Option(min=0, help="cli.eval_opt_seed")] = 0,
    trust: Annotated[list[str] | None, typer.Option(help="cli.eval_opt_trust")] = None,
    key_env: Annotated[str, typer.Option("--api-key-env", help="cli.eval_opt_key")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="cli.opt_json")] = False,
) -> None:
    """Ask or score, count, write a folder; exit 1 where too many answers could not be read."""
    from kamerton.experiment.ask.asking import SamplingParams
    from kamerton.experiment.ask.evaluate import PAGE
    from kamerton.experiment.ask.evaluate import evaluate as run
    from kamerton.experiment.tasks import ASKED, TASKS, Columns, Options

    if task not in ASKED:
        raise InputError("cli.eval_unknown_task", task=task, known=", ".join(ASKED))
    _check_options(context, task, TASKS[task].asking_options)
    if prompts not in LANGUAGES:
        known = ", ".join(LANGUAGES)
        raise InputError("experiment.maths_no_prompt", language=prompts, known=known)
    many = samples > 1
    drawn_at = temperature if temperature is not None else 0.7 if many else 0.0
    if many and drawn_at == 0:
        raise InputError("cli.eval_greedy_samples", where="--samples", samples=samples)
    options = Options(
        data=data,
        columns=Columns(
            id=id_column,
            question=question_column,
            answer=answer_column,
            text=text_column,
            group=group_column,
        ),
        seed=seed,
        max_unparsed=max_unparsed,
        title=model if model != "." else Path.cwd().name,
        language=prompts,
        shots=shots,
        sampling=SamplingParams(samples, drawn_at, max_tokens, seed=seed, early=early),
        limit=limit,
        letters=letters,
        count_from=count_from,
        window=window,
        overlap=overlap,
    )
    evaluation = TASKS[task].evaluation(options)
    called = re.sub(r"[^\w.]+", "-", model.partition("://")[2]) or Path(model).name
    folder = out or folders.ROOT / "eval" / f"{task}-{called}"
    with _served(model, slots, threads, trust or [], key_env) as served:
        report = run(evaluation, served, folder)
    print_json(report.results.model_dump()) if as_json else typer.echo("\n".join(report.lines))
    for line in report.notes:
        note(line)
    if report.results.cached:
        note(say("experiment.ask_from_before", count=report.results.cached))
    note(say("experiment.ask_page", page=folder / PAGE))
    if report.complaint:
        note(report.complaint)
        raise typer.Exit(1)


def _check_options(context: typer.Context, task: str, known: frozenset[str]) -> None:
    """InputError for an option that was given and would change nothing in this task."""
    for parameter in context.command.params:
        name = str(parameter.name)
        source = context.get_parameter_source(name)
        given = source is not None and source.name == "COMMANDLINE"
        if given and name not in known | _FOR_ALL:
            raise InputError("cli.eval_not_of_task", where=parameter.opts[0], task=task)


@contextmanager
def _served(
    model: str, slots: int, threads: int, trust: list[str], key_env: str
) -> Iterator["Model"]:
    """The model that a URL names, else one in a process of its own as long as it is asked."""
    from kamerton.app.weights import located
    from kamerton.client.connection import Endpoint, api_key, first_model, models
    from kamerton.client.hosts import check_host
    from kamerton.engines.batched.engine import BatchedSettings, running

    if model.startswith(_URLS):
        url, _, name = model.partition("#")
        check_host(url, trust, False, where="--model")
        offered = models(Endpoint(url, api_key(key_env), concurrency=slots))
        chosen = next((one for one in offered if name in ("", one.id)), None)
        if chosen is None:
            known = ", ".join(one.id for one in offered)
            raise InputError("cli.eval_no_model", where=url, model=name, known=known)
        yield chosen
        return
    weights, adapter = located(model)
    cores = threads or os.cpu_count() or 1
    settings = BatchedSettings(weights, "model", adapter, slots=slots, threads=cores)
    with running(settings) as engine:
        # With hundreds in the engine's queue the last answer is waited for for hours.
        address = f"{engine.address}/v1"
        yield first_model(Endpoint(address, engine.api_key, timeout=None, concurrency=_CONCURRENCY))
