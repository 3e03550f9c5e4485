"""Runs planned stages one after another, as child processes that can be killed or otherwise."""

import errno
import importlib.metadata
import shutil
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

from kamerton.formats.errors import InputError
from kamerton.formats.events import FILE as EVENTS
from kamerton.formats.events import Event, emit
from kamerton.formats.jsonl import read_text, write_text
from kamerton.formats.language import say
from kamerton.formats.manifest import Manifest, StageName, read, tree_sha256
from kamerton.pipeline.child import StageFailed, run_child
from kamerton.pipeline.folder import empty, locked
from kamerton.pipeline.graph import Planned, State, descendants, state_of

Runner = Callable[[Planned, int], None]
"""Runs one stage to its end: here, in a process of its own, or on another machine.

The number is a descriptor that holds the stage's lock; a process that inherits it keeps the lock.
"""
FULL = (errno.ENOSPC, errno.EDQUOT)
"""The disk is full, or the user's share of it is."""


def in_child(command: Callable[[Planned], list[str]]) -> Runner:
    """Each stage as a child process of its own: memory is freed, a crash is contained."""
    return lambda item, lock: run_child(item.name, command(item), lock)


def forget(planned: list[Planned]) -> list[Planned]:
    """The same stages as if they had never run: `--fresh`."""
    for item in planned:
        with locked(item.folder, lambda: None):
            empty(item.folder)
    return [replace(item, state=State.TO_DO) for item in planned]


def execute(chosen: list[Planned], every: list[Planned], run: Runner) -> list[StageName]:
    """Run what is not done among `chosen`; returns the names of the stages that ran.

    `every` is the whole plan: where a rebuilt stage comes out different, what was
    built on the old one is built again.
    """
    total, ran = len(chosen), list[StageName]()
    for number, item in enumerate(chosen, start=1):
        with locked(item.folder, lambda name=item.name: _tell("waiting", name=name)) as lock:  # type: ignore[misc]
            state = state_of(item.folder)
            if state is State.DONE:
                continue
            resumed = state is State.PARTIAL and item.stage.resumes
            rebuilt = "rebuilding" if state is State.CORRUPT else "running"
            word = "resuming" if resumed else rebuilt
            _tell(word, name=item.name, number=number, total=total)
            if not resumed:
                _prepare(item)
            with _told(item, resumed):
                begun = time.monotonic()
                run(item, lock)
                seconds = time.monotonic() - begun
            _finish(item, every, seconds, resumed)
            emit(Event(kind="finished", seconds=round(seconds, 2)), item.folder / EVENTS)
            ran.append(item.name)
            _tell("finished", name=item.name, seconds=f"{seconds:.1f}")
    return ran


@contextmanager
def _told(item: Planned, resumed: bool) -> Iterator[None]:
    """Events of a stage's beginning, and of an end that is none."""
    events = item.folder / EVENTS
    emit(Event(kind="started", resumed=resumed), events)
    try:
        yield
    except (StageFailed, KeyboardInterrupt) as error:
        code = error.code if isinstance(error, StageFailed) else -signal.SIGINT
        with suppress(OSError):  # a full disk may be why it failed
            emit(Event(kind="failed", code=code), events)
        raise


def _prepare(item: Planned) -> None:
    """Keep nothing of a killed or corrupt stage, but the record of what it made."""
    old = None
    with suppress(ValueError, InputError):  # unreadable: nothing to compare with
        old = read(item.folder)
    empty(item.folder)
    if old:
        # Kept beside the folder: a kill during the rebuild must not lose what it is compared to.
        write_text(_previous(item), old.model_dump_json())


def _previous(item: Planned) -> Path:
    return item.folder.with_name(item.folder.name + ".before")


def _finish(item: Planned, every: list[Planned], seconds: float, resumed: bool) -> None:
    """Write the manifest; what was built on other outputs of the same stage is forgotten first."""
    manifest = Manifest(
        stage=item.name,
        hash=item.hash,
        parents=item.parents,
        settings=item.stage.settings or {},
        sources=item.sources,
        outputs=tree_sha256(item.folder),
        seconds=round(seconds, 2),
        resumed=resumed,
        versions=_versions(),
    )
    before = _previous(item)
    if before.is_file():
        old = Manifest.model_validate_json(read_text(before))
        if old.outputs != manifest.outputs:
            for below in descendants(every, item.name):
                shutil.rmtree(below.folder, ignore_errors=True)
        before.unlink()
    manifest.write(item.folder)


def _versions() -> dict[str, str]:
    """Versions of what can change a result; packages that are absent are left out."""
    versions = {"python": ".".join(str(part) for part in sys.version_info[:3])}
    for name in ("kamerton", "torch", "transformers", "peft", "xllamacpp", "numpy", "scipy"):
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return versions


def _tell(key: str, **values: object) -> None:
    sys.stderr.write(say(f"pipeline.{key}", **values) + "\n")
    sys.stderr.flush()


def check_space(error: BaseException, where: Path) -> InputError | None:
    """The error to show where the disk is full; libraries say so in their own ways."""
    seen: BaseException | None = error
    while seen is not None:
        full = isinstance(seen, OSError) and seen.errno in FULL
        if full or "No space left on device" in str(seen):
            return InputError("pipeline.no_space", where=str(where))
        seen = seen.__cause__ or seen.__context__
    return None
