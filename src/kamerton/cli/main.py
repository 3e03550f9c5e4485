"""The command `kamerton`: its commands, its language, and how errors end."""

import sys
from typing import Annotated, Any

import typer

from kamerton import __version__
from kamerton.cli import (
    board,
    data,
    doctor,
    evaluate,
    gate,
    grade,
    init,
    judge,
    push,
    rating,
    recipe,
    run,
    runs,
    sandbox,
    serve,
)
from kamerton.cli.help import SUBCOMMANDS, complaint, translate
from kamerton.cli.words import language_of, without_language
from kamerton.formats.errors import InputError
from kamerton.formats.language import choose, say
from kamerton.formats.progress import calm_libraries

INTERRUPTED = 130
_COMMANDS: dict[str, dict[str, Any]] = {
    "start": {"init": init.init, "doctor": doctor.doctor, "recipe": recipe.app, "data": data.app},
    "run": {"run": run.run, "runs": runs.app, "serve": serve.serve, "push": push.push},
    "verdict": {
        "compare": board.compare,
        "leaderboard": board.leaderboard,
        "gate": gate.gate,
        "judge": judge.judge,
        "rating": rating.app,
    },
    "score": {
        "eval": evaluate.evaluate,
        "grade": grade.grade,
        "sandbox": sandbox.app,
        "selfcheck": doctor.selfcheck,
    },
}
"""The commands, in the groups of the help."""


def _show_version(value: bool) -> None:
    if value:
        typer.echo(__version__)
        raise typer.Exit


def _options(
    language: Annotated[str | None, typer.Option("--lang", help="cli.opt_lang")] = None,
    version: Annotated[
        bool,
        typer.Option("--version", callback=_show_version, is_eager=True, help="cli.opt_version"),
    ] = False,
) -> None:
    choose(language)


def build() -> typer.Typer:
    """The Typer application with all commands; its helps are keys until `translate`."""
    app = typer.Typer(help="cli.help", no_args_is_help=True, **SUBCOMMANDS)
    app.callback()(_options)
    for group, commands in _COMMANDS.items():
        panel: Any = {"rich_help_panel": f"cli.group_{group}"}
        for name, does in commands.items():
            if isinstance(does, typer.Typer):
                app.add_typer(does, name=name, help=f"cli.help_{name}", **panel)
            else:
                app.command(name, help=f"cli.help_{name}", **panel)(does)
    app.command("stage", help="cli.help_stage", hidden=True)(run.stage)
    return app


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and end the process with its exit code."""
    given = sys.argv[1:] if arguments is None else arguments
    raise SystemExit(_guarded(given))


def _guarded(arguments: list[str]) -> int:
    """The exit code: 2 for what the user can mend, 130 for Ctrl-C, a stage's own for a stage."""
    from kamerton.pipeline.child import StageFailed

    calm_libraries()
    try:
        choose(language_of(arguments))
        return run_command(without_language(arguments))
    except InputError as error:
        _complain(str(error))
        return 2
    except StageFailed as error:
        _complain(str(error))
        return error.exit_code
    except (KeyboardInterrupt, typer.Abort):
        _complain(say("cli.interrupted"))
        return INTERRUPTED
    except BrokenPipeError:
        # The reader of our stdout (head, less) has left: nothing more to say to it.
        sys.stderr.close()
        return 0
    except Exception as error:
        return _full_disk(error)


def _full_disk(error: Exception) -> int:
    """Exit code 2 where the disk is full; any other error is ours and keeps its traceback."""
    from pathlib import Path

    from kamerton.pipeline.execute import check_space

    full = check_space(error, Path.cwd())
    if full is None:
        raise error
    _complain(str(full))
    return 2


def run_command(arguments: list[str]) -> int:
    """The exit code of one command; errors as they are raised."""
    command = typer.main.get_command(build())
    translate(command)
    try:
        return int(command.main(args=arguments, prog_name="kamerton", standalone_mode=False) or 0)
    except typer.TyperException as error:
        _complain(complaint(error))
        return int(getattr(error, "exit_code", 2))


def _complain(text: str) -> None:
    sys.stderr.write(text + "\n")
    sys.stderr.flush()


if __name__ == "__main__":
    main()
