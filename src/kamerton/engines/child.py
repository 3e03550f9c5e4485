"""A worker process behind HTTP routes: started, watched, restarted and ended here.

Every worker keeps the same three rules. Its settings come as one line of JSON on standard input,
with the key that requests must carry: a command line, which everybody on the machine can read,
would show the key. Its first line of JSON on standard output is its address, written when it can
answer. It ends when its standard input closes: a parent that dies, by kill -9 too, leaves no
orphan.
"""

import contextlib
import json
import os
import secrets
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cached_property
from typing import TYPE_CHECKING, Any

from kamerton.client.hosts import trust_env
from kamerton.engines.http import HttpClient
from kamerton.engines.openai_api import readable
from kamerton.engines.protocol import Capabilities, Json, Request
from kamerton.formats.errors import InputError

if TYPE_CHECKING:
    import httpx

_DEADLINE = 120.0
_LONGEST_PAUSE = 30.0
_LAST_LINES = 6


class ChildProcess:
    """One worker process; `watch` restarts it when it dies."""

    def __init__(
        self, worker: str, settings: dict[str, Any], where: str, deadline: float = _DEADLINE
    ) -> None:
        """`worker` is the module to run, `where` the file that an error of its start names.

        `deadline`: seconds that loading may take.
        """
        self._worker, self._settings = worker, settings
        self._where, self._deadline = where, deadline
        # A file without a name: a kill leaves nothing behind.
        self._log = tempfile.TemporaryFile()  # noqa: SIM115
        self._key = secrets.token_urlsafe()
        self._stopped, self._lock = threading.Event(), threading.Lock()
        self._process: subprocess.Popen[str] | None = None
        self.address = ""
        self.starts = 0

    def start(self) -> None:
        """Start the process and wait until it has loaded; InputError when it cannot."""
        process = self._spawn()
        assert process.stdin is not None
        with contextlib.suppress(BrokenPipeError):  # it died: no first line will tell so
            process.stdin.write(json.dumps(self._settings | {"key": self._key}) + "\n")
            process.stdin.flush()
        line = self._first_line(process)
        if not line:
            process.kill()
            process.wait()
            log = os.pread(self._log.fileno(), os.fstat(self._log.fileno()).st_size, 0)
            lines = log.decode("utf-8", "replace").strip().splitlines()[-_LAST_LINES:]
            why = " | ".join(line.strip() for line in lines) or "-"
            raise InputError("engines.not_started", where=self._where, why=why)
        self.address = json.loads(line)["address"]
        self.starts += 1

    def _spawn(self) -> "subprocess.Popen[str]":
        with self._lock:  # no process begins behind the back of `stop`
            self._process = subprocess.Popen(
                [sys.executable, "-m", self._worker],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._log,
                text=True,
                start_new_session=True,  # Ctrl-C in the terminal is the parent's to handle
            )
            if self._stopped.is_set():
                self._process.kill()
            return self._process

    def _first_line(self, process: "subprocess.Popen[str]") -> str:
        """The line with the address; empty where the process ends or hangs before it."""
        assert process.stdout is not None
        late = threading.Timer(self._deadline, process.kill)
        late.start()
        try:
            # The library may print to standard output too: ours is the line of JSON.
            for line in process.stdout:
                if line.startswith("{"):
                    return line
            return ""
        finally:
            late.cancel()

    @property
    def api_key(self) -> str:
        """The key that requests must carry."""
        return self._key

    @property
    def headers(self) -> dict[str, str]:
        """What a request needs: the engine answers nobody but who started it."""
        return {"Authorization": f"Bearer {self._key}"}

    @property
    def pid(self) -> int:
        """Process id of the engine, for tests that kill it."""
        return self._process.pid if self._process else 0

    @property
    def alive(self) -> bool:
        """Whether the process runs."""
        return self._process is not None and self._process.poll() is None

    @cached_property
    def _client(self) -> "httpx.Client":
        import httpx

        return httpx.Client(trust_env=trust_env(self.address), timeout=600)

    def post(self, route: str, body: dict[str, Any]) -> Any:
        """The answer to one request, read from JSON; blocking, for whoever started the process."""
        answer = self._client.post(self.address + route, json=body, headers=self.headers)
        return answer.raise_for_status().json()

    def get(self, route: str) -> Any:
        """The same for a route without a body."""
        answer = self._client.get(self.address + route, headers=self.headers)
        return answer.raise_for_status().json()

    def watch(self) -> None:
        """Restart the engine whenever it dies, with longer and longer pauses between failures."""
        threading.Thread(target=self._keep_alive, daemon=True).start()

    def _keep_alive(self) -> None:
        pause = 0.2
        while not self._stopped.wait(pause if not self.alive else 0.2):
            if self.alive:
                pause = 0.2
                continue
            began = time.monotonic()
            with contextlib.suppress(InputError):  # it stands in the engine's log
                ChildProcess.start(self)  # what an engine learns once does not change
            pause = (
                0.2 if time.monotonic() - began > _LONGEST_PAUSE else min(2 * pause, _LONGEST_PAUSE)
            )

    def stop(self) -> None:
        """End the process; no restart follows."""
        with self._lock:
            self._stopped.set()
            if self._process is not None:
                self._process.kill()
                self._process.wait()


class ChildEngine(ChildProcess):
    """What engines in a child process have in common; how a request is placed is each one's own."""

    title: str
    capabilities: Capabilities

    @cached_property
    def _http(self) -> HttpClient:
        return HttpClient("the engine is starting again")

    async def complete(self, request: Request) -> Json:
        """One whole answer."""
        async with self._placed(request) as body:
            url = self.address + request.route
            return await self._http.complete(url, body, self.headers)

    async def stream(self, request: Request) -> AsyncIterator[Json]:
        """The chunks of an answer."""
        async with self._placed(request) as body:
            url = self.address + request.route
            async for chunk in self._http.stream(url, body, self.headers):
                yield chunk

    @asynccontextmanager
    async def _placed(self, request: Request) -> AsyncIterator[Json]:
        """The body for the process, once there is a place for the request, held until the end."""
        body = readable(request.body, self.capabilities, self.title)
        yield body | {"model": request.model}
