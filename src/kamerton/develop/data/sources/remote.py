"""Files and folders of other machines, brought into a cache once and checked on later use.

Each source has a folder of its own there, named by the hash of the source. `fetched.json` in it
holds the content's hash; it is written last, so its presence means that the fetch was finished. Of
a git repository one commit is fetched, by the program `git`.
"""

import json
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256 as hashed
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from kamerton.client.hosts import trust_env
from kamerton.documents.files import Document, read_documents
from kamerton.formats.errors import InputError
from kamerton.formats.jsonl import write_text
from kamerton.formats.language import say
from kamerton.formats.manifest import digest, sha256, tree_sha256
from kamerton.formats.progress import note, progress

if TYPE_CHECKING:
    import httpx

SIZE_LIMIT = 2 * 1024**3
"""Most bytes of a file that is downloaded."""
NOTE = "fetched.json"
STAND_IN = "KAMERTON_TEST_DATA"
"""Variable that names a folder of stand-ins for remote sources, for a machine without a network."""
_SECONDS = 30.0
_WEB = ("http://", "https://")
_UNSAFE = re.compile(r"[^\w.-]+")
_LONGEST_NAME = 100
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


def parse_git(source: str) -> Commit:
    """Repository, commit and folder of a source.

    InputError where no commit is named in full: a branch or tag is another text tomorrow.
    """
    match = _SOURCE.fullmatch(source)
    if match is None or not _COMMIT.fullmatch(match["commit"].lower()):
        named = match["commit"] if match else ""
        raise InputError("develop.read_needs_commit", where=source, commit=named)
    folder = (match["folder"] or "").strip("/")
    return Commit(source, match["url"], match["commit"].lower(), folder)


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
    # Without the repository that a hook may have started us in; git never asks a person.
    kept = {name: value for name, value in os.environ.items() if name not in _OF_A_HOOK}
    done = subprocess.run(
        ["git", *options, *arguments],
        cwd=target,
        env=kept | {"GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C"},
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


def _inside(commit: Commit, root: Path) -> Path:
    """The folder that the source names; InputError where the commit does not have it."""
    place = root / commit.folder
    if not place.exists() or ".." in place.relative_to(root).parts:
        raise InputError("develop.read_no_folder_there", where=commit.source, folder=commit.folder)
    return place


def is_remote(source: str) -> bool:
    """Whether a source is a URL or a git repository, not a path."""
    return source.startswith(_WEB) or is_git(source)


def stand_in(name: str) -> str:
    """The folder that stands in for a remote source; empty without a name or the variable."""
    folder = os.environ.get(STAND_IN)
    return str(Path(folder) / name) if folder and name else ""


def is_fetched(source: str, cache: Path) -> bool:
    """Whether `fetch` would find the source in `cache`, as it was when it was fetched."""
    return _cached(_place(source, cache)[0])


def _place(source: str, cache: Path) -> tuple[Path, Commit | None]:
    """Where a source lies in the cache, and of a repository the commit."""
    commit = parse_git(source) if is_git(source) else None
    key, name = (commit.key, commit.name) if commit else (source, _name(source))
    return cache / hashed(key.encode()).hexdigest()[:16] / name, commit


def fetch(source: str, cache: Path) -> Path:
    """The file of a URL, or the folder of `git+https://host/owner/name@commit#folder`.

    Fetched into `cache` on first use, whole or not at all. A later use compares the content with
    its hash and needs no network; content that has changed is fetched again, and a note says so.
    InputError: no answer, an error of the host, a file over `SIZE_LIMIT`, a branch for a commit.
    """
    place, commit = _place(source, cache)
    if not _cached(place):
        place.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=place.parent, prefix=".fetch-") as temporary:
            fresh = Path(temporary) / place.name
            if commit:
                checkout(commit, fresh)
            else:
                _download(source, fresh)
            _keep(fresh, place, commit.key if commit else source)
    return _inside(commit, place) if commit else place


def read_source(
    source: str, include: Sequence[str], exclude: Sequence[str], cache: Path
) -> Iterator[Document]:
    """The documents of a file, a folder, a URL or a git repository (see `read_documents`)."""
    place = fetch(source, cache) if is_remote(source) else Path(source)
    yield from read_documents(place, include, exclude, source)


def _name(url: str) -> str:
    """The last part of a URL's path as a file name that is safe on this machine."""
    try:
        last = unquote(urlsplit(url).path).rsplit("/", 1)[-1]
    except ValueError as error:
        raise InputError("develop.read_bad_url", where=url, why=str(error)) from error
    return _UNSAFE.sub("_", last).lstrip(".")[-_LONGEST_NAME:] or "file"


def _cached(place: Path) -> bool:
    """Whether the content lies there as it was fetched; where it has changed a note says so."""
    noted = place.parent / NOTE
    if not (place.exists() and noted.is_file()):
        return False
    try:
        if json.loads(noted.read_text("utf-8"))["sha256"] == _hash(place):
            return True
    except (OSError, ValueError, KeyError, TypeError):
        noted.unlink(missing_ok=True)  # a note that cannot be read vouches for nothing
    note(say("develop.read_changed", path=place))
    return False


def _hash(place: Path) -> str:
    if place.is_file():
        return sha256(place)
    return digest(*(f"{name}\t{value}" for name, value in tree_sha256(place).items()))


def _keep(fresh: Path, place: Path, source: str) -> None:
    """Put a finished fetch in its place, then note its hash."""
    noted = place.parent / NOTE
    noted.unlink(missing_ok=True)
    if place.is_dir():
        shutil.rmtree(place)
    fresh.replace(place)
    write_text(noted, json.dumps({"source": source, "sha256": _hash(place)}, indent=2) + "\n")


def _download(url: str, target: Path) -> None:
    import httpx

    try:
        with httpx.stream(
            "GET", url, follow_redirects=True, timeout=_SECONDS, trust_env=trust_env(url)
        ) as response:
            response.raise_for_status()
            _write(response, target, url)
    except httpx.HTTPStatusError as error:
        status = error.response.status_code
        raise InputError("develop.read_http_status", where=url, status=status) from error
    except httpx.InvalidURL as error:
        raise InputError("develop.read_bad_url", where=url, why=str(error)) from error
    except httpx.HTTPError as error:
        why = str(error) or type(error).__name__
        raise InputError("develop.read_no_answer", where=url, why=why) from error


def _write(response: "httpx.Response", target: Path, url: str) -> None:
    stated = response.headers.get("content-length", "")
    total = int(stated) if stated.isdigit() else 0
    label = say("develop.read_downloading", name=target.name)
    size = 0
    _check_size(total, url)
    with target.open("wb") as stream, progress(label, total, say("formats.bytes")) as bar:
        for piece in response.iter_bytes():
            size += len(piece)
            _check_size(size, url)
            stream.write(piece)
            bar.update(response.num_bytes_downloaded - bar.n)


def _check_size(size: int, url: str) -> None:
    if size > SIZE_LIMIT:
        raise InputError("develop.read_big_file", where=url, limit=SIZE_LIMIT)
