"""The server that the compare stage asks: a child process with a port of its own."""

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from kamerton.app.recipe import Recipe
from kamerton.formats.errors import InputError

_READY_SECONDS = 300.0


def slots_of(recipe: Recipe) -> int:
    """Answers computed at the same time: one where the same answers must come again."""
    return 1 if recipe.deterministic else recipe.serve.slots


@contextmanager
def serving(folder: Path, recipe: Recipe) -> Iterator[str]:
    """The base URL of a server of `folder` on a free port; ended with the block."""
    chosen = recipe.serve
    options = ["--slots", str(slots_of(recipe)), "--threads", str(recipe.threads or chosen.threads)]
    options += ["--passages", str(chosen.passages), "--retrieval", chosen.retrieval]
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
        raise InputError("app.server_failed", code=child.wait())
    finally:
        late.cancel()
