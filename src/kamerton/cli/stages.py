"""`kamerton stage NAME`: one stage in its own process, as `kamerton run` starts it."""

import json
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from kamerton.cli.trip import Job
from kamerton.develop.settings import CorpusSettings, GuideSettings, RowsSettings
from kamerton.formats.errors import InputError
from kamerton.formats.jsonl import write_text
from kamerton.formats.language import say
from kamerton.pipeline.child import die_with_parent
from kamerton.terminal import note

CHECK = "check.json"
_READY_SECONDS = 300.0


def stage(
    name: Annotated[str, typer.Argument(help="cli.arg_stage")],
    job: Annotated[str, typer.Argument(help="cli.arg_job")],
) -> None:
    """Run one stage; its outputs go where the job says."""
    die_with_parent()
    told = Job.model_validate_json(job)
    told.out(name).mkdir(parents=True, exist_ok=True)
    STAGES[name](told)


def _check(job: Job) -> None:
    """The recipe and its data are sound, and this is what the test can show."""
    recipe = job.recipe
    if isinstance(recipe.data, CorpusSettings):
        _check_corpus(job, recipe.data)
    elif isinstance(recipe.data, RowsSettings):
        _check_rows(job, recipe.data)
    else:
        _check_guide(job, recipe.data)


def _check_corpus(job: Job, data: CorpusSettings) -> None:
    """Everything can be read, and of every work it is known whether it may be used."""
    from kamerton.develop.data.corpus.run import survey

    found = survey(data, Path(job.folder))
    counts = {
        "documents": len(found.sizes),
        "free": len(found.kept),
        "dropped": len(found.dropped),
        "works": len(set(found.works.values())),
        "characters": sum(found.sizes.values()),
    }
    note(say("cli.check_corpus", **counts))
    write_text(job.out("check") / CHECK, json.dumps(counts, indent=2) + "\n")


def _check_rows(job: Job, data: RowsSettings) -> None:
    """Every row can be read, and the teacher may be asked; nothing is sent yet."""
    from kamerton.develop.data.rows.run import survey

    counts = survey(data, Path(job.folder), job.recipe.seed)
    note(say("cli.check_read", **counts))
    write_text(job.out("check") / CHECK, json.dumps(counts, indent=2) + "\n")


def _check_guide(job: Job, data: GuideSettings) -> None:
    from kamerton.develop.data.guide.run import plan, summary
    from kamerton.develop.tune.estimate import estimate
    from kamerton.experiment.design import design

    recipe = job.recipe
    found = plan(data, Path(job.folder), recipe.seed)
    planned = design(recipe.experiment, found.held_out, recipe.name)
    cost = estimate(recipe.tune, recipe.base, found.train)
    counts = summary(found, data)
    note(say("cli.check_rows", **counts))
    for power in planned.hypotheses:
        note(say("cli.check_claim", **asdict(power), points=100 * power.detectable))
    figures = {"dataset": counts, "design": asdict(planned), "training": asdict(cost)}
    write_text(job.out("check") / CHECK, json.dumps(figures, indent=2) + "\n")


def _data(job: Job) -> None:
    data, home, out = job.recipe.data, Path(job.folder), job.out("data")
    if isinstance(data, CorpusSettings):
        from kamerton.develop.data.corpus import run as corpus

        corpus.prepare(data, home, out, job.recipe.seed)
    elif isinstance(data, RowsSettings):
        from kamerton.develop.data.rows import run as rows

        rows.prepare(data, home, out, job.recipe.seed)
    else:
        from kamerton.develop.data.guide import run as guide

        guide.prepare(data, home, out, job.recipe.seed)


def _tune(job: Job) -> None:
    from kamerton.develop.tune.run import tune

    recipe, out = job.recipe, job.out("tune")
    tune(recipe.tune, recipe.base, job.out("data"), out, recipe.seed, recipe.threads)


def _export(job: Job) -> None:
    from kamerton.develop.export.run import export

    recipe = job.recipe
    data, tuned, out = job.out("data"), job.out("tune"), job.out("export")
    export(recipe.export, recipe.base, recipe.name, data, tuned, out)


def _compare(job: Job) -> None:
    """Start the server as its own process, ask it over HTTP, end it."""
    from kamerton.experiment.run import compare

    recipe = job.recipe
    slots = 1 if recipe.deterministic else recipe.serve.slots
    options = ["--slots", str(slots), "--threads", str(recipe.threads or recipe.serve.threads)]
    options += ["--passages", str(recipe.serve.passages), "--retrieval", recipe.serve.retrieval]
    with _serving(job.out("export"), options) as base_url:
        out, data = job.out("compare"), job.out("data")
        compare(
            recipe.experiment,
            recipe.name,
            data,
            base_url,
            out,
            recipe.seed,
            recipe.deterministic,
            slots,
        )


@contextmanager
def _serving(folder: Path, options: list[str]) -> Iterator[str]:
    """The base URL of a server of `folder` on a free port; ended with the block."""
    program = [sys.executable, "-m", "kamerton.cli.main", "serve", str(folder)]
    child = subprocess.Popen(
        [*program, "--port", "0", "--no-page", "--json", *options], stdout=subprocess.PIPE
    )
    try:
        yield _base_url(child)
    finally:
        child.terminate()
        try:
            child.wait(10)
        except subprocess.TimeoutExpired:
            child.kill()


def _base_url(child: "subprocess.Popen[bytes]") -> str:
    """Wait until the server answers; its own message tells why where it ends instead."""
    assert child.stdout is not None
    late = threading.Timer(_READY_SECONDS, child.kill)
    late.start()
    try:
        for line in child.stdout:
            if line.startswith(b"{"):
                return str(json.loads(line)["base_url"])
        raise InputError("cli.server_failed", code=child.wait())
    finally:
        late.cancel()


def _report(job: Job) -> None:
    from kamerton.experiment.report.run import ReportInputs, report

    recipe = job.recipe
    inputs = ReportInputs(
        name=recipe.name,
        recipe=recipe.model_dump(mode="json"),
        command=job.command,
        stages={name: folder for name, folder in job.stages.items() if name != "report"},
    )
    report(inputs, job.out("report"))


STAGES: dict[str, Callable[[Job], None]] = {
    "check": _check,
    "data": _data,
    "tune": _tune,
    "export": _export,
    "compare": _compare,
    "report": _report,
}
