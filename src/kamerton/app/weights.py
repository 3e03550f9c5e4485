"""Which weights a model's name stands for: a base, a run, one adapter of a run, or a hub id."""

from pathlib import Path

from kamerton.formats.errors import InputError
from kamerton.pipeline import folder as folders

_TRAINING = ("pretrain", "tune")


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
    """Of a run that wrote a whole model (from scratch, or fully tuned) that model, else an adapter.

    InputError where the run has none of that name.
    """
    from kamerton.app.runs import recipe_of
    from kamerton.develop.tune import start

    stage = _trained(run, name)
    if (stage / "model" / "config.json").is_file():
        return str(stage / "model"), ""
    adapter = start.find(stage)
    if adapter is None:
        raise InputError("app.no_weights", where=str(run), folder=stage)
    weights, _ = located(recipe_of(run).base)
    return weights, str(adapter)


def _trained(run: Path, name: str) -> Path:
    """The outputs of the stage that trained the model of that name, or the only one."""
    record = folders.read_run(run)
    made = record.by_adapter(run, *_TRAINING)
    if not made:
        raise InputError("app.trained_nothing", where=str(run))
    if not name and len(made) == 1:
        return next(iter(made.values()))
    known = ", ".join(filter(None, made)) or "-"
    if not name:
        raise InputError("app.which_adapter", where=str(run), run=record.recipe, known=known)
    if name not in made:
        raise InputError("app.no_adapter", where=str(run), name=name, names=known)
    return made[name]


def _fetched(hub_id: str) -> str:
    from huggingface_hub import snapshot_download

    from kamerton.develop.hub import insist_reachable

    insist_reachable(hub_id)
    try:
        return snapshot_download(hub_id, allow_patterns=["*.json", "*.safetensors", "*.model"])
    except (OSError, ValueError) as error:
        why = (str(error).splitlines() or [type(error).__name__])[0][:160]
        raise InputError("app.no_such_model", where="--model", model=hub_id, why=why) from error
