"""llama.cpp in a supervised child process, and how a model id becomes its adapter scales.

Its caches do not know adapters (ggml-org/llama.cpp#26207): a request that names no adapter gets
what the slot's last request left. So every request carries the whole list, explicitly.
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
from dataclasses import asdict, dataclass

from kamerton.formats.errors import InputError

_DEADLINE = 120.0
_LONGEST_PAUSE = 30.0
_LAST_LINES = 6


@dataclass(frozen=True)
class EngineSettings:
    """What the engine loads, and how wide it runs."""

    base: str
    adapters: tuple[str, ...]
    context: int
    """Tokens of each slot."""
    slots: int
    threads: int


class Engine:
    """One engine process; `watch` restarts it when it dies."""

    def __init__(self, settings: EngineSettings) -> None:
        self._settings = settings
        # A file without a name: a kill leaves nothing behind.
        self._log = tempfile.TemporaryFile()  # noqa: SIM115
        self._key = secrets.token_urlsafe()
        self._stopped = threading.Event()
        self._process: subprocess.Popen[str] | None = None
        self.address = ""
        self.starts = 0

    def start(self) -> None:
        """Start the process and wait until it has loaded; InputError when it cannot."""
        self._process = subprocess.Popen(
            [sys.executable, "-m", "kamerton.serve.engines.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
            start_new_session=True,  # Ctrl-C in the terminal is the parent's to handle
        )
        self._tell_settings(self._process)
        line = self._first_line(self._process)
        if not line:
            self._process.kill()
            self._process.wait()
            raise InputError(
                "serve.engine_failed", where=self._settings.base, why=self._last_words()
            )
        self.address = json.loads(line)["address"]
        self.starts += 1

    def _tell_settings(self, process: "subprocess.Popen[str]") -> None:
        assert process.stdin is not None
        with contextlib.suppress(BrokenPipeError):  # it died: no first line will tell so
            process.stdin.write(json.dumps(asdict(self._settings) | {"key": self._key}) + "\n")
            process.stdin.flush()

    def _first_line(self, process: "subprocess.Popen[str]") -> str:
        """The line with the address; empty where the process ends or hangs before it."""
        assert process.stdout is not None
        late = threading.Timer(_DEADLINE, process.kill)
        late.start()
        try:
            # The library may print to standard output too: ours is the line of JSON.
            for line in process.stdout:
                if line.startswith("{"):
                    return line
            return ""
        finally:
            late.cancel()

    def _last_words(self) -> str:
        written = os.pread(self._log.fileno(), os.fstat(self._log.fileno()).st_size, 0)
        lines = written.decode("utf-8", "replace").strip().splitlines()
        return " | ".join(line.strip() for line in lines[-_LAST_LINES:]) or "-"

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

    def watch(self) -> threading.Thread:
        """Restart the engine whenever it dies, with longer and longer pauses between failures."""
        thread = threading.Thread(target=self._keep_alive, daemon=True)
        thread.start()
        return thread

    def _keep_alive(self) -> None:
        pause = 0.2
        while not self._stopped.wait(pause if not self.alive else 0.2):
            if self.alive:
                pause = 0.2
                continue
            began = time.monotonic()
            with contextlib.suppress(InputError):  # it stands in the engine's log
                self.start()
            pause = (
                0.2 if time.monotonic() - began > _LONGEST_PAUSE else min(2 * pause, _LONGEST_PAUSE)
            )

    def stop(self) -> None:
        """End the process; no restart follows."""
        self._stopped.set()
        if self._process is not None:
            self._process.kill()
            self._process.wait()


def cores(threads: int) -> int:
    """Threads to use: those asked for, else all cores."""
    return threads or os.cpu_count() or 1


def scales(adapter: str | None, adapters: tuple[str, ...]) -> list[dict[str, float]]:
    """The full list of adapters with 1 for the one that is on and 0 for the others."""
    return [
        {"id": index, "scale": 1.0 if name == adapter else 0.0}
        for index, name in enumerate(adapters)
    ]
