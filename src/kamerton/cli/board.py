"""`kamerton compare` and `kamerton leaderboard`: several finished runs on the same questions."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from kamerton.app.runs import Place, place_of, read
from kamerton.formats.errors import InputError
from kamerton.formats.language import say
from kamerton.formats.progress import note
from kamerton.pipeline import folder as folders

if TYPE_CHECKING:
    from kamerton.experiment.board import Board
    from kamerton.experiment.export import Form
    from kamerton.experiment.finished import Finished
    from kamerton.experiment.slices import Slices


def compare(
    runs: Annotated[list[str], typer.Argument(help="cli.compare_arg_runs")],
    form: Annotated[str, typer.Option("--format", help="cli.opt_format")] = "text",
) -> None:
    """Print scores, verdicts against the first run, and where a run got worse."""
    from kamerton.experiment.board import compared
    from kamerton.experiment.export import exported
    from kamerton.experiment.slices import slices

    wanted = _form(form)
    places = [place_of(text) for text in runs]
    found = [read(place) for place in places]
    board = compared(found)
    parts = slices(found, _topics(places[0]), not board.why)
    typer.echo(exported(board, parts, wanted))
    if wanted == "text":
        typer.echo("\n" + "\n".join(_told(board, parts)))


def leaderboard(
    form: Annotated[str, typer.Option("--format", help="cli.opt_format")] = "text",
) -> None:
    """Print one table for each set of held-out questions: all runs that were asked them."""
    from kamerton.experiment.board import leaderboard as ranked
    from kamerton.experiment.export import exported

    wanted = _form(form)
    boards = [ranked(runs) for runs in _by_questions(_finished())]
    if not boards:
        raise InputError("cli.no_finished_runs", where=str(folders.ROOT))
    texts = [exported(board, None, wanted) for board in boards]
    typer.echo("[" + ",\n".join(texts) + "]" if wanted == "json" else "\n\n".join(texts))
    if wanted == "text":
        why = [_silence(board) for board in boards if board.why]
        typer.echo("\n".join(["", *dict.fromkeys(why), say("experiment.board_note")]))


def _form(text: str) -> "Form":
    from kamerton.experiment.export import FORMS

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


def _topics(place: Place) -> dict[str, str]:
    """What each question of a guide is about, where its data stage still lies."""
    from kamerton.experiment.run import SETS, read_questions
    from kamerton.experiment.slices import topics_of

    data = place.stage("data")
    there = data is not None and any((data / f"{name}.jsonl").is_file() for name in SETS)
    return topics_of(read_questions(data)) if data is not None and there else {}


def _told(board: "Board", parts: "Slices") -> list[str]:
    """Primary verdicts and every proved loss in words, then the parts in which a run got worse."""
    lines = [_silence(board)] if board.why else []
    for one in board.comparisons:
        if one.family == "primary" or one.verdict == "worse":
            code = one.verdict.replace(" ", "_")
            lines.append(
                say(
                    f"experiment.board_{code}",
                    arm=one.arm,
                    against=one.against,
                    criterion=say(f"experiment.criterion_{one.criterion}"),
                    held_out=say(f"experiment.set_{one.held_out}"),
                )
            )
    return [*lines, *_worse(parts)]


def _silence(board: "Board") -> str:
    from kamerton.experiment.report.words import reason

    return say("experiment.no_claims", why=reason(board.why, "why"))


def _worse(parts: "Slices") -> list[str]:
    from kamerton.experiment.report.words import points
    from kamerton.experiment.slices import name_of

    lines = [
        say(
            "experiment.slice_worse",
            run=one.label,
            part=name_of(one),
            effect=points(one.effect.mean),
            low=points(one.effect.low),
            high=points(one.effect.high),
            p=f"{one.p_holm:.3g}",
            questions=one.questions,
        )
        for one in parts.found
        if one.verdict == "worse"
    ]
    counts = {"tested": len(parts.found), "left_out": parts.left_out, "worse": len(lines)}
    return [*lines, say("experiment.slices_tested", **counts)]
