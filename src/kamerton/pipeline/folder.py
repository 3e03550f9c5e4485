"""Where runs lie: `runs/.stages/<stage>-<hash>/`, `runs/<recipe>/<n>/`, `latest`."""

import fcntl
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from kamerton.formats.errors import InputError
from kamerton.formats.jsonl import read_text, write_text
from kamerton.formats.manifest import FILE as MANIFEST
from kamerton.formats.manifest import StageName

ROOT = Path("runs")
_SHOWN = 12
"""Runs of a recipe that an error names."""
STAGES, RUN, RECIPE, LATEST = ".stages", "run.json", "recipe.json", "latest"


class RunRecord(BaseModel):
    """`run.json`: which stages a run is made of."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    recipe: str
    """Name of the recipe."""
    recipe_file: str
    """The recipe's path as it was given, and the folder that its paths start from."""
    folder: str
    stages: dict[str, str]
    """Stage name to stage folder, relative to the folder of all runs."""
    options: list[str] = []
    """Options of `kamerton run` that made it, so that it can be made again."""

    def write(self, run: Path) -> None:
        """Write it into the run's folder."""
        write_text(run / RUN, self.model_dump_json(indent=2) + "\n")

    def stage(self, run: Path, name: str) -> Path:
        """Folder of one of the run's stages."""
        return run.parent.parent / self.stages[name]

    def folders(self, run: Path) -> dict[StageName, Path]:
        """Folders of all stages of the run, by name."""
        return {StageName(name): self.stage(run, name) for name in self.stages}

    def by_adapter(self, run: Path, *does: str) -> dict[str, Path]:
        """Folders of the stages that do any of this, by adapter; "" for the only one."""
        return {n.adapter: folder for n, folder in self.folders(run).items() if n.does in does}


def read_run(run: Path) -> RunRecord:
    """The record of a run; InputError where it cannot be read."""
    path = run / RUN
    try:
        return RunRecord.model_validate_json(read_text(path))
    except ValidationError as error:
        raise InputError("pipeline.run_unreadable", where=str(path)) from error


def stage_folder(root: Path, name: str, hash12: str) -> Path:
    """Folder of one stage's outputs."""
    return root / STAGES / f"{name}-{hash12}"


def runs_of(root: Path, recipe: str) -> list[Path]:
    """All runs of a recipe, oldest first."""
    folder = root / recipe
    numbered = [p for p in folder.iterdir() if p.name.isdigit()] if folder.is_dir() else []
    return sorted((p for p in numbered if (p / RUN).is_file()), key=lambda p: int(p.name))


def all_runs(root: Path) -> list[Path]:
    """All runs below `root`, by recipe, oldest first."""
    names = sorted(p.name for p in root.iterdir() if p.is_dir()) if root.is_dir() else []
    return [run for name in names if not name.startswith(".") for run in runs_of(root, name)]


def new_run(root: Path, recipe: str) -> Path:
    """A new, empty run folder with the next free number."""
    folder = root / recipe
    folder.mkdir(parents=True, exist_ok=True)
    number = max((int(p.name) for p in folder.iterdir() if p.name.isdigit()), default=0) + 1
    while True:
        try:
            (folder / str(number)).mkdir()
            return folder / str(number)
        except FileExistsError:
            number += 1


def find_run(root: Path, recipe: str, stages: dict[str, str]) -> Path | None:
    """The newest run of a recipe that is made of exactly these stages."""
    for run in reversed(runs_of(root, recipe)):
        if read_run(run).stages == stages:
            return run
    return None


def point_latest(run: Path) -> None:
    """Make `latest` beside a run point to it."""
    temporary = run.parent / f".{LATEST}.{os.getpid()}"
    temporary.unlink(missing_ok=True)
    temporary.symlink_to(run.name)
    temporary.replace(run.parent / LATEST)


def resolve_run(text: str, root: Path = ROOT) -> Path:
    """The run folder that RUN names: `museum`, `museum/3`, or a path to either."""
    for candidate in (root / text, Path(text)):
        if (candidate / RUN).is_file():
            return candidate.resolve()
        if (candidate / LATEST / RUN).is_file():
            return (candidate / LATEST).resolve()
        if candidate.is_dir() and (runs := runs_of(candidate.parent, candidate.name)):
            return runs[-1].resolve()
    if same := runs_of(root, Path(text).parent.name):
        numbered = [f"{run.parent.name}/{run.name}" for run in same]
        shown = numbered if len(same) <= _SHOWN else [*numbered[:1], "…", *numbered[1 - _SHOWN :]]
        raise InputError("pipeline.unknown_number", name=text, known=", ".join(shown))
    known = ", ".join(dict.fromkeys(run.parent.name for run in all_runs(root))) or "-"
    raise InputError("pipeline.unknown_run", name=text, known=known)


@contextmanager
def locked(folder: Path, on_wait: Callable[[], None]) -> Iterator[int]:
    """Hold a stage's lock; calls `on_wait` where another process has it, then waits.

    Yields the descriptor: a child that inherits it keeps the lock for as long as it lives,
    so that no second writer starts beside an orphan.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    with folder.with_name(folder.name + ".lock").open("w") as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            on_wait()
            fcntl.flock(stream, fcntl.LOCK_EX)
        yield stream.fileno()


@contextmanager
def shared_lock(root: Path) -> Iterator[None]:
    """Held by runs: stages that just finished are of no run yet, and must not be deleted."""
    with _gate(root).open("w") as stream:
        fcntl.flock(stream, fcntl.LOCK_SH)
        yield


@contextmanager
def exclusive_lock(root: Path) -> Iterator[None]:
    """Keep runs out while outputs are deleted; InputError where one is in progress."""
    with _gate(root).open("w") as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise InputError("pipeline.run_in_progress", where=str(root)) from error
        yield


def _gate(root: Path) -> Path:
    (root / STAGES).mkdir(parents=True, exist_ok=True)
    return root / STAGES / ".lock"


def empty(folder: Path) -> None:
    """Make `folder` exist with nothing in it."""
    if folder.is_dir():
        shutil.rmtree(folder)
    folder.mkdir(parents=True)


def unused_stages(root: Path, unfinished: bool = False) -> list[Path]:
    """Stage folders that no run points to; with `unfinished` those that could be resumed too."""
    used = {root / name for run in all_runs(root) for name in read_run(run).stages.values()}
    folder = root / STAGES
    stages = sorted(p for p in folder.iterdir() if p.is_dir()) if folder.is_dir() else []
    return [p for p in stages if p not in used and (unfinished or (p / MANIFEST).is_file())]


def delete_stage(folder: Path) -> None:
    """Delete a stage's outputs and all that lies beside them in its name."""
    with locked(folder, lambda: None):
        shutil.rmtree(folder)
    for beside in folder.parent.glob(f"{folder.name}.*"):
        beside.unlink()
