"""The command line as tests call it."""

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
