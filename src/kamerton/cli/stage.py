"""`kamerton stage NAME`: one stage in its own process, as `kamerton run` starts it."""

from typing import Annotated

import typer

from kamerton.app.jobs import run_stage
from kamerton.app.stages import Job
from kamerton.formats.manifest import StageName
from kamerton.pipeline.child import die_with_parent


def stage(
    name: Annotated[str, typer.Argument(help="cli.arg_stage")],
    job: Annotated[str, typer.Argument(help="cli.arg_job")],
) -> None:
    """Run one stage; its outputs go where the job says."""
    die_with_parent()
    run_stage(StageName(name), Job.model_validate_json(job))
