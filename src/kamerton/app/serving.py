"""Serving a run: what is served with which settings, and a server as a child process."""

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from kamerton.app.kinds import kind_of
from kamerton.app.recipe import Recipe
from kamerton.app.runs import recipe_of
from kamerton.formats.errors import InputError
from kamerton.formats.serving import FILE, RemoteServer
from kamerton.pipeline.folder import read_run, resolve_run
from kamerton.serve.settings import ServeSettings

_READY_SECONDS = 300.0


@dataclass(frozen=True)
class Served:
    """What `kamerton serve RUN` serves."""

    folder: Path | None
    """An exported model, with serving.json; None: other servers answer for every model."""
    settings: ServeSettings
    """Of the run's recipe."""
    examples: list[str]
    """Questions to try on the chat page."""


def served(run: str) -> Served:
    """The exported model of a run, of a folder, or of another server, named by its address.

    InputError where the run made none.
    """
    if run.startswith(("http://", "https://")):
        remote = RemoteServer(base_url=run)
        return Served(None, ServeSettings(remote=[remote]), [])
    if (Path(run) / FILE).is_file():
        return Served(Path(run), ServeSettings(), [])
    place = resolve_run(run)
    record = read_run(place)
    if "export" not in record.stages:
        raise InputError("app.nothing_to_serve", where=str(place))
    recipe = recipe_of(place)
    data = record.by_adapter(place, "data")
    examples = [
        question
        for name, part in recipe.parts.items()
        for question in kind_of(part.data).examples(data[name if recipe.adapters else ""])
    ]
    return Served(record.stage(place, "export"), recipe.serve, examples)


@contextmanager
def serving(folder: Path, recipe: Recipe) -> Iterator[str]:
    """The base URL of a server of an exported model on a free port; ended with the block."""
    chosen = recipe.serve
    options = ["--slots", str(recipe.slots), "--threads", str(recipe.threads or chosen.threads)]
    options += ["--passages", str(chosen.passages), "--retrieval", chosen.retrieval]
    with server(str(folder), *options) as base_url:
        yield base_url


@contextmanager
def server(run: str, *options: str) -> Iterator[str]:
    """The base URL of `kamerton serve RUN` in a process of its own, on a free port."""
    program = [sys.executable, "-m", "kamerton.cli.main", "serve", run]
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
        raise InputError("app.server_failed", code=child.wait())
    finally:
        late.cancel()
