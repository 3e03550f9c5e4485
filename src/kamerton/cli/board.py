"""`kamerton compare` and `kamerton leaderboard`: several finished runs on the same questions."""

from typing import TYPE_CHECKING, Annotated

import typer

from kamerton.formats.errors import InputError
from kamerton.formats.language import say
from kamerton.pipeline.folder import ROOT

if TYPE_CHECKING:
    from kamerton.experiment.report.board import Form


def compare(
    runs: Annotated[list[str], typer.Argument(help="cli.compare_arg_runs")],
    form: Annotated[str, typer.Option("--format", help="cli.opt_format")] = "text",
) -> None:
    """Print scores, verdicts against the first run, and where a run got worse."""
    from kamerton.app.public import compare

    wanted = _form(form)
    board = compare(*runs)
    typer.echo(board if wanted == "text" else board.exported(wanted))


def leaderboard(
    form: Annotated[str, typer.Option("--format", help="cli.opt_format")] = "text",
) -> None:
    """Print one table for each set of held-out questions: all runs that were asked them."""
    from kamerton.app.boards import leaderboards
    from kamerton.experiment.report.board import exported
    from kamerton.experiment.report.words import no_claims

    wanted = _form(form)
    boards = leaderboards()
    if not boards:
        raise InputError("cli.no_finished_runs", where=str(ROOT))
    texts = [exported(board, None, wanted) for board in boards]
    typer.echo("[" + ",\n".join(texts) + "]" if wanted == "json" else "\n\n".join(texts))
    if wanted == "text":
        why = [no_claims(board.why) for board in boards if board.why]
        typer.echo("\n".join(["", *dict.fromkeys(why), say("experiment.board_note")]))


def _form(text: str) -> "Form":
    from kamerton.experiment.report.board import FORMS

    for form in FORMS:
        if form == text:
            return form
    raise InputError("cli.unknown_format", where="--format", name=text, known=", ".join(FORMS))
