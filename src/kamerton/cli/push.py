"""`kamerton push`: a run's models, with the card of what was measured, to a folder or a hub."""

from pathlib import Path
from typing import Annotated

import typer

from kamerton.formats.errors import InputError
from kamerton.formats.jsonl import read_text
from kamerton.formats.language import say
from kamerton.pipeline.folder import RunRecord, read_run, resolve_run

HUB = "hf:"
KEPT = ("base.gguf", "index", "manifest.json", "events.jsonl")
"""Of an export stays here: the base that others have too, passages of the team's own texts, and
the stage's record and events, which name files of this machine."""


def push(
    run: Annotated[str, typer.Argument(help="cli.arg_run")],
    target: Annotated[str, typer.Argument(help="cli.arg_push_target")],
) -> None:
    """Write the adaptations, their proofs and the model card to a folder or to `hf:OWNER/NAME`."""
    from kamerton.develop.export.publish import joined, publish, upload

    place = resolve_run(run)
    files = _files(place, read_run(place))
    card = joined([read_text(path) for path in sorted(place.glob("*model_card.md"))])
    if target.startswith(HUB):
        typer.echo(upload(files, card, target.removeprefix(HUB)))
        return
    publish(files, card, Path(target))
    typer.echo(say("cli.pushed", path=target))


def _files(place: Path, record: RunRecord) -> dict[str, Path]:
    """Name in the target to file or folder of the run."""
    found = _pretrained(place, record) | _tuned(place, record)
    if not found:
        raise InputError("cli.nothing_to_push", where=str(place))
    shown = [p for name in ("report.html", "summary.json") for p in place.glob(f"*{name}")]
    return found | {path.name: path for path in shown}


def _pretrained(place: Path, record: RunRecord) -> dict[str, Path]:
    if "pretrain" not in record.stages:
        return {}
    folder = record.stage(place, "pretrain")
    return {"model": folder / "model", "pretraining.json": folder / "pretraining.json"}


def _tuned(place: Path, record: RunRecord) -> dict[str, Path]:
    """Adapters or models as the trainer wrote them, and all that the engines read.

    That is GGUF files; of soft prompts their folders, NAME/, and the float base that they need,
    weights/; and merged/, where the recipe asked for it.
    """
    if "export" not in record.stages:
        return {}
    exported = record.stage(place, "export")
    engine = {p.name: p for p in exported.iterdir() if p.name not in KEPT}
    trained = {}
    for adapter, tuned in record.by_adapter(place, "tune").items():
        for made in ("adapter", "model"):
            if (tuned / made).is_dir():
                trained[f"{made}-{adapter}" if adapter else made] = tuned / made
    return trained | engine  # serving.json has the hashes of the engine's
