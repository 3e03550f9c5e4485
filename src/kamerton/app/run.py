"""One recipe made: planned, run stage by stage, and recorded as a run."""

import shlex
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

from kamerton.app import recipe as recipes
from kamerton.app.chain import Link, with_starts
from kamerton.app.follow import seconds_left
from kamerton.app.recipe import Recipe
from kamerton.app.stages import Job, results, stages
from kamerton.formats.jsonl import write_text
from kamerton.formats.language import say
from kamerton.formats.manifest import StageName
from kamerton.formats.progress import note
from kamerton.pipeline import folder as folders
from kamerton.pipeline.execute import execute, forget, in_child
from kamerton.pipeline.graph import Planned, State, plan, select, state_of
from kamerton.pipeline.working import Working, working


@dataclass(frozen=True)
class Plan:
    """A recipe with its stages, and how far each has come."""

    link: Link
    recipe: Recipe
    """As the link has it, with the folders of adapters to start from."""
    stages: list[Planned]

    @property
    def origins(self) -> dict[str, str]:
        """Where each value that is not a default comes from."""
        return recipes.origins(self.link.path, self.link.preset, self.link.sets)

    @property
    def job(self) -> Job:
        """What each stage is given."""
        preset, sets = self.link.preset, self.link.sets
        options = ["--preset", preset] if preset else []
        options += [part for text in sets for part in ("--set", text)]
        return Job(
            recipe=self.recipe,
            folder=str(self.link.home),
            command=shlex.join(["kamerton", "run", str(self.link.path), *options]),
            stages={item.name: str(item.folder.resolve()) for item in self.stages},
        )


@dataclass(frozen=True)
class Made:
    """What running a plan gave."""

    ran: list[StageName]
    """Names of the stages that were not done yet."""
    run: Path | None
    """The run's folder; None where one stage ran alone that makes nothing to show."""


def plan_run(link: Link, ahead: bool = False) -> Plan:
    """The plan of one recipe; `ahead`: recipes before it may not have run yet."""
    recipe = with_starts(link.recipe, link.path, link.coming if ahead else ())
    return Plan(link, recipe, plan(stages(recipe, link.home), folders.ROOT, link.home))


def make(
    planned: Plan, only: str | None = None, start: str | None = None, fresh: bool = False
) -> Made:
    """Run the stages that are not done, or `only` one, or those from `start` on; record the run.

    `fresh`: run them although they are done. Raises InputError for what cannot be used, and
    StageFailed where a stage's process ends badly; the same call goes on from there.
    """
    chosen = select(planned.stages, only, start)
    job = planned.job
    places = {str(item.name): str(item.folder.relative_to(folders.ROOT)) for item in chosen}
    base = planned.recipe.base if planned.recipe.parts else ""
    work = Working(recipe=planned.recipe.name, base=base, stages=places)
    with folders.shared_lock(folders.ROOT), working(folders.ROOT, work):
        if fresh:
            forget(chosen)
        folders_of = {item.name: item.folder for item in chosen}
        runner = in_child(lambda item: command(item, job))

        def run(item: Planned, lock: int) -> None:
            left = seconds_left(folders_of)
            if left:
                note(say("app.left_in_all", minutes=max(1, round(left / 60))))
            runner(item, lock)

        ran = execute(chosen, planned.stages, run)
        shows = only is None or _shows(planned, only)
        place = _record(job, planned.link.path, planned.stages, ran) if shows else None
    if place and planned.recipe.tracking == "mlflow":
        _track(place, job)
    return Made(ran, place)


def command(item: Planned, job: Job) -> list[str]:
    """The command line of one stage's process."""
    program = [sys.executable, "-m", "kamerton.cli.main", "stage"]
    return [*program, item.name, job.model_dump_json()]


def _shows(planned: Plan, stage: str) -> bool:
    """Whether a stage alone makes something to show: the last one, and a dataset's card."""
    card = results(planned.recipe).get("card.html")
    return stage == planned.stages[-1].name or (card is not None and card[0] == stage)


def _record(job: Job, path: Path, planned: list[Planned], ran: list[StageName]) -> Path:
    """The run's folder: a new one where anything ran, else the one that these stages made."""
    done = [item for item in planned if state_of(item.folder) is State.DONE]
    names = {str(item.name): str(item.folder.relative_to(folders.ROOT)) for item in done}
    before = folders.find_run(folders.ROOT, job.recipe.name, names)
    if before and not ran:
        folders.point_latest(before)  # a setting put back: an older run is the recipe's again
        return before
    place = before or folders.new_run(folders.ROOT, job.recipe.name)
    write_text(place / folders.RECIPE, job.recipe.model_dump_json(indent=2) + "\n")
    for name, (stage, file) in results(job.recipe).items():
        if stage in names:
            shutil.copyfile(Path(job.stages[stage]) / file, place / name)
    record = folders.RunRecord(
        recipe=job.recipe.name,
        recipe_file=str(path),
        folder=job.folder,
        stages=names,
        options=shlex.split(job.command)[3:],
    )
    record.write(place)  # last: its presence makes the folder a run
    folders.point_latest(place)
    return place


def _track(place: Path, job: Job) -> None:
    from kamerton.experiment.track import Run, track

    record = folders.read_run(place)
    tree, of = job.recipe.model_dump(mode="json"), dict(record.folders(place))
    stages = {str(name): folder for name, folder in of.items()}
    track(Run(record.recipe, place.name, tree, place, stages), folders.ROOT)
