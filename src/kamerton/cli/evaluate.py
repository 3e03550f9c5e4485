"""`kamerton eval`: a model on a task of maths, by worked examples and votes, on this machine."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from kamerton.cli.words import print_json
from kamerton.formats.errors import InputError
from kamerton.formats.language import LANGUAGES, say
from kamerton.pipeline import folder as folders
from kamerton.terminal import note

if TYPE_CHECKING:
    from kamerton.experiment.ask.evaluate import Evaluation, Results
    from kamerton.experiment.tasks.maths.grading import Problem

_TASKS = ("gsm8k", "maths")


def evaluate(
    task: Annotated[str, typer.Argument(help="cli.eval_arg_task")],
    model: Annotated[str, typer.Option(help="cli.eval_opt_model")] = "embedded",
    samples: Annotated[int, typer.Option(min=1, help="cli.eval_opt_samples")] = 1,
    temperature: Annotated[float | None, typer.Option(min=0, help="cli.eval_opt_temp")] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="cli.eval_opt_limit")] = None,
    early: Annotated[bool, typer.Option("--early-stop", help="cli.eval_opt_early")] = False,
    prompts: Annotated[str, typer.Option(help="cli.eval_opt_prompts")] = "en",
    shots: Annotated[int, typer.Option(min=0, max=8, help="cli.eval_opt_shots")] = 8,
    max_tokens: Annotated[int, typer.Option(min=1, help="cli.eval_opt_max_tokens")] = 256,
    max_unparsed: Annotated[float, typer.Option(min=0, max=1, help="cli.eval_opt_unparsed")] = 0.2,
    data: Annotated[Path | None, typer.Option(help="cli.eval_opt_data")] = None,
    out: Annotated[Path | None, typer.Option(help="cli.eval_opt_out")] = None,
    slots: Annotated[int, typer.Option(min=1, help="cli.eval_opt_slots")] = 32,
    threads: Annotated[int, typer.Option(min=0, help="cli.eval_opt_threads")] = 0,
    seed: Annotated[int, typer.Option(min=0, help="cli.eval_opt_seed")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="cli.opt_json")] = False,
) -> None:
    """Ask, grade, write a folder; exit 1 where too many answers could not be read."""
    from kamerton.experiment.ask.client import How
    from kamerton.experiment.ask.evaluate import Evaluation

    problems = _problems(task, data)
    if prompts not in LANGUAGES:
        known = ", ".join(LANGUAGES)
        raise InputError("experiment.maths_no_prompt", language=prompts, known=known)
    heat = temperature if temperature is not None else 0.7 if samples > 1 else 0.0
    if samples > 1 and heat == 0:
        raise InputError("cli.eval_greedy_samples", where="--samples", samples=samples)
    how = How(samples, heat, max_tokens, seed=seed, early=early)
    title = model if model != "." else Path.cwd().name
    what = Evaluation(task, title, prompts, shots, how, max_unparsed, limit)
    place = out or folders.ROOT / "eval" / f"{task}-{Path(model).name}"
    results = _evaluated(what, problems, model, place, slots, threads or os.cpu_count() or 1)
    _show(results, place, as_json)


def _problems(task: str, data: Path | None) -> "list[Problem]":
    from kamerton.experiment.tasks.asking import Options, place
    from kamerton.experiment.tasks.gsm8k import PUBLISHED
    from kamerton.experiment.tasks.maths.grading import read_problems

    if task not in _TASKS:
        raise InputError("cli.eval_unknown_task", task=task, known=", ".join(_TASKS))
    published = PUBLISHED if task == "gsm8k" else ""
    return read_problems(place(task, published, Options(data=data)))


def _evaluated(
    what: "Evaluation",
    problems: "list[Problem]",
    model: str,
    out: Path,
    slots: int,
    threads: int,
) -> "Results":
    """The results, with the model in a process of its own as long as it is asked."""
    from kamerton.experiment.ask.client import server
    from kamerton.experiment.ask.evaluate import evaluate as run
    from kamerton.experiment.ask.page import write_page
    from kamerton.serve.engines.batched import BatchedSettings, running

    weights, adapter = located(model)
    settings = BatchedSettings(weights, "model", adapter, slots=slots, threads=threads)
    with running(settings) as engine:
        there = server(f"{engine.address}/v1", engine.headers)
        results = run(what, problems, there, out)
    write_page(results, out)
    return results


def located(model: str) -> tuple[str, str]:
    """Folders of a model's float weights and of the adapter on them, empty where there is none.

    `model` is a base as recipes name it, or RUN; RUN#NAME names one of several adapters.
    """
    from kamerton.develop import hub

    if model == hub.EMBEDDED or (Path(model) / "config.json").is_file():
        return hub.folder(model), ""
    run, _, name = model.partition("#")
    try:
        place = folders.resolve_run(run)
    except InputError as error:
        if error.key != "pipeline.unknown_run" or model.count("/") != 1:
            raise
        return _fetched(model), ""
    return _of_run(place, name)


def _of_run(run: Path, name: str) -> tuple[str, str]:
    from kamerton.cli.recipe import Recipe
    from kamerton.develop.tune import start
    from kamerton.formats.jsonl import read_text

    record = folders.read_run(run)
    recipe = Recipe.model_validate_json(read_text(run / folders.RECIPE))
    tuned = {s.partition("-")[2]: s for s in record.stages if s.partition("-")[0] == "tune"}
    stage = tuned.get(name) if name or len(tuned) != 1 else next(iter(tuned.values()))
    adapter = start.find(record.stage(run, stage)) if stage else None
    if adapter is None:
        names = ", ".join(filter(None, tuned)) or "-"
        raise InputError("cli.eval_no_adapter", where=str(run), name=name or "-", names=names)
    weights, _ = located(recipe.base)
    return weights, str(adapter)


def _fetched(hub_id: str) -> str:
    from huggingface_hub import snapshot_download

    try:
        return snapshot_download(hub_id, allow_patterns=["*.json", "*.safetensors", "*.model"])
    except (OSError, ValueError) as error:
        why = (str(error).splitlines() or [type(error).__name__])[0][:160]
        raise InputError("cli.eval_unreachable", where="--model", model=hub_id, why=why) from error


def _show(results: "Results", out: Path, as_json: bool) -> None:
    from kamerton.experiment.ask.evaluate import PAGE
    from kamerton.experiment.tasks.maths.words import lines

    found = results.grading
    if as_json:
        told: dict[str, Any] = results.model_dump()
        print_json(told)
    else:
        typer.echo("\n".join(lines(found)))
    if results.settings["early"]:
        note(say("experiment.ask_early_note"))
    if results.cached:
        note(say("experiment.ask_from_before", count=results.cached))
    note(say("experiment.ask_page", page=out / PAGE))
    if found.too_many_unparsed:
        share, most = f"{100 * found.unparsed_share:.2f}", f"{100 * found.most_unparsed:g}"
        note(say("experiment.maths_too_many_unparsed", share=share, most=most))
        raise typer.Exit(1)
