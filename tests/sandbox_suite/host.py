"""What hostile programs are after: secrets, services, a process of a host; and who has won."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from sandbox_suite import ENTRY, MARK, TEST, TOKEN, Attack

SECRET = "KAMERTON_SECRET"
_LAID_OUT = {"secret.txt", "socket"}

# Three ways in which judges have been built, all of them inside the process that they judge.
_IN_PROCESS = """
import contextlib, io, os, sys
result = []
try:
    with contextlib.redirect_stdout(io.StringIO()):
        exec(open(sys.argv[1]).read(), {})
    result.append("passed")
except BaseException:
    result.append("failed")
sys.stderr.write("IN-PROCESS " + result[0])
sys.stderr.flush()
os._exit(1)
"""
_EXIT_CODE = "import sys; exec(open(sys.argv[1]).read(), {'__name__': '__main__'})"


@dataclass
class Host:
    """A host with something to lose; new for each program."""

    outside: Path
    port: int
    victim: "subprocess.Popen[bytes]"

    def lost(self, said: str) -> bool:
        """Whether a program that said this, or any child that it left, has got what it wanted."""
        planted = {path.name for path in self.outside.iterdir()} != _LAID_OUT
        return MARK in said or TOKEN in said or planted or self.victim.poll() is not None


@contextmanager
def host(folder: Path) -> Iterator[Host]:
    """Lay a host out in an empty folder; its services listen as long as the context lasts."""
    outside = folder / "outside"
    outside.mkdir()
    (outside / "secret.txt").write_text(TOKEN)
    # Anyone may write here, so that only the box, not the user, keeps a program out.
    outside.chmod(0o777)
    (outside / "secret.txt").chmod(0o644)
    victim = subprocess.Popen(["sleep", "600"])
    os.environ[SECRET] = TOKEN  # it stays: several hosts may be laid out at once
    here = os.open(outside, os.O_RDONLY)
    with socket.create_server(("127.0.0.1", 0)) as tcp, _unix() as abstract, _unix() as named:
        port = tcp.getsockname()[1]
        abstract.bind(f"\0kamerton-{port}")
        abstract.listen()
        named.bind(f"/proc/self/fd/{here}/socket")  # paths of sockets are short
        named.listen()
        try:
            yield Host(outside, port, victim)
        finally:
            os.close(here)
            victim.kill()
            victim.wait()


def _unix() -> socket.socket:
    return socket.socket(socket.AF_UNIX)


def works_bare(attack: Attack, folder: Path) -> bool:
    """Whether an attack wins where there is no box."""
    with host(folder) as found:
        text = attack.program(found.outside, found.port, found.victim.pid)
        if attack.forges:
            return _deceives(text, folder)
        return found.lost(_said(["-"], folder, text)[1])


def _deceives(text: str, folder: Path) -> bool:
    """Whether one of three plain judges lets the candidate pass."""
    program = folder / "program.py"
    program.write_text(f"{text}\n{TEST}\ncheck({ENTRY})\n")
    _, said = _said(["-c", _IN_PROCESS, str(program)], folder)
    code, out = _said(["-c", _EXIT_CODE, str(program)], folder)
    return "IN-PROCESS passed" in said or code == 0 or "PASSED" in out


def _said(arguments: list[str], folder: Path, stdin: str = "") -> tuple[int, str]:
    # Its own session: a program that signals its group must not reach the tests.
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        input=stdin,
        capture_output=True,
        text=True,
        timeout=60,
        start_new_session=True,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr
