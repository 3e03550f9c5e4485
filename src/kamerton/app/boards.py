"""Finished runs beside each other: compared by name, or ranked by what they were asked."""

from typing import TYPE_CHECKING

from kamerton.app.runs import Place, place_of, read
from kamerton.formats.errors import InputError
from kamerton.formats.progress import note
from kamerton.pipeline import folder as folders

if TYPE_CHECKING:
    from kamerton.experiment.board import Board
    from kamerton.experiment.finished import Finished
    from kamerton.experiment.slices import Slices


def compared_runs(names: list[str]) -> "tuple[Board, Slices]":
    """Each run against the first, and in which parts of the questions it got worse."""
    from kamerton.experiment.board import compared
    from kamerton.experiment.slices import slices

    places = [place_of(name) for name in names]
    finished = [read(place) for place in places]
    board = compared(finished)
    return board, slices(finished, _topics(places[0]), not board.why)


def leaderboards() -> "list[Board]":
    """One board for each set of held-out questions, of all runs that were asked them."""
    from kamerton.experiment.board import leaderboard
    from kamerton.experiment.finished import asked_of

    same: dict[tuple[str, str], list[Finished]] = {}
    for run in _finished():
        same.setdefault((asked_of(run), run.primary), []).append(run)
    return [leaderboard(runs) for runs in same.values()]


def _finished() -> "list[Finished]":
    """All runs that compared something, with each of their adapters."""
    finished = []
    for run in folders.all_runs(folders.ROOT):
        for summary in sorted(run.glob("*summary.json")):
            adapter = summary.name.removesuffix("summary.json").rstrip(".")
            try:
                finished.append(read(place_of(f"{run}#{adapter}" if adapter else str(run))))
            except InputError as error:  # one run that cannot be read does not hide the others
                note(str(error))
    return finished


def _topics(place: Place) -> dict[str, str]:
    """What each question of a guide is about, where its data stage still lies."""
    from kamerton.experiment.run import SETS, read_questions
    from kamerton.experiment.slices import topics_of

    data = place.stage("data")
    there = data is not None and any((data / f"{name}.jsonl").is_file() for name in SETS)
    return topics_of(read_questions(data)) if data is not None and there else {}
