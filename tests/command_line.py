"""The command line as tests call it."""

import subprocess
import sys
from pathlib import Path

import pytest

from kamerton.cli import main as command_line


def call(*arguments: object) -> int:
    """The exit code of `kamerton ARGUMENTS`, run in this process."""
    with pytest.raises(SystemExit) as end:
        command_line.main([str(argument) for argument in arguments])
    return int(end.value.code or 0)


def unguarded(*arguments: object) -> int:
    """As `call`, with errors as they are raised."""
    return command_line.run_command([str(argument) for argument in arguments])


def kamerton(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """`kamerton WORDS` in a process of its own, in a folder."""
    program = [sys.executable, "-m", "kamerton.cli.main", *words]
    return subprocess.run(program, cwd=folder, capture_output=True, text=True, check=False)
