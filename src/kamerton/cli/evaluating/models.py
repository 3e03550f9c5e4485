"""Which weights `--model` names: a base, a run, one adapter of a run, or a hub id."""

from pathlib import Path

from kamerton.formats.errors import InputError
from kamerton.pipeline import folder as folders


def located(model: str) -> tuple[str, str]:
    """Folders of a model's float weights and of the adapter on them, empty where there is none.

    `model` is a base as recipes name it, or RUN; RUN#NAME names one of several adapters.
    """
    from kamerton.develop import hub

    if model == hub.EMBEDDED or (Path(model) / "config.json").is_file():
        return hub.folder(model), ""
    run, _, name = model.partition("#")
    try:
        place = folders.resolve_run(run)
    except InputError as error:
        if error.key != "pipeline.unknown_run" or model.count("/") != 1:
            raise
        return _fetched(model), ""
    return _of_run(place, name)


def _of_run(run: Path, name: str) -> tuple[str, str]:
    from kamerton.cli.recipe import Recipe
    from kamerton.develop.tune import start
    from kamerton.formats.jsonl import read_text

    record = folders.read_run(run)
    recipe = Recipe.model_validate_json(read_text(run / folders.RECIPE))
    tuned = {s.partition("-")[2]: s for s in record.stages if s.partition("-")[0] == "tune"}
    stage = tuned.get(name) if name or len(tuned) != 1 else next(iter(tuned.values()))
    adapter = start.find(record.stage(run, stage)) if stage else None
    if adapter is None:
        names = ", ".join(filter(None, tuned)) or "-"
        raise InputError("cli.eval_no_adapter", where=str(run), name=name or "-", names=names)
    weights, _ = located(recipe.base)
    return weights, str(adapter)


def _fetched(hub_id: str) -> str:
    from huggingface_hub import snapshot_download

    try:
        return snapshot_download(hub_id, allow_patterns=["*.json", "*.safetensors", "*.model"])
    except (OSError, ValueError) as error:
        why = (str(error).splitlines() or [type(error).__name__])[0][:160]
        raise InputError("cli.eval_unreachable", where="--model", model=hub_id, why=why) from error
