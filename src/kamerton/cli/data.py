"""`kamerton data`: what one asks of datasets; here whether training rows hold what a test asks."""

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from kamerton.cli import check_data, feedback, search
from kamerton.cli.words import SUBCOMMANDS, print_json, table
from kamerton.formats.errors import InputError
from kamerton.formats.language import say

if TYPE_CHECKING:
    from kamerton.develop.data.leaks.check import Leak, Report
    from kamerton.formats.chat import ChatRow

app = typer.Typer(no_args_is_help=True, **SUBCOMMANDS)
app.command("preview", help="cli.help_data_preview")(check_data.preview)
app.command("check", help="cli.help_data_check")(check_data.check)
app.command("search", help="cli.help_data_search")(search.search)
app.command("feedback", help="cli.help_data_feedback")(feedback.feedback)
SHOWN = 20
_WIDEST = 48


@app.command("leaks", help="cli.help_data_leaks")
def leaks(
    train: Annotated[Path, typer.Argument(help="cli.arg_leaks_train")],
    held_out: Annotated[Path | None, typer.Argument(help="cli.arg_leaks_held_out")] = None,
    tests: Annotated[
        Literal["phrasing", "group"], typer.Option(help="cli.opt_leaks_tests")
    ] = "group",
    semantic: Annotated[float | None, typer.Option(help="cli.opt_leaks_semantic")] = None,
    against: Annotated[list[str] | None, typer.Option(help="cli.opt_leaks_against")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="cli.opt_json")] = False,
) -> None:
    """Print the leaks; exit 1 where one blocks a verdict."""
    from kamerton.develop.data.leaks import files
    from kamerton.develop.data.leaks.check import check, merged

    sets = _benchmarks(against or [])
    if held_out is None and not sets:
        raise InputError("cli.leaks_nothing_held_out")
    rows = files.read(train)
    reports = [check(rows, files.read(held_out), tests, semantic)] if held_out else []
    checked = dict(reports[0].checked) if reports else {"train": len(rows)}
    for name, tasks in sets.items():
        reports.append(check(rows, tasks, "group", semantic))
        checked[name] = len(tasks)
    report = merged(reports, checked)
    if as_json:
        print_json(report.model_dump())
    else:
        _show(report)
    raise typer.Exit(1 if report.blocking else 0)


def _benchmarks(against: list[str]) -> "dict[str, list[ChatRow]]":
    """Benchmarks named on the command line: `humaneval=FOLDER`, or a folder that holds several."""
    from kamerton.develop.data.leaks import files

    found: dict[str, list[ChatRow]] = {}
    for given in against:
        name, separator, place = given.partition("=")
        if separator:
            found[name] = files.benchmark(name, Path(place))
        else:
            found |= files.benchmarks(Path(given))
    return found


def _show(report: "Report") -> None:
    """At most `SHOWN` leaks, blocking and most alike ones first; their number; the verdict."""
    marked = [(say("cli.leaks_blocks"), leak) for leak in sorted(report.blocking, key=_unlike)]
    marked += [(say("cli.leaks_told"), leak) for leak in sorted(report.printed, key=_unlike)]
    if marked:
        header = tuple(say("cli.leaks_columns").split("|"))
        typer.echo(table([header, *(_cells(mark, leak) for mark, leak in marked[:SHOWN])]))
    if len(marked) > SHOWN:
        typer.echo(say("cli.leaks_more", count=len(marked) - SHOWN))
    typer.echo(say("cli.leaks_checked", counts=_counted(report.checked)))
    for key, found in (("blocking", report.blocking), ("printed", report.printed)):
        levels = Counter(f"{leak.level}/{leak.side}" for leak in found)
        typer.echo(say(f"cli.leaks_{key}", count=len(found), levels=_counted(levels) or "—"))
    rows = len({leak.held_out for leak in report.blocking})
    typer.echo(say("cli.leaks_leaky", rows=rows) if rows else say("cli.leaks_clean"))


def _unlike(leak: "Leak") -> float:
    return -leak.similarity


def _cells(mark: str, leak: "Leak") -> tuple[str, ...]:
    ids = (_short(leak.held_out), leak.side, leak.level, _short(leak.seen_in))
    return (mark, *ids, f"{leak.similarity:.2f}")


def _short(name: str) -> str:
    """An id of one line that leaves room for the others; its end tells most."""
    line = " ".join(name.split())
    return line if len(line) <= _WIDEST else f"…{line[1 - _WIDEST :]}"


def _counted(counts: dict[str, int]) -> str:
    return ", ".join(f"{name} {count}" for name, count in counts.items())
