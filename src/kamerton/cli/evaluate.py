"""`kamerton eval`: a model on a task (maths, choice, perplexity, continuation), here or by URL."""

from pathlib import Path
from typing import Annotated

import typer

from kamerton.cli.words import print_json
from kamerton.formats.errors import InputError
from kamerton.formats.language import LANGUAGES, say
from kamerton.formats.progress import note

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
    from kamerton.app.evaluation import ModelChoice, evaluate_task, sampling
    from kamerton.experiment.ask.evaluate import PAGE
    from kamerton.experiment.tasks import TASKS, Columns, Options

    if task in TASKS:
        _check_options(context, task, TASKS[task].asking_options)
    if prompts not in LANGUAGES:
        known = ", ".join(LANGUAGES)
        raise InputError("experiment.maths_no_prompt", language=prompts, known=known)
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
        sampling=sampling(samples, temperature, max_tokens, seed, early),
        limit=limit,
        letters=letters,
        count_from=count_from,
        window=window,
        overlap=overlap,
    )
    choice = ModelChoice(model, slots, threads, tuple(trust or ()), key_env)
    report, folder = evaluate_task(task, choice, options, out)
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
