"""`kamerton grade`: answers that were made elsewhere, graded as our own are."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from kamerton.cli.words import print_json
from kamerton.documents.tables import STDIN
from kamerton.formats.errors import InputError
from kamerton.formats.jsonl import insist_file, write_rows

if TYPE_CHECKING:
    from kamerton.experiment.tasks import Outcome


def grade(
    task: Annotated[str, typer.Argument(help="cli.grade_arg_task")],
    answers: Annotated[Path, typer.Argument(help="cli.grade_arg_answers")],
    data: Annotated[Path | None, typer.Option(help="cli.grade_opt_data")] = None,
    against: Annotated[Path | None, typer.Option(help="cli.grade_opt_against")] = None,
    max_unparsed: Annotated[
        float, typer.Option("--max-unparsed", min=0, max=1, help="cli.grade_opt_max_unparsed")
    ] = 0.2,
    k: Annotated[list[int] | None, typer.Option("--k", help="cli.grade_opt_k")] = None,
    scorer: Annotated[
        list[str] | None, typer.Option("--scorer", help="cli.grade_opt_scorer")
    ] = None,
    encoder: Annotated[str, typer.Option(help="cli.grade_opt_encoder")] = "",
    id_column: Annotated[str, typer.Option(help="cli.grade_opt_id_column")] = "",
    answer_column: Annotated[str, typer.Option(help="cli.grade_opt_answer_column")] = "",
    reference_column: Annotated[str, typer.Option(help="cli.grade_opt_reference_column")] = "",
    group_column: Annotated[str, typer.Option(help="cli.grade_opt_group_column")] = "",
    workers: Annotated[int, typer.Option(min=0, help="cli.grade_opt_workers")] = 0,
    out: Annotated[Path | None, typer.Option(help="cli.grade_opt_out")] = None,
    seed: Annotated[int, typer.Option(help="cli.grade_opt_seed")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="cli.opt_json")] = False,
) -> None:
    """Print a task's figures beside published ones; exit 1 where they are not to be trusted."""
    from kamerton.experiment.tasks import GRADED, TASKS, Columns, Options

    if task not in GRADED:
        raise InputError("app.grade_unknown_task", task=task, known=", ".join(GRADED))
    if out is not None:
        out = Path("/dev/stdout") if str(out) == STDIN else out
        insist_file(out)  # before the work, not after it
    options = Options(
        data=data,
        seed=seed,
        max_unparsed=max_unparsed,
        ks=tuple(k or ()),
        scorers=tuple(scorer or ()),
        encoder=encoder,
        columns=Columns(
            id=id_column, answer=answer_column, reference=reference_column, group=group_column
        ),
        workers=workers,
        out=out,
    )
    if against is None:
        outcome = TASKS[task].grade(answers, options)
    else:
        from kamerton.experiment.tasks.against import grade_against

        outcome = grade_against(TASKS[task], answers, against, options)
    if out is not None:
        write_rows(out, outcome.items)
    _show(task, outcome, as_json)


def _show(task: str, outcome: "Outcome", as_json: bool) -> None:
    from kamerton.experiment.tasks.published import lines, published
    from kamerton.formats.progress import note

    if as_json:
        print_json(outcome.figures | {"published": [one.model_dump() for one in published(task)]})
    else:
        typer.echo("\n".join([*outcome.lines, *lines(task)]))
    if outcome.complaint:
        note(outcome.complaint)
        raise typer.Exit(1)
