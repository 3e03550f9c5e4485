"""What a stage read, wrote and cost: `manifest.json`, the thread from a report to its texts."""

import hashlib
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from kamerton.formats.events import FILE as EVENTS
from kamerton.formats.jsonl import Record, read_model, write_text

FILE = "manifest.json"


class StageName(str):
    """A stage's name, and its only parser: `tune`, or `tune-code` where adapters have one each."""

    __slots__ = ()

    @classmethod
    def of(cls, does: str, adapter: str = "") -> "StageName":
        """The name of what a stage does, for one of several adapters."""
        return cls(f"{does}-{adapter}" if adapter else does)

    @property
    def does(self) -> str:
        """What the stage does: check, data, tune and so on."""
        return self.partition("-")[0]

    @property
    def adapter(self) -> str:
        """For which of several adapters; empty where a recipe makes one."""
        return self.partition("-")[2]


class Manifest(Record):
    """One finished stage."""

    stage: str
    hash: str
    """Twelve hex digits over settings, source files and the parents' hashes."""
    parents: dict[str, str] = {}
    """Stage name to stage hash."""
    settings: dict[str, object] = {}
    sources: dict[str, str] = {}
    """Files outside the run that were read, with their SHA-256."""
    outputs: dict[str, str] = {}
    """Files of the stage, relative to its folder, with their SHA-256."""
    seconds: float = 0.0
    """Of the last attempt."""
    resumed: bool = False
    """Whether an earlier attempt was killed and this one went on from it: it took longer in all."""
    versions: dict[str, str] = {}

    def write(self, folder: Path) -> None:
        """Write it into the stage's folder; its presence means that the stage is finished."""
        write_text(folder / FILE, self.model_dump_json(indent=2) + "\n")


def read(folder: Path) -> Manifest | None:
    """The manifest of a finished stage, or None where the stage never finished; InputError."""
    path = folder / FILE
    return read_model(path, Manifest) if path.is_file() else None


def sha256(path: Path) -> str:
    """SHA-256 of a file, in hex."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def tree_sha256(folder: Path) -> dict[str, str]:
    """SHA-256 of every file below a folder, by relative path, manifest and events left out."""
    left_out = (FILE, EVENTS)
    files = sorted(p for p in folder.rglob("*") if p.is_file() and p.name not in left_out)
    return {str(p.relative_to(folder)): sha256(p) for p in files}


@contextmanager
def whole_folder(folder: Path) -> Iterator[Path]:
    """An empty folder that takes the place of `folder` once the block is done; or nothing does."""
    fresh = folder.with_name(f"{folder.name}.new")
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(parents=True)
    try:
        yield fresh
    except BaseException:
        shutil.rmtree(fresh, ignore_errors=True)
        raise
    shutil.rmtree(folder, ignore_errors=True)
    fresh.rename(folder)


def digest(*parts: str) -> str:
    """Twelve hex digits over several texts."""
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:12]
