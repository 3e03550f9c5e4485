"""One stage as a child process: started, waited for, and never left behind."""

import os
import signal
import subprocess
import sys
import threading
from contextlib import suppress

from kamerton.formats.language import say

GRACE_SECONDS = 5.0


class StageFailed(Exception):
    """A stage's process ended badly; its own message stands on stderr already."""

    def __init__(self, name: str, code: int) -> None:
        """Keep the stage's name and what its process returned."""
        self.name, self.code = name, code
        super().__init__(name, code)

    def __str__(self) -> str:
        """What happened and what to do, in the language in force."""
        if self.code < 0:
            return say("pipeline.stage_killed", name=self.name, signal=-self.code)
        return say("pipeline.stage_failed", name=self.name, code=self.code)

    @property
    def exit_code(self) -> int:
        """The code to end with: the child's own, or 128 and the signal's number."""
        return 128 - self.code if self.code < 0 else self.code


def run_child(name: str, command: list[str], lock: int) -> None:
    """Run one stage; StageFailed where it ends badly.

    Its stdout joins stderr, because stdout belongs to the data. It inherits the stage's lock.
    """
    sys.stderr.flush()
    try:
        output = sys.stderr.fileno()
    except (OSError, ValueError):  # a notebook's is no file, and its events tell the same
        output = subprocess.DEVNULL
    child = subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=output,
        stderr=output,
        start_new_session=True,
        pass_fds=(lock,),
    )
    try:
        code = child.wait()
    finally:
        _stop(child)
    if code:
        raise StageFailed(name, code)


def die_with_parent() -> None:
    """In a stage's process: end it, and what it started, when its parent is gone.

    The parent holds the other end of stdin; a parent that was killed closes it. A stage started
    by hand shares its caller's process group, which is not ours to end: nothing is watched then.
    """
    if os.getpgid(0) != os.getpid():
        return

    def watch() -> None:
        while os.read(0, 1024):
            continue
        os.killpg(os.getpgid(0), signal.SIGKILL)

    threading.Thread(target=watch, daemon=True).start()


def _stop(child: "subprocess.Popen[bytes]") -> None:
    """End the child's whole process group: politely, then for good."""
    if child.poll() is None:
        _signal_group(child.pid, signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            child.wait(GRACE_SECONDS)
    _signal_group(child.pid, signal.SIGKILL)
    child.wait()
    if child.stdin:
        child.stdin.close()


def _signal_group(group: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError):  # nobody of the group is left
        os.killpg(group, number)
