"""What each stage does: functions of a job, called in the stage's own process or anywhere else."""

from collections.abc import Callable
from pathlib import Path

from kamerton.app.checks import check
from kamerton.app.kinds import Folders, kind_of
from kamerton.app.recipe import Part
from kamerton.app.serving import serving
from kamerton.app.stages import STAGES_OF_ADAPTER, Job
from kamerton.formats.errors import InputError
from kamerton.formats.events import Event, emit, recording
from kamerton.formats.jsonl import read_text, write_text
from kamerton.formats.manifest import StageName
from kamerton.pipeline.folder import STAGES, find_run


def run_stage(name: StageName, job: Job) -> None:
    """Run one stage in this process; its outputs and its events go where the job says."""
    Path(job.stages[name]).mkdir(parents=True, exist_ok=True)
    with recording(Path(job.stages[name])):
        try:
            _run(name, job)
        except InputError as error:
            emit(Event(kind="refused", text=str(error)))
            raise


def _run(name: StageName, job: Job) -> None:
    parts = job.recipe.parts
    if parts and name.does in OF_ADAPTER:
        adapter = name.adapter or next(iter(parts))
        OF_ADAPTER[name.does](job, adapter, parts[adapter])
    else:
        OF_RUN[name.does](job)


def _dataset(job: Job) -> None:
    """The data stage of a recipe that makes no adapter."""
    recipe, out = job.recipe, job.out("data")
    kind_of(recipe.data).prepare(recipe.data, Path(job.folder), out, recipe.seed, "sft")


def _data(job: Job, name: str, part: Part) -> None:
    home, out = Path(job.folder), job.out("data", name)
    kind_of(part.data).prepare(part.data, home, out, job.recipe.seed, part.tune.objective)


def _pretrain(job: Job) -> None:
    from kamerton.develop.pretrain.run import pretrain

    recipe, home = job.recipe, Path(job.folder)
    assert recipe.pretrain is not None
    data, out = job.out("data"), job.out("pretrain")
    pretrain(recipe.pretrain, data, home, out, recipe.seed, recipe.threads)


def _tune(job: Job, name: str, part: Part) -> None:
    from kamerton.develop.tune.run import tune

    recipe = job.recipe
    data, out = job.out("data", name), job.out("tune", name)
    tune(part.tune, recipe.base, data, out, recipe.seed, recipe.threads)


def _export(job: Job) -> None:
    from kamerton.develop.export.run import export_run

    recipe = job.recipe
    folders = {name: (job.out("data", name), job.out("tune", name)) for name in recipe.parts}
    export_run(recipe.export, recipe.base, folders, job.out("export"), recipe.threads)


def _compare(job: Job, name: str, part: Part) -> None:
    """Start the server as its own process, ask it over HTTP, end it."""
    at = Folders(job.out("data", name), job.out("tune", name), job.out("compare", name))
    with serving(job.out("export"), job.recipe) as url:
        kind_of(part.data).compare(job.recipe, name, part, at, url)


def _report(job: Job) -> None:
    """One page and card for each adapter; their closing words together end the run."""
    from kamerton.develop.hub import licence_of
    from kamerton.experiment.report.run import TABLE, ReportInputs, report

    recipe, out, run = job.recipe, job.out("report"), _run_of(job)
    tree = recipe.model_dump(mode="json")
    if not recipe.adapters:
        stages = {name: folder for name, folder in job.stages.items() if name != "report"}
        kind, licence = recipe.data.kind, licence_of(recipe.base) if "tune" in stages else ""
        report(ReportInputs(kind, recipe.name, tree, job.command, stages, run, licence), out)
        return
    for name, part in recipe.parts.items():
        sections = tree | part.model_dump(mode="json") | {"adapters": {}}
        stages = {does: str(job.out(does, name)) for does in STAGES_OF_ADAPTER}
        beside = run / name if run else None
        kind, licence = part.data.kind, licence_of(recipe.base)
        inputs = ReportInputs(kind, name, sections, job.command, stages, beside, licence)
        report(inputs, out / name)
    words = [read_text(out / name / TABLE) for name in recipe.parts]
    write_text(out / TABLE, "\n".join(words))


def _run_of(job: Job) -> Path | None:
    """The run that these stages made before: what a judge and people said lies in its folder."""
    root = next(p for p in job.out("report").resolve().parents if p.name == STAGES).parent
    names = {name: str(Path(p).relative_to(root)) for name, p in job.stages.items()}
    return find_run(root, job.recipe.name, names)


OF_RUN: dict[str, Callable[[Job], None]] = {
    "check": check,
    "data": _dataset,
    "pretrain": _pretrain,
    "export": _export,
    "report": _report,
}
"""Stages of a whole run."""

OF_ADAPTER: dict[str, Callable[[Job, str, Part], None]] = {
    "data": _data,
    "tune": _tune,
    "compare": _compare,
}
"""Stages of one adapter."""
