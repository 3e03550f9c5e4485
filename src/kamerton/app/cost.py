"""What a run will cost: training on rows that are here already, and the time of all stages."""

from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from kamerton.app.needs import base_language
from kamerton.app.recipe import Part, Recipe
from kamerton.develop.settings import RowsSettings
from kamerton.formats.chat import ChatRow
from kamerton.formats.errors import InputError

SAMPLE = 2000
"""Rows that are made to tokens; of more as many, evenly taken, and the figures are scaled."""
Figures = dict[str, Any]
_EMBEDDED_WEIGHTS = 135e6
_STAGE_SECONDS = {"check": 8, "data": 3, "tune": 6, "export": 3, "compare": 8, "report": 4}
"""Of each stage before its own work begins: libraries load, and the embedded model."""
_EXPORT_SECONDS = 10
_TOKEN_SECONDS = 0.0043
"""Writing and comparing the embedded model's files, and a token that its answers may have. Fitted
to the museum recipe's smoke preset on two idle cores: 8, 3, 13, 13, 32 and 4 seconds a stage."""


def cost(recipe: Recipe, part: Part, data: RowsSettings, home: Path) -> Figures:
    """`training`: the estimate, of rows before repeats and leaks go; else `unknown`: why not.

    Reads the rows, the tokenizer and the shapes of the weights; loads no weights, asks nobody.
    """
    why = _unknown(recipe, part, data, home)
    if why:
        return {"unknown": why}
    rows, why = _rows(data, home, recipe.seed)
    training = _estimate(recipe, part, rows) if rows else None
    if training is None:
        return {"unknown": why or "filtered"}
    language = base_language(recipe.base, (row.answer for row in rows))
    return {"training": training, "language": language}


def _unknown(recipe: Recipe, part: Part, data: RowsSettings, home: Path) -> str:
    """Why it cannot be known yet; empty where it can."""
    from kamerton.develop import hub

    if part.tune.objective != "sft":
        return "objective"
    if data.synth is not None:
        return "synth"
    if not all(_is_here(data, number, home) for number, _ in enumerate(data.sources)):
        return "source"
    here = recipe.base == hub.EMBEDDED or any(Path(recipe.base).glob("*.safetensors"))
    return "" if here else "base"


def _is_here(data: RowsSettings, number: int, home: Path) -> bool:
    from kamerton.develop.data.sources.remote import stand_in

    source = data.sources[number]
    return (home / (stand_in(source.stand_in) or source.copy_at or source.name)).exists()


def _rows(data: RowsSettings, home: Path, seed: int) -> tuple[list[ChatRow], str]:
    """The training rows, without those that go whatever the others are; why there are none."""
    from kamerton.develop.data.rows.collect import unfit
    from kamerton.develop.data.rows.run import read, split

    quick = _without_names(data)
    # Without a teacher nothing is written: no folder is needed.
    found, _, share = read(quick, home, Path(), seed)
    said = {one.row.id: one.written for one in found}
    left = [one for one in found if not unfit(one.row, quick)]
    train = split(left, share, seed)[0]
    why = "held_out" if left else "filtered" if found else "empty"
    rows = [own if isinstance(own := said[row.id], ChatRow) else row for row in train]
    return rows, "" if rows else why


def _without_names(data: RowsSettings) -> RowsSettings:
    """Names are looked for by a language model: too slow for a plan, and few rows go by them."""
    kinds = [kind for kind in data.privacy.find if kind != "name"]
    privacy = data.privacy.model_copy(update={"find": kinds})
    return data.model_copy(update={"privacy": privacy})


def _estimate(recipe: Recipe, part: Part, rows: list[ChatRow]) -> Figures | None:
    """None where no row of a sample fits: of others one may."""
    from kamerton.develop.tune.estimate import estimate, steps

    every = -(-len(rows) // SAMPLE)
    sample = rows[::every]
    try:
        found = estimate(part.tune, recipe.base, sample)
    except InputError as error:
        if every == 1 or error.key != "develop.tune_none_left":
            raise
        return None
    scale = len(rows) / len(sample)
    count = round(found.rows * scale)
    scaled = replace(
        found,
        rows=count,
        tokens=round(found.tokens * scale),
        supervised_tokens=round(found.supervised_tokens * scale),
        truncated=round(found.truncated * scale),
        steps=steps(count, part.tune),
        seconds=round(found.seconds * scale),
    )
    return asdict(scaled) | {"read": len(rows), "sampled": len(sample)}


def stage_seconds(recipe: Recipe, counts: Figures) -> dict[str, int]:
    """About how many seconds each stage takes on two cores, by its name.

    `counts` are the figures of all adapters; empty where what a training costs is not known.
    """
    from kamerton.develop import hub
    from kamerton.develop.tune.estimate import parameters

    parts = counts.get("adapters", {})
    if not parts or not all("training" in part for part in parts.values()):
        return {}
    size = parameters(hub.folder(recipe.base)) / _EMBEDDED_WEIGHTS or 1.0
    seconds = {stage: float(_STAGE_SECONDS[stage]) for stage in ("check", "export", "report")}
    seconds["export"] += size * _EXPORT_SECONDS
    for name, part in recipe.parts.items():
        of = parts[name]
        own = {"data": 0.0, "tune": of["training"]["seconds"]}
        own["compare"] = size * _TOKEN_SECONDS * _answered_tokens(part, of)
        for does, work in own.items():
            seconds[recipe.stage(does, name)] = _STAGE_SECONDS[does] + work
    return {stage: round(value) for stage, value in seconds.items()}


def _answered_tokens(part: Part, counts: Figures) -> int:
    """The most tokens of all answers of an adapter's comparison."""
    settings = part.experiment
    if "dataset" not in counts:
        asked = settings.held_out_prompts + len(settings.prompts)
        return asked * settings.answer_tokens * (len(settings.arms) or 2)
    questions = sum(v for k, v in counts["dataset"].items() if k.endswith("_questions"))
    return int(questions) * int(counts["answers"]["limit"]) * (len(settings.arms) or 4)
