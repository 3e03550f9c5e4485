"""The report of a finished run made again, with what a judge and people have said since."""

import shlex
from pathlib import Path
from tempfile import TemporaryDirectory

from kamerton.app.finished import Place
from kamerton.formats.jsonl import read_text, write_text

_OWN = ("data", "tune", "compare")
_ORDER = ("check", "data", "tune", "export", "compare")


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
