"""`kamerton data`: what rules cost, what must be mended, what leaks, what retrieval finds."""

import re
from collections import Counter, defaultdict
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from kamerton.cli.help import SUBCOMMANDS
from kamerton.cli.words import print_json
from kamerton.formats.errors import InputError
from kamerton.formats.feedback import FeedbackRow
from kamerton.formats.jsonl import read_rows
from kamerton.formats.language import label, say
from kamerton.formats.progress import note
from kamerton.formats.retrieval import DEFAULT, How
from kamerton.formats.table import aligned

if TYPE_CHECKING:
    from kamerton.develop.data.corpus.run import Cost
    from kamerton.develop.data.leaks.check import Leak, Report
    from kamerton.formats.chat import ChatRow

app = typer.Typer(no_args_is_help=True, **SUBCOMMANDS)
SHOWN = 20
_WIDEST, _FILES = 48, 3


@app.command("preview", help="cli.help_data_preview")
def preview(
    recipe: Annotated[str, typer.Argument(help="cli.arg_recipe")],
    preset: Annotated[str | None, typer.Option(help="cli.opt_preset")] = None,
    sets: Annotated[list[str] | None, typer.Option("--set", help="cli.opt_set")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="cli.opt_json")] = False,
) -> None:
    """Print what each rule of a corpus recipe would cost; nothing is written."""
    from kamerton.app.chain import link
    from kamerton.app.kinds import kind_of
    from kamerton.app.recipe import find

    given = link(find(recipe), preset, tuple(sets or ()))
    costs_of = kind_of(given.recipe.data).preview
    if costs_of is None:
        raise InputError("cli.preview_needs_corpus", where=str(given.path))
    costs = costs_of(given.recipe.data, given.home)
    if as_json:
        print_json([cost.model_dump() | {"share": round(cost.share, 4)} for cost in costs])
        return
    typer.echo(aligned(_costs(costs)))


def _costs(costs: list["Cost"]) -> list[tuple[str, ...]]:
    """Each rule with its characters and the files that it costs most, as a share of the file."""
    by_rule: dict[tuple[bool, str], list[Cost]] = defaultdict(list)
    for cost in costs:
        by_rule[cost.drops, cost.rule].append(cost)
    rows = [tuple(say(f"cli.preview_{name}") for name in ("rule", "characters", "files"))]
    ordered = sorted(by_rule, key=lambda key: (key[1] == "naive", key))  # the naive rule last
    for takes, rule in ordered:
        of = by_rule[takes, rule]
        key = "cli.preview_naive" if rule == "naive" else None
        words = say(key or f"develop.card_{'dropped' if takes else 'repair'}_{rule}")
        worst = sorted(of, key=lambda c: -c.share)[:_FILES]
        files = ", ".join(f"{c.document} {100 * c.share:.1f} %" for c in worst)
        rows.append((words, str(sum(c.characters for c in of)), files))
    return rows


@app.command("check", help="cli.help_data_check")
def check(
    run: Annotated[str, typer.Argument(help="cli.arg_run")],
    as_json: Annotated[bool, typer.Option("--json", help="cli.opt_json")] = False,
) -> None:
    """Exit 1 where the dataset of a run has something that must be mended; say what."""
    from kamerton.app.runs import dataset_faults

    faults = dataset_faults(run)
    if as_json:
        print_json({"faults": faults})
    else:
        typer.echo("\n".join(faults) if faults else say("cli.data_good"))
    raise typer.Exit(1 if faults else 0)


@app.command("search", help="cli.help_data_search")
def search(
    run: Annotated[str, typer.Argument(help="cli.search_arg_run")],
    query: Annotated[str, typer.Argument(help="cli.search_arg_query")],
    count: Annotated[int, typer.Option("-k", "--count", min=1, help="cli.search_opt_count")] = 5,
    how: Annotated[How, typer.Option(help="cli.search_opt_how")] = DEFAULT,
    as_json: Annotated[bool, typer.Option("--json", help="cli.opt_json")] = False,
) -> None:
    """Print the passages of a run's index that suit a query, best first."""
    from kamerton.app.public import search as find

    hits = find(run, query, count, how)
    if as_json:
        print_json(hits.rows)
    elif hits:
        typer.echo(aligned(hits.cells))
    else:
        note(say("cli.search_nothing"))


@app.command("feedback", help="cli.help_data_feedback")
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

    sets: dict[str, list[ChatRow]] = {}
    for given in against:
        name, separator, place = given.partition("=")
        if separator:
            sets[name] = files.benchmark(name, Path(place))
        else:
            sets |= files.benchmarks(Path(given))
    return sets


def _show(report: "Report") -> None:
    """At most `SHOWN` leaks, blocking and most alike ones first; their number; the verdict."""
    marked = [(say("cli.leaks_blocks"), leak) for leak in sorted(report.blocking, key=_unlike)]
    marked += [(say("cli.leaks_told"), leak) for leak in sorted(report.printed, key=_unlike)]
    if marked:
        header = tuple(say("cli.leaks_columns").split("|"))
        typer.echo(aligned([header, *(_cells(mark, leak) for mark, leak in marked[:SHOWN])]))
    if len(marked) > SHOWN:
        typer.echo(say("cli.leaks_more", count=len(marked) - SHOWN))
    typer.echo(say("cli.leaks_checked", counts=_counted(report.checked)))
    for key, leaks in (("blocking", report.blocking), ("printed", report.printed)):
        levels = Counter(f"{leak.level}/{leak.side}" for leak in leaks)
        typer.echo(say(f"cli.leaks_{key}", count=len(leaks), levels=_counted(levels) or "—"))
    rows = len({leak.held_out for leak in report.blocking})
    typer.echo(say("cli.leaks_leaky", rows=rows) if rows else say("cli.leaks_clean"))


def _unlike(leak: "Leak") -> float:
    return -leak.similarity


def _cells(mark: str, leak: "Leak") -> tuple[str, ...]:
    where = f"{leak.level}/{leak.side}"
    ids = (_short(leak.held_out), *reversed(_named(where).split("/")), _short(leak.seen_in))
    return (mark, *ids, f"{leak.similarity:.2f}")


def _short(name: str) -> str:
    """An id of one line that leaves room for the others; its end tells most."""
    line = " ".join(name.split())
    return line if len(line) <= _WIDEST else f"…{line[1 - _WIDEST :]}"


def _counted(counts: dict[str, int]) -> str:
    return ", ".join(f"{_named(name)} {count}" for name, count in counts.items())


def _named(codes: str) -> str:
    """Codes such as `index:exact/prompt` as a reader calls them."""
    return re.sub(r"[^:/]+", lambda match: label("cli", "leak", match[0]), codes)
