"""`kamerton compare` and `kamerton leaderboard`: several finished runs on the same questions."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from kamerton.app.public import compare as compared
from kamerton.app.runs import place_of, read
from kamerton.formats.errors import InputError
from kamerton.formats.language import say
from kamerton.formats.progress import note
from kamerton.pipeline import folder as folders

if TYPE_CHECKING:
    from kamerton.experiment.finished import Finished
    from kamerton.experiment.report.board import Form


def compare(
    runs: Annotated[list[str], typer.Argument(help="cli.compare_arg_runs")],
    form: Annotated[str, typer.Option("--format", help="cli.opt_format")] = "text",
) -> None:
    """Print scores, verdicts against the first run, and where a run got worse."""
    wanted = _form(form)
    board = compared(*runs)
    typer.echo(board if wanted == "text" else board.exported(wanted))


def leaderboard(
    form: Annotated[str, typer.Option("--format", help="cli.opt_format")] = "text",
) -> None:
    """Print one table for each set of held-out questions: all runs that were asked them."""
    from kamerton.experiment.board import leaderboard as ranked
    from kamerton.experiment.report.board import exported, silence

    wanted = _form(form)
    boards = [ranked(runs) for runs in _by_questions(_finished())]
    if not boards:
        raise InputError("cli.no_finished_runs", where=str(folders.ROOT))
    texts = [exported(board, None, wanted) for board in boards]
    typer.echo("[" + ",\n".join(texts) + "]" if wanted == "json" else "\n\n".join(texts))
    if wanted == "text":
        why = [silence(board) for board in boards if board.why]
        typer.echo("\n".join(["", *dict.fromkeys(why), say("experiment.board_note")]))


def _form(text: str) -> "Form":
    from kamerton.experiment.report.board import FORMS

    for form in FORMS:
        if form == text:
            return form
    raise InputError("cli.unknown_format", where="--format", name=text, known=", ".join(FORMS))


def _finished() -> "list[Finished]":
    """All runs that compared something, with each of their adapters."""
    found = []
    for run in folders.all_runs(folders.ROOT):
        place = str(run)
        for summary in sorted(run.glob("*summary.json")):
            adapter = summary.name.removesuffix("summary.json").rstrip(".")
            try:
                found.append(read(place_of(f"{place}#{adapter}" if adapter else place)))
            except InputError as error:  # one run that cannot be read does not hide the others
                note(str(error))
    return found


def _by_questions(runs: "Sequence[Finished]") -> "list[list[Finished]]":
    """Runs that were asked the same, in the order of their first ones."""
    from kamerton.experiment.finished import asked_of

    by: dict[tuple[str, str], list[Finished]] = {}
    for run in runs:
        by.setdefault((asked_of(run), run.primary), []).append(run)
    return list(by.values())
