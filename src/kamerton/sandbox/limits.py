"""What a box may use, and how the program in it has ended."""

from dataclasses import dataclass
from typing import Literal

Limit = Literal["cpu", "wall", "memory", "file", "output"]
"""The limit that ended a program."""

MIB = 2**20


@dataclass(frozen=True)
class Limits:
    """Bounds of one box.

    CPU seconds decide, since a slow or busy machine must not change a score (evalplus#5); the wall
    clock is only there for what sleeps or waits. Memory is that of each process (its address
    space), so `processes` times as much is the most that a box can take.
    """

    cpu_seconds: int = 10
    """CPU time of all processes of the box together, whole seconds. It is killed somewhat later;
    past is past."""
    wall_seconds: float = 0.0
    """Time by the clock, without what the program waits for a processor; 0 means three times the
    CPU seconds and five more."""
    memory_bytes: int = 512 * MIB
    processes: int = 8
    """Processes and threads at one time."""
    file_bytes: int = 8 * MIB
    """The longest file that may be written."""
    disk_bytes: int = 16 * MIB
    """All that `/tmp`, the only writable folder, can hold; it lies in memory."""
    files: int = 4096
    """Files, folders and links that `/tmp` can hold: each takes about a KiB of the kernel's."""
    open_files: int = 64
    output_bytes: int = MIB
    """The most of stdout and of stderr each, and of one answer; more ends the box."""

    @property
    def wall(self) -> float:
        """The bound in seconds by the clock."""
        return self.wall_seconds or 3.0 * self.cpu_seconds + 5.0


@dataclass(frozen=True)
class Completed:
    """How a program ended."""

    exit: int
    """Its exit code; 128 and the number of the signal where one ended it."""
    stdout: str
    """UTF-8, cut at the limit; bytes that are none are replaced."""
    stderr: str
    cpu_seconds: float
    """User and system time, by the kernel: of the box's start, the program and its children, those
    it did not wait for as far as they were seen (ten times a second)."""
    wall_seconds: float
    limit: Limit | None
    """Which limit ended it; None where it ended by itself."""
