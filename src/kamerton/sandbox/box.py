"""One box: bubblewrap with everything unshared, as nobody, with limits and a seccomp filter.

What each part is for:

- setpriv (only where we are root): the box is put up and lived in by uid 65534. As root the limit
  on processes does nothing, and files of root would be its own.
- unshare and mount: a namespace of our own, only to mount the box's /tmp, since bwrap can bound
  its bytes and not the number of its files.
- bwrap: no network, no processes, no IPC, no files but /usr, a few of /dev and that small /tmp. No
  /proc. The root of a box is a tmpfs of no bounded size, so it is made read-only in the end.
- prlimit, inside, so that processes are counted in the user namespace of the box alone.
- The program is process 1 of the box: all others end with it, and the hard limit on CPU time still
  kills it. `wait4` gives the CPU time of those it has waited for; the kernel forgets that of all
  others, so while a box works we read what each of its processes has taken.
"""

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from kamerton.formats.errors import InputError
from kamerton.sandbox.filter import program as seccomp
from kamerton.sandbox.limits import Limit, Limits
from kamerton.sandbox.python import interpreter

NOBODY = 65534
ENVIRONMENT = {
    "PATH": "/usr/local/bin:/usr/bin:/bin",
    "HOME": "/tmp",
    "LANG": "C.UTF-8",
    "TZ": "UTC",
    # Sets and dicts come out in one order, so that a score can be had again.
    "PYTHONHASHSEED": "0",
}
_UNSHARED = (
    *("--unshare-all", "--unshare-user", "--disable-userns", "--cap-drop", "ALL"),
    *("--uid", str(NOBODY), "--gid", str(NOBODY)),
    *("--new-session", "--die-with-parent", "--as-pid-1", "--clearenv", "--hostname", "box"),
    *("--ro-bind", "/usr", "/usr"),
    *("--symlink", "usr/bin", "/bin", "--symlink", "usr/sbin", "/sbin"),
    *("--symlink", "usr/lib", "/lib", "--symlink", "usr/lib64", "/lib64"),
    *("--ro-bind-try", "/etc/ld.so.cache", "/etc/ld.so.cache"),
    *("--ro-bind-try", "/etc/alternatives", "/etc/alternatives"),
)
_MANAGERS = ("apt-get install", "dnf install", "zypper install", "pacman -S", "apk add")
_DEVICES = ("null", "zero", "random", "urandom")
# RLIMIT_CPU goes by ticks, which run ahead on a busy virtual machine (a process was killed at 0.74
# of its second); wait4 is exact, and decides. So the kernel kills later, and what it has killed
# need only be somewhere near.
_NEARLY = 0.5
_LOOK_SECONDS = 0.1
"""How often the processes of a box are looked at while it works."""
_BUSY_MACHINE = 60
"""How many times its wall clock a box may take that always wants a processor."""


@dataclass(frozen=True)
class Usage:
    """What the kernel counted of a box that has ended."""

    exit: int
    cpu_seconds: float


@cache
def tool(name: str) -> str:
    """The path of a program that boxes need. Raises InputError with the command to install it."""
    found = shutil.which(name)
    if found is None:
        package = "bubblewrap" if name == "bwrap" else "util-linux"
        manager = next((one for one in _MANAGERS if shutil.which(one.split()[0])), _MANAGERS[0])
        sudo = "" if os.geteuid() == 0 else "sudo "
        raise InputError("sandbox.missing", tool=name, command=f"{sudo}{manager} {package}")
    return found


def command(limits: Limits, files: Mapping[str, int], filter_fd: int) -> list[str]:
    """The command that puts up a box; the program of the box comes after it.

    `files`: path in the box to an inherited descriptor that holds the text of that file.
    """
    python = interpreter()
    line = []
    if os.geteuid() == 0:  # an ordinary user is nobody already
        ids = ["--reuid", str(NOBODY), "--regid", str(NOBODY), "--clear-groups"]
        line = [tool("setpriv"), *ids, "--no-new-privs", "--inh-caps=-all", "--bounding-set=-all"]
    options = f"mode=0755,size={limits.disk_bytes},nr_inodes={limits.files}"
    mount = f'{tool("mount")} -n -t tmpfs -o {options} tmpfs /tmp && exec "$@"'
    line += [tool("unshare"), "--user", "--map-root-user", "--mount", "/bin/sh", "-c", mount, "sh"]
    line += [tool("bwrap"), *_UNSHARED]
    for here, inside in python.binds:
        line += ["--ro-bind", here, inside]
    for folder in python.hidden:
        line += ["--size", "4096", "--tmpfs", folder, "--remount-ro", folder]
    for name in _DEVICES:
        line += ["--dev-bind", f"/dev/{name}", f"/dev/{name}"]
    for path, descriptor in files.items():
        line += ["--perms", "0555", "--ro-bind-data", str(descriptor), path]
    line += ["--bind", "/tmp", "/tmp", "--remount-ro", "/"]
    for name, value in ENVIRONMENT.items():
        line += ["--setenv", name, value]
    return [*line, "--chdir", "/tmp", "--seccomp", str(filter_fd), "--", *_limited(limits)]


def _limited(limits: Limits) -> list[str]:
    return [
        tool("prlimit"),
        f"--cpu={limits.cpu_seconds + max(1, limits.cpu_seconds // 2)}",
        f"--as={limits.memory_bytes}",
        f"--nproc={limits.processes}",
        f"--fsize={limits.file_bytes}",
        f"--nofile={limits.open_files}",
        "--core=0",
        "--memlock=0",
        "--msgqueue=0",
        "--",
    ]


def memory_file(content: bytes) -> int:
    """A descriptor from which `content` is read, in memory; the caller closes it."""
    descriptor = os.memfd_create("kamerton")
    with open(descriptor, "wb", closefd=False) as stream:
        stream.write(content)
    os.lseek(descriptor, 0, os.SEEK_SET)
    return descriptor


class Box:
    """A box with one program in it, used once. Start, talk and wait from threads that live on.

    bwrap ends when the thread ends that started it.
    """

    def __init__(
        self,
        program: Sequence[str],
        limits: Limits,
        files: Mapping[str, bytes] | None = None,
        stdin: int = subprocess.DEVNULL,
        stderr: int = subprocess.DEVNULL,
    ) -> None:
        """Put up the box; it starts beside us. `files`: path in the box to content."""
        self.limits = limits
        self.started = time.monotonic()
        self._usage: Usage | None = None
        self._runnable = 0.0
        self._looked = self.started
        self._taken: dict[tuple[int, str], float] = {}
        descriptors = {path: memory_file(content) for path, content in (files or {}).items()}
        filter_fd = memory_file(seccomp())
        inherited = (*descriptors.values(), filter_fd)
        try:
            self.process = subprocess.Popen(
                [*command(limits, descriptors, filter_fd), *program],
                stdin=stdin,
                stdout=subprocess.PIPE,
                stderr=stderr,
                pass_fds=inherited,
                env={},
                cwd="/",
                bufsize=0,
            )
        finally:
            for descriptor in inherited:
                os.close(descriptor)

    def time_left(self, waited: float) -> float:
        """Seconds that its limits still give the box, once it was waited for so many.

        At most a tenth: whoever waits for the box asks again, so that its processes are looked at.
        By the clock, time in which a thread of the box runs or waits for a processor is not held
        against it: on a busy machine the limit of processor time comes first, as on an idle one.
        In all it gets at most `_BUSY_MACHINE` times the limit.
        """
        if time.monotonic() - self._looked >= _LOOK_SECONDS:
            self._look()
        if self.past_cpu:
            return 0.0
        limit = self.limits.wall
        if limit < waited < _BUSY_MACHINE * limit:
            # A process that has just ended tells nothing any more: what was seen of it stays.
            self._runnable = max(self._runnable, _runnable_seconds(self.process.pid))
            waited -= min(waited, self._runnable)
        return min(_LOOK_SECONDS, max(0.0, limit - waited))

    @property
    def past_cpu(self) -> bool:
        """Whether the processes of the box were seen to have taken all their CPU time."""
        return sum(self._taken.values()) >= self.limits.cpu_seconds

    def _look(self) -> None:
        """Read the CPU time of each process of the box; that of one which is gone stays as seen."""
        self._looked = time.monotonic()
        self._taken.update(_cpu_seconds(self.process.pid))

    def end(self, kill: bool) -> Usage:
        """Wait for its end, or bring it about, and give what it has spent; any number of times."""
        if self._usage is None:
            self._look()
            if kill:
                self._kill()
            _, status, used = os.wait4(self.process.pid, 0)
            self.process.returncode = os.waitstatus_to_exitcode(status)
            for stream in (self.process.stdin, self.process.stdout, self.process.stderr):
                if stream:
                    stream.close()
            code = self.process.returncode
            waited_for = used.ru_utime + used.ru_stime
            self._usage = Usage(
                exit=128 - code if code < 0 else code,
                cpu_seconds=max(waited_for, sum(self._taken.values())),
            )
        return self._usage

    def limit(self) -> Limit | None:
        """The limit that ended a box that has ended: CPU time or the length of a file."""
        spent = self.end(kill=False)
        if spent.exit == 128 + signal.SIGXFSZ:
            return "file"
        killed = spent.exit in (128 + signal.SIGKILL, 128 + signal.SIGXCPU)
        # One process alone is limited; several that together took more are past it as well.
        past = spent.cpu_seconds >= self.limits.cpu_seconds * (_NEARLY if killed else 1.0)
        return "cpu" if past else None

    def _kill(self) -> None:
        """Kill process 1 of the box, so that bwrap still tells us what was spent; else bwrap."""
        pid = self.process.pid
        for target in _children(pid) or [pid]:
            try:
                os.kill(target, signal.SIGKILL)
            except ProcessLookupError:
                # It has ended meanwhile, which is what is wanted.
                continue


def _children(pid: int) -> list[int]:
    try:
        return [
            int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        ]
    except OSError:  # it has ended
        return []


def _cpu_seconds(pid: int) -> dict[tuple[int, str], float]:
    """User and system seconds of a process and of each below it, by its id and time of start.

    From `stat` of proc(5), without the time of children.
    """
    taken: dict[tuple[int, str], float] = {}
    for child in _children(pid):
        taken |= _cpu_seconds(child)
    try:
        # The name stands in brackets before, and may hold blanks; the fields count from the third.
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:  # it has ended
        return taken
    user, system, start = fields[11], fields[12], fields[19]
    taken[pid, start] = (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")
    return taken


def _runnable_seconds(pid: int) -> float:
    """Seconds that the threads of a process and of all below it have run or waited for a processor.

    From `schedstat` of proc(5): nanoseconds on a processor, nanoseconds on a run queue. 0.0 where
    the kernel keeps no such figures.
    """
    seconds = sum(map(_runnable_seconds, _children(pid)))
    for schedstat in Path(f"/proc/{pid}/task").glob("*/schedstat"):
        try:
            running, waiting, _ = schedstat.read_text().split()
        except (OSError, ValueError):  # it has ended
            continue
        seconds += (int(running) + int(waiting)) / 1e9
    return seconds
