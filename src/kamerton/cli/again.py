"""The report of a finished run made again, with what a judge and people have said since."""

import shlex
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import typer
from pydantic import BaseModel

from kamerton.cli.finished import Place
from kamerton.cli.words import print_json
from kamerton.formats.jsonl import read_text, write_text
from kamerton.formats.language import say
from kamerton.formats.progress import note

if TYPE_CHECKING:
    from kamerton.experiment.voices import Voice

_OWN = ("data", "tune", "compare")
_ORDER = ("check", "data", "tune", "export", "compare")


def tell_again(
    place: Place, why: str, report: BaseModel, voice: "Voice", file: str, as_json: bool
) -> None:
    """Print what was found, after why it claims nothing, with the page made again.

    `file` in the run's folder holds the figures where the run has no page.
    """
    from kamerton.experiment.report.words import reason
    from kamerton.experiment.voices import text

    if why:
        note(say("experiment.no_claims", why=reason(why, "why")))
    page = report_again(place)
    if as_json:
        print_json(report.model_dump(mode="json"))
        return
    typer.echo(text(voice))
    typer.echo(say("cli.report_lies", path=page or place.out / file))


def report_again(place: Place) -> Path | None:
    """Write the run's page and card anew; the page's path, or None where the run has no page.

    Stages stay as they are: the page in the run's folder is a copy, and this is a newer one.
    """
    from kamerton.experiment.report.run import CARD, REPORT, ReportInputs, report

    page = place.run / f"{place.prefix}{REPORT}"
    stages = _stages(place)
    if not page.is_file() or not {"data", "compare"} <= stages.keys():
        return None
    made = [place.record.recipe_file, *place.record.options]
    name = place.adapter or place.record.recipe
    command = shlex.join(["kamerton", "run", *made])
    with TemporaryDirectory() as folder:
        report(ReportInputs(name, place.part, command, stages, place.out), Path(folder))
        for file in (REPORT, CARD):
            write_text(place.run / f"{place.prefix}{file}", read_text(Path(folder) / file))
    return page


def _stages(place: Place) -> dict[str, str]:
    """The stages that made one adapter, called as in a trip of its own, where they still lie."""
    names = {
        does: f"{does}-{place.adapter}" if place.adapter and does in _OWN else does
        for does in _ORDER
    }
    known = {
        d: place.record.stage(place.run, n) for d, n in names.items() if n in place.record.stages
    }
    return {does: str(folder) for does, folder in known.items() if folder.is_dir()}
