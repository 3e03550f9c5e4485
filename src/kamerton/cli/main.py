"""The command `kamerton`: its commands, its language, and how errors end."""

import sys
from typing import Annotated, Any, cast

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
from kamerton.cli.words import SUBCOMMANDS, language_of, translate, without_language
from kamerton.formats.errors import InputError
from kamerton.formats.language import choose, say

INTERRUPTED = 130


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
    app.command("run", help="cli.help_run")(run.run)
    app.command("serve", help="cli.help_serve")(serve.serve)
    app.command("push", help="cli.help_push")(push.push)
    app.command("judge", help="cli.help_judge")(judge.judge)
    app.command("gate", help="cli.help_gate")(gate.gate)
    app.command("compare", help="cli.help_compare")(board.compare)
    app.command("leaderboard", help="cli.help_leaderboard")(board.leaderboard)
    app.command("eval", help="cli.help_eval")(evaluate.evaluate)
    app.command("grade", help="cli.help_grade")(grade.grade)
    app.command("selfcheck", help="cli.help_selfcheck")(doctor.selfcheck)
    app.command("init", help="cli.help_init")(init.init)
    app.command("doctor", help="cli.help_doctor")(doctor.doctor)
    app.command("stage", help="cli.help_stage", hidden=True)(run.stage)
    app.add_typer(recipe.app, name="recipe", help="cli.help_recipe")
    app.add_typer(runs.app, name="runs", help="cli.help_runs")
    app.add_typer(data.app, name="data", help="cli.help_data")
    app.add_typer(rating.app, name="rating", help="cli.help_rating")
    app.add_typer(sandbox.app, name="sandbox", help="cli.help_sandbox")
    return app


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and end the process with its exit code."""
    given = sys.argv[1:] if arguments is None else arguments
    raise SystemExit(_guarded(given))


def _guarded(arguments: list[str]) -> int:
    """The exit code: 2 for what the user can mend, 130 for Ctrl-C, a stage's own for a stage."""
    from kamerton.pipeline.child import StageFailed

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
        cast(Any, error).show()
        return int(getattr(error, "exit_code", 2))


def _complain(text: str) -> None:
    sys.stderr.write(text + "\n")
    sys.stderr.flush()


if __name__ == "__main__":
    main()
