"""One commit of a git repository as a folder, by the program `git`."""

import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from kamerton.formats.errors import InputError
from kamerton.formats.language import say
from kamerton.formats.progress import note

_PREFIXES = ("git+https://", "git+file://")
_SOURCE = re.compile(r"git\+(?P<url>[^@#]+://[^#]+?)@(?P<commit>[^@#/]+)(?:#(?P<folder>.*))?")
_COMMIT = re.compile("[0-9a-f]{40}|[0-9a-f]{64}")
_OPTIONS = {
    "core.autocrlf": "false",  # the same bytes on every system
    "core.hooksPath": os.devnull,
    "http.lowSpeedLimit": "1000",
    "http.lowSpeedTime": "60",
    "advice.detachedHead": "false",
}
_OF_A_HOOK = frozenset(
    ["GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY", "GIT_COMMON_DIR"]
)


@dataclass(frozen=True)
class Commit:
    """What a `git+` source names."""

    source: str
    """As it was given."""
    url: str
    """Of the repository, as git takes it."""
    commit: str
    """Full hash, in hex."""
    folder: str
    """Folder inside, with `/`; empty: all of it."""

    @property
    def key(self) -> str:
        """What is fetched: folders of one commit share one copy."""
        return f"git+{self.url}@{self.commit}"

    @property
    def name(self) -> str:
        """Of the repository, for people who look into the cache."""
        last = self.url.rstrip("/").rsplit("/", 1)[-1].removesuffix(".git")
        return re.sub(r"[^\w.-]+", "_", last).lstrip(".") or "repository"


def is_git(source: str) -> bool:
    """Whether a source is a git repository by its scheme; `git+file` is for local mirrors."""
    return source.startswith(_PREFIXES)


def parse(source: str) -> Commit:
    """Repository, commit and folder of a source.

    InputError where no commit is named in full: a branch or tag is another text tomorrow.
    """
    found = _SOURCE.fullmatch(source)
    if found is None or not _COMMIT.fullmatch(found["commit"].lower()):
        named = found["commit"] if found else ""
        raise InputError("develop.read_needs_commit", where=source, commit=named)
    folder = (found["folder"] or "").strip("/")
    return Commit(source, found["url"], found["commit"].lower(), folder)


def checkout(commit: Commit, target: Path) -> None:
    """The files of exactly that commit, without history and symbolic links, into a new folder.

    InputError: git is not installed, the host does not answer, or has no such commit.
    """
    if shutil.which("git") is None:
        raise InputError("develop.read_no_git", where=commit.source)
    note(say("develop.read_cloning", url=commit.url))
    target.mkdir()
    _git(commit, target, "init", "--quiet")
    _git(commit, target, "fetch", "--quiet", "--depth", "1", commit.url, commit.commit)
    _git(commit, target, "checkout", "--quiet", "FETCH_HEAD")
    shutil.rmtree(target / ".git")
    for path in target.rglob("*"):
        if path.is_symlink():  # a stranger's link may lead anywhere on this machine
            path.unlink()


def _git(commit: Commit, target: Path, *arguments: str) -> None:
    options = [part for name, value in _OPTIONS.items() for part in ("-c", f"{name}={value}")]
    done = subprocess.run(
        ["git", *options, *arguments],
        cwd=target,
        env=_environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )
    if done.returncode:
        said = [line for line in done.stderr.splitlines() if line.strip()] or [str(done.returncode)]
        values = {"step": arguments[0], "why": said[-1].strip()}
        raise InputError("develop.read_git_failed", where=commit.source, **values)


def _environment() -> dict[str, str]:
    """Ours, without the repository that a hook may have started us in; git never asks a person."""
    kept = {name: value for name, value in os.environ.items() if name not in _OF_A_HOOK}
    return kept | {"GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C"}


def inside(commit: Commit, root: Path) -> Path:
    """The folder that the source names; InputError where the commit does not have it."""
    place = root / commit.folder
    if not place.exists() or ".." in place.relative_to(root).parts:
        raise InputError("develop.read_no_folder_there", where=commit.source, folder=commit.folder)
    return place
