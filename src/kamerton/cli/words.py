"""What commands share: `--lang`, JSON on stdout, and what was found out about a run."""

import json
import re
from typing import TYPE_CHECKING, Any

import typer

from kamerton.formats.errors import InputError
from kamerton.formats.language import LANGUAGES, say
from kamerton.formats.progress import note

if TYPE_CHECKING:
    from pydantic import BaseModel

    from kamerton.app.runs import Place
    from kamerton.experiment.report.feedback import Feedback

_CONTROLS = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]|\r(?!\n)")


def language_of(arguments: list[str]) -> str | None:
    """The value of `--lang`, read before the helps are made; InputError for an unknown one."""
    for place, argument in enumerate(arguments):
        name, separator, value = argument.partition("=")
        if name == "--lang":
            wanted = value if separator else "".join(arguments[place + 1 : place + 2])
            return _checked(wanted)
    return None


def without_language(arguments: list[str]) -> list[str]:
    """The arguments without `--lang`, which may stand before or after the command."""
    kept: list[str] = []
    skip = False
    for argument in arguments:
        if not skip and argument.partition("=")[0] != "--lang":
            kept.append(argument)
        skip = not skip and argument == "--lang"
    return kept


def _checked(language: str) -> str:
    if language not in LANGUAGES:
        raise InputError("cli.bad_language", language=language, known=", ".join(LANGUAGES))
    return language


def without_controls(text: str) -> str:
    r"""Text of an unknown program or model for a terminal: control characters come as `\u001b`.

    Escape codes could clear or rename the terminal, write into its clipboard or hide what stands
    there, and so could marks of direction; tabs and line ends remain.
    """
    return _CONTROLS.sub(lambda match: f"\\u{ord(match[0]):04x}", text)


def print_json(data: Any) -> None:
    """One JSON document on stdout."""
    text = json.dumps(data, ensure_ascii=False, indent=2, default=str)
    typer.echo(without_controls(text))


def tell_again(
    place: "Place", why: str, report: "BaseModel", feedback: "Feedback", file: str, as_json: bool
) -> None:
    """Print what was found, after why it claims nothing, with the page made again.

    `file` in the run's folder holds the figures where the run has no page.
    """
    from kamerton.app.runs import report_again
    from kamerton.experiment.report.feedback import plain_text
    from kamerton.experiment.report.words import no_claims

    if why:
        note(no_claims(why))
    page = report_again(place)
    if as_json:
        print_json(report.model_dump(mode="json"))
        return
    typer.echo(plain_text(feedback))
    typer.echo(say("cli.report_lies", path=page or place.out / file))
