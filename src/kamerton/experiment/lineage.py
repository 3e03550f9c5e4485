"""What a tuned model was trained on, found by its lineage, and whether that allows a verdict.

A training names its dataset (`parents` of its manifest), a dataset has `leaks.json`, and a training
that continues from an adapter (`start_from`) has that adapter's dataset behind it as well. Without
a leak report on the questions that were asked there is no verdict.
"""

import json
from collections.abc import Sequence
from pathlib import Path

from kamerton.formats.errors import InputError
from kamerton.formats.jsonl import read_text
from kamerton.formats.manifest import StageName, read
from kamerton.formats.scores import Summary, Verdict
from kamerton.formats.serving import BASE, RAG

LEAKS = "leaks.json"
MISSING, BLOCKING, START = "leaks_missing", "leaks_blocking", "leaks_start"
OTHERS = "leaks_others"
"""Codes of the reasons; their texts are `experiment.why_…`."""
UNPROVED: Verdict = "not enough evidence"
_HELD_OUT = ("known.jsonl", "unknown.jsonl", "safety.jsonl", "held_out.jsonl")
_DATA, _TUNE, _ADAPTER = "data", "tune", "adapter"


def of_dataset(data: Path) -> str:
    """Why a dataset's leaks allow no verdict, as a code or `code: figure`; empty where they do.

    InputError where `leaks.json` is no leak report.
    """
    path = data / LEAKS
    if not path.is_file():
        return MISSING
    try:
        blocking = json.loads(read_text(path))["blocking"]
    except (json.JSONDecodeError, KeyError, TypeError) as error:
        raise InputError("experiment.bad_leaks", where=str(path)) from error
    return f"{BLOCKING}: {len(blocking)}" if blocking else ""


def of_training(tune: Path) -> str:
    """The same of all that the adapter of a finished tune stage has been trained on."""
    data = _dataset_of(tune)
    return MISSING if data is None else of_dataset(data) or of_start(tune, data)


def of_start(tune: Path, data: Path) -> str:
    """The same of what the adapter was trained on before, where it continues from another one.

    The earlier leak report is about the earlier test set: it counts where `data`, the dataset of
    this training, asks just the same. Else, or where the earlier dataset is not found, nobody has
    looked whether this test set was trained on then.
    """
    manifest = read(tune)
    section = manifest.settings.get(_TUNE) if manifest else None
    start = str(section.get("start_from") or "") if isinstance(section, dict) else ""
    if not start:
        return ""
    named = Path(start)
    stage = named.parent if named.name == _ADAPTER else named
    for earlier in (stage, tune.parent / stage.name):
        before = _dataset_of(earlier)
        if before is not None and _held_out(before) and _held_out(before) == _held_out(data):
            return of_dataset(before) or of_start(earlier, before)
    return f"{START}: {start}"


def of_comparison(data: Path, tune: Path | None, arms: Sequence[str], name: str) -> str:
    """The same of all that was compared: other adapters, the dataset, what the training began from.

    `data` and `tune` are the outputs of the stages that made the adapter `name`.
    """
    return of_others(arms, name) or of_dataset(data) or (of_start(tune, data) if tune else "")


def of_others(arms: Sequence[str], name: str) -> str:
    """The same of arms that are neither the base nor the adapter `name` of this recipe.

    They were trained on another dataset, whose leak report knows nothing of these questions.
    """
    others = [arm for arm in arms if arm.removesuffix(RAG) not in {BASE, name}]
    return f"{OTHERS}: {', '.join(others)}" if others else ""


def silenced(summary: Summary, why: str) -> Summary:
    """The summary without verdicts where there is a reason; figures stay. As it is without one."""
    if not why:
        return summary
    unproved = [one.model_copy(update={"verdict": UNPROVED}) for one in summary.comparisons]
    withheld = {"claims_verdict": False, "why_no_verdict": why, "comparisons": unproved}
    return summary.model_copy(update=withheld)


def _dataset_of(tune: Path) -> Path | None:
    """The outputs of the data stage that a tune stage names; None where that is not known."""
    manifest = read(tune)
    for name, hash12 in (manifest.parents if manifest else {}).items():
        if StageName(name).does == _DATA:
            return tune.parent / f"{name}-{hash12}"
    return None


def _held_out(data: Path) -> dict[str, str]:
    """What a dataset holds out: its manifest's hashes of the files."""
    manifest = read(data)
    outputs = manifest.outputs if manifest else {}
    return {name: outputs[name] for name in _HELD_OUT if name in outputs}
