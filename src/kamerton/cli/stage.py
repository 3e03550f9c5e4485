"""`kamerton stage NAME`: one stage in its own process, as `kamerton run` starts it."""

from typing import Annotated

import typer

from kamerton.app.stages import run_stage
from kamerton.app.trip import Job
from kamerton.pipeline.child import die_with_parent


def stage(
    name: Annotated[str, typer.Argument(help="cli.arg_stage")],
    job: Annotated[str, typer.Argument(help="cli.arg_job")],
) -> None:
    """Run one stage; its outputs go where the job says."""
    die_with_parent()
    run_stage(name, Job.model_validate_json(job))
