"""What a judge or people said about a run, told with the page that was made again."""

from typing import TYPE_CHECKING

import typer
from pydantic import BaseModel

from kamerton.app.runs import Place, report_again
from kamerton.cli.words import print_json
from kamerton.formats.language import say
from kamerton.formats.progress import note

if TYPE_CHECKING:
    from kamerton.experiment.report.feedback import Feedback


def tell_again(
    place: Place, why: str, report: BaseModel, feedback: "Feedback", file: str, as_json: bool
) -> None:
    """Print what was found, after why it claims nothing, with the page made again.

    `file` in the run's folder holds the figures where the run has no page.
    """
    from kamerton.experiment.report.feedback import text
    from kamerton.experiment.report.words import reason

    if why:
        note(say("experiment.no_claims", why=reason(why, "why")))
    page = report_again(place)
    if as_json:
        print_json(report.model_dump(mode="json"))
        return
    typer.echo(text(feedback))
    typer.echo(say("cli.report_lies", path=page or place.out / file))
