"""`kamerton data feedback`: rated answers to training rows, held-out votes kept apart for good."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Literal

import typer

from kamerton.cli.words import print_json
from kamerton.formats.feedback import FeedbackRow
from kamerton.formats.jsonl import read_rows


def feedback(
    ratings: Annotated[Path, typer.Argument(help="cli.arg_ratings")],
    out: Annotated[Path, typer.Argument(help="cli.arg_feedback_out")],
    form: Annotated[Literal["sft", "dpo", "kto"], typer.Option(help="cli.opt_form")] = "dpo",
    held_out: Annotated[
        float, typer.Option("--held-out", min=0, max=0.9, help="cli.opt_feedback_held_out")
    ] = 0.2,
    seed: Annotated[int, typer.Option(help="cli.opt_seed")] = 7,
    as_json: Annotated[bool, typer.Option("--json", help="cli.opt_json")] = False,
) -> None:
    """Write train.jsonl, held_out.jsonl and feedback.json into a folder."""
    from kamerton.develop.data.feedback import convert, write

    converted = convert(read_rows(ratings, FeedbackRow), form, held_out, seed)
    write(converted, out)
    if as_json:
        print_json(asdict(converted.report))
    else:
        typer.echo(str(out))
