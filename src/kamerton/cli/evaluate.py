"""`kamerton eval`: a model on a task (maths, choice, perplexity, continuation), on this machine."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from kamerton.formats.errors import InputError
from kamerton.pipeline import folder as folders

if TYPE_CHECKING:
    from kamerton.cli.evaluating import Run

_FOR_ALL = {"task", "model", "limit", "data", "out", "slots", "threads", "seed", "as_json"}


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
    as_json: Annotated[bool, typer.Option("--json", help="cli.opt_json")] = False,
) -> None:
    """Ask or score, count, write a folder; exit 1 where too many answers could not be read."""
    from kamerton.cli.evaluating import TASKS, Asked
    from kamerton.cli.evaluating.asked import Names

    if task not in TASKS:
        raise InputError("cli.eval_unknown_task", task=task, known=", ".join(TASKS))
    _check_options(context, task, TASKS[task].options)
    asked = Asked(
        task=task,
        title=model if model != "." else Path.cwd().name,
        samples=samples,
        temperature=temperature,
        limit=limit,
        early=early,
        prompts=prompts,
        shots=shots,
        max_tokens=max_tokens,
        max_unparsed=max_unparsed,
        data=data,
        out=out or folders.ROOT / "eval" / f"{task}-{Path(model).name}",
        seed=seed,
        columns=Names(id_column, question_column, answer_column, text_column, group_column),
        letters=letters,
        count_from=count_from,
        window=window,
        overlap=overlap,
        as_json=as_json,
    )
    run = TASKS[task].prepare(asked)
    raise typer.Exit(_asked(run, model, slots, threads or os.cpu_count() or 1))


def _check_options(context: typer.Context, task: str, known: frozenset[str]) -> None:
    """InputError for an option that was given and would change nothing in this task."""
    for parameter in context.command.params:
        name = str(parameter.name)
        source = context.get_parameter_source(name)
        given = source is not None and source.name == "COMMANDLINE"
        if given and name not in known | _FOR_ALL:
            raise InputError("cli.eval_not_of_task", where=parameter.opts[0], task=task)


def _asked(run: "Run", model: str, slots: int, threads: int) -> int:
    """The exit code, with the model in a process of its own as long as it is asked."""
    from kamerton.cli.evaluating.models import located
    from kamerton.client.connection import Endpoint, first_model
    from kamerton.engines.batched import BatchedSettings, running

    weights, adapter = located(model)
    settings = BatchedSettings(weights, "model", adapter, slots=slots, threads=threads)
    with running(settings) as engine:
        # With hundreds in the engine's queue the last answer is waited for for hours; what they
        # have in common the engine sees only of those that are on their way.
        at = Endpoint(f"{engine.address}/v1", engine.api_key, timeout=None, concurrency=256)
        return run(first_model(at))
