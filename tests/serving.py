"""A real server in a process of its own, for tests."""

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

# One thread: with models this small several would only wait for each other, and spin.
SCRIPT = """
import os
import signal
import sys
from pathlib import Path
from kamerton.serve.run import serve
from kamerton.serve.settings import ServeSettings
page = None
if sys.argv[4]:
    from kamerton.studio.app import mount
    page = lambda app, url, models: mount(app, url, models, ["hello there"])
signal.signal(signal.SIGINT, signal.default_int_handler)  # a background shell ignores it

def ready(base_url):
    Path(sys.argv[3] + ".part").write_text(base_url)
    os.replace(sys.argv[3] + ".part", sys.argv[3])

try:
    settings = ServeSettings(port=0, slots=int(sys.argv[2]), threads=1)
    serve(Path(sys.argv[1]), settings, page, ready)
except KeyboardInterrupt:
    sys.exit(130)
"""


@contextmanager
def served(folder: Path, slots: int = 4, page: bool = False) -> Iterator[tuple[str, int]]:
    """Base URL and process id of a server of `folder`; ended by Ctrl-C."""
    ready = folder / f"ready-{time.monotonic_ns()}"
    arguments = [str(folder), str(slots), str(ready), "page" if page else ""]
    child = subprocess.Popen([sys.executable, "-c", SCRIPT, *arguments], stderr=subprocess.PIPE)
    try:
        deadline = time.monotonic() + 300
        while not ready.is_file():
            assert child.poll() is None, child.stderr.read().decode() if child.stderr else ""
            assert time.monotonic() < deadline, "the server did not get ready"
            time.sleep(0.05)
        yield ready.read_text(), child.pid
    finally:
        child.send_signal(signal.SIGINT)
        child.wait(30)


def body(model: str, text: str, **more: object) -> dict[str, object]:
    """A greedy chat request of one turn."""
    turns = [{"role": "user", "content": text}]
    return {"model": model, "messages": turns, "temperature": 0.0, "max_tokens": 12, **more}


def post(base_url: str, model: str, text: str, **more: object) -> httpx.Response:
    """The gateway's reply to such a request."""
    asked = body(model, text, **more)
    return httpx.post(f"{base_url}/v1/chat/completions", json=asked, timeout=60)


def ask(base_url: str, model: str, text: str, **more: object) -> str:
    """The text of an answer."""
    answer = post(base_url, model, text, **more)
    assert answer.status_code == 200, answer.text
    found = answer.json()
    assert found["model"] == model
    return str(found["choices"][0]["message"]["content"])


def stream(base_url: str, model: str, text: str, **more: object) -> list[str]:
    """The pieces of an answer, as the OpenAI client gets them."""
    from openai import OpenAI

    client = OpenAI(base_url=f"{base_url}/v1", api_key="none")
    asked: Any = body(model, text, **more)
    chunks = client.chat.completions.create(**asked, stream=True)
    return [chunk.choices[0].delta.content or "" for chunk in chunks]


def children(pid: int) -> list[int]:
    """Process ids of the direct children of a process."""
    found = subprocess.run(["pgrep", "-P", str(pid)], capture_output=True, text=True, check=False)
    return [int(line) for line in found.stdout.split()]
