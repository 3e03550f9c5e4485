"""`kamerton serve`: the API and the chat page of a run."""

import json
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from kamerton.formats.retrieval import How

if TYPE_CHECKING:
    from fastapi import FastAPI

_EXAMPLES = 4


def serve(
    run: Annotated[str, typer.Argument(help="cli.arg_run")],
    host: Annotated[str | None, typer.Option(help="cli.opt_host")] = None,
    port: Annotated[int | None, typer.Option(min=0, max=65535, help="cli.opt_port")] = None,
    slots: Annotated[int | None, typer.Option(min=1, help="cli.opt_slots")] = None,
    threads: Annotated[int | None, typer.Option(min=0, help="cli.opt_threads")] = None,
    passages: Annotated[int | None, typer.Option(min=1, hidden=True)] = None,
    retrieval: Annotated[How | None, typer.Option(hidden=True)] = None,
    page: Annotated[bool, typer.Option(help="cli.opt_page")] = True,
    as_json: Annotated[bool, typer.Option("--json", help="cli.opt_serve_json")] = False,
) -> None:
    """Serve a run until Ctrl-C."""
    from kamerton.app.serving import served
    from kamerton.serve.run import serve as start

    what = served(run)
    given = {"host": host, "port": port, "slots": slots, "threads": threads, "passages": passages}
    given |= {"retrieval": retrieval}
    chosen = what.settings.model_copy(update={k: v for k, v in given.items() if v is not None})

    def mount(app: "FastAPI", base_url: str, models: list[str]) -> "FastAPI":
        from kamerton.studio.app import mount as mount_page

        return mount_page(app, base_url, models, what.examples)

    start(what.folder, chosen, mount if page else None, _print_ready if as_json else None)


def _print_ready(base_url: str) -> None:
    """One line, at once: whoever started us waits for it."""
    sys.stdout.write(json.dumps({"base_url": base_url}) + "\n")
    sys.stdout.flush()
