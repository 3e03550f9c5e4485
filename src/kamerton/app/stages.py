"""What each stage of a trip does, as functions of a job."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Literal

from kamerton.app.asking import serving, slots_of
from kamerton.app.checks import check
from kamerton.app.recipe import Part
from kamerton.app.trip import Job, name_of
from kamerton.develop.settings import CorpusSettings, DataSettings, GuideSettings, RowsSettings
from kamerton.formats.jsonl import read_text, write_text
from kamerton.pipeline.folder import STAGES, find_run

Form = Literal["sft", "dpo", "kto"]


def run_stage(name: str, job: Job) -> None:
    """Run one stage in this process; its outputs go where the job says."""
    job.out(name).mkdir(parents=True, exist_ok=True)
    _jobs(job)[name]()


def _jobs(job: Job) -> dict[str, Callable[[], None]]:
    """All stages of the trip by name."""
    found: dict[str, Callable[[], None]] = {n: partial(do, job) for n, do in WHOLE.items()}
    for adapter, part in job.recipe.parts.items():
        for does, do in EACH.items():
            found[name_of(job.recipe, does, adapter)] = partial(do, job, adapter, part)
    return found


def _dataset(job: Job) -> None:
    """The data stage of a trip without an adapter."""
    _prepare(job.recipe.data, "sft", job, job.out("data"))


def _prepare(data: DataSettings, objective: Form, job: Job, out: Path) -> None:
    home, seed = Path(job.folder), job.recipe.seed
    if isinstance(data, CorpusSettings):
        from kamerton.develop.data.corpus import run as corpus

        corpus.prepare(data, home, out, seed)
    elif isinstance(data, RowsSettings):
        from kamerton.develop.data.rows import run as rows

        rows.prepare(data, home, out, seed, objective)
    else:
        from kamerton.develop.data.guide import run as guide

        guide.prepare(data, home, out, seed)


def _data(job: Job, name: str, part: Part) -> None:
    out = job.out(name_of(job.recipe, "data", name))
    _prepare(part.data, part.tune.objective, job, out)


def _pretrain(job: Job) -> None:
    from kamerton.develop.pretrain.run import pretrain

    recipe, home = job.recipe, Path(job.folder)
    assert recipe.pretrain is not None
    data, out = job.out("data"), job.out("pretrain")
    pretrain(recipe.pretrain, data, home, out, recipe.seed, recipe.threads)


def _tune(job: Job, name: str, part: Part) -> None:
    from kamerton.develop.tune.run import tune

    recipe = job.recipe
    data, out = (job.out(name_of(recipe, stage, name)) for stage in ("data", "tune"))
    tune(part.tune, recipe.base, data, out, recipe.seed, recipe.threads)


def _export(job: Job) -> None:
    from kamerton.develop.export.run import export_run

    recipe = job.recipe
    folders = {
        name: (job.out(name_of(recipe, "data", name)), job.out(name_of(recipe, "tune", name)))
        for name in recipe.parts
    }
    export_run(recipe.export, recipe.base, folders, job.out("export"), recipe.threads)


def _compare(job: Job, name: str, part: Part) -> None:
    """Start the server as its own process, ask it over HTTP, end it."""
    recipe, slots = job.recipe, slots_of(job.recipe)
    data, tuned, out = (
        job.out(name_of(recipe, stage, name)) for stage in ("data", "tune", "compare")
    )
    with serving(job.out("export"), recipe) as url:
        if isinstance(part.data, GuideSettings):
            from kamerton.experiment.run import compare

            fixed = recipe.deterministic
            compare(part.experiment, name, data, url, out, recipe.seed, fixed, slots, tuned)
        else:
            from kamerton.experiment.rows import compare_rows

            compare_rows(part.experiment, name, data, tuned, url, out, recipe.seed, slots)


def _report(job: Job) -> None:
    """One page and card for each adapter; their closing words together end the run."""
    from kamerton.experiment.report.run import TABLE, ReportInputs, report

    recipe, out, run = job.recipe, job.out("report"), _run_of(job)
    tree = recipe.model_dump(mode="json")
    if not recipe.adapters:
        stages = {name: folder for name, folder in job.stages.items() if name != "report"}
        report(ReportInputs(recipe.name, tree, job.command, stages, run), out)
        return
    for name, part in recipe.parts.items():
        own = tree | part.model_dump(mode="json") | {"adapters": {}}
        beside = run / name if run else None
        report(ReportInputs(name, own, job.command, _stages_of(job, name), beside), out / name)
    words = [read_text(out / name / TABLE) for name in recipe.parts]
    write_text(out / TABLE, "\n".join(words))


def _run_of(job: Job) -> Path | None:
    """The run that these stages made before: what a judge and people said lies in its folder."""
    root = next(p for p in job.out("report").resolve().parents if p.name == STAGES).parent
    names = {name: str(Path(p).relative_to(root)) for name, p in job.stages.items()}
    return find_run(root, job.recipe.name, names)


def _stages_of(job: Job, adapter: str) -> dict[str, str]:
    """The stages that made one adapter, called as in a trip of its own."""
    own = {does: name_of(job.recipe, does, adapter) for does in EACH}
    names = {"check": "check", "export": "export"} | own
    order = ("check", "data", "tune", "export", "compare")
    return {does: job.stages[names[does]] for does in order}


WHOLE: dict[str, Callable[[Job], None]] = {
    "check": check,
    "data": _dataset,
    "pretrain": _pretrain,
    "export": _export,
    "report": _report,
}
"""Stages of a whole trip."""

EACH: dict[str, Callable[[Job, str, Part], None]] = {
    "data": _data,
    "tune": _tune,
    "compare": _compare,
}
"""Stages of one adapter."""
