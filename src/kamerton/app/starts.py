"""Adapters to continue from: `start_from` names a run or a folder, a stage is told the folder."""

from collections.abc import Collection
from pathlib import Path

from kamerton.app.recipe import Part, Recipe
from kamerton.develop.settings import TuneSettings
from kamerton.formats.errors import InputError
from kamerton.formats.recipe import line_of
from kamerton.pipeline import folder as folders

FIELD = "start_from"


def started(recipe: Recipe, path: Path, coming: Collection[str] = ()) -> Recipe:
    """The recipe of the file `path` with the folder of each adapter that it continues from.

    A folder is named from the recipe's own, and comes before a run of the same name. `coming`:
    recipes that run before this one; what is to start from them is left as it is. InputError where
    there is no adapter, and where it does not fit the recipe: nothing has run by then.
    """
    if recipe.adapters:
        parts = {n: _part(recipe, n, part, path, coming) for n, part in recipe.adapters.items()}
        return recipe.model_copy(update={"adapters": parts})
    if recipe.tune is None:
        return recipe
    tune = _tune(recipe, recipe.name, recipe.tune, path, coming)
    return recipe.model_copy(update={"tune": tune})


def _part(recipe: Recipe, name: str, part: Part, path: Path, coming: Collection[str]) -> Part:
    tune = _tune(recipe, name, part.tune, path, coming)
    return part.model_copy(update={"tune": tune})


def _tune(
    recipe: Recipe, name: str, tune: TuneSettings, path: Path, coming: Collection[str]
) -> TuneSettings:
    if not tune.start_from or tune.start_from.partition("/")[0] in coming:
        return tune
    from kamerton.develop.tune import start

    where = _where(recipe, name, path)
    found = tune.model_copy(update={FIELD: _shown(_found(tune.start_from, name, path, where))})
    folder = start.folder(found)
    assert folder is not None
    start.check(found, recipe.base, folder)
    return found


def _where(recipe: Recipe, name: str, path: Path) -> str:
    """File and line that say it; no line where a preset or `--set` does."""
    location = ["adapters", name, "tune", FIELD] if recipe.adapters else ["tune", FIELD]
    line = line_of(path, location, whole=True)
    return f"{path}:{line}" if line else str(path)


def _found(text: str, name: str, path: Path, where: str) -> Path:
    from kamerton.develop.tune import start

    here = start.find(path.resolve().parent / text)
    if here:
        return here
    try:
        run = folders.resolve_run(text)
    except InputError as error:
        if error.key != "pipeline.unknown_run":
            raise
        known = error.values["known"]
        raise InputError("app.start_missing", where=where, text=text, known=known) from error
    return _of_run(run, name, where)


def _of_run(run: Path, name: str, where: str) -> Path:
    """The adapter of a run; of several the one that is called as the one to train."""
    from kamerton.develop.tune import start

    record, title = folders.read_run(run), f"{run.parent.name}/{run.name}"
    tuned = {s.partition("-")[2]: s for s in record.stages if s.partition("-")[0] == "tune"}
    if len(tuned) > 1 and name not in tuned:
        names = ", ".join(tuned)
        raise InputError("app.start_several", where=where, run=title, names=names, name=name)
    stage = tuned.get(name) or next(iter(tuned.values()), None)
    found = start.find(record.stage(run, stage)) if stage else None
    if found is None:
        raise InputError("app.start_no_adapter", where=where, run=title)
    return found


def _shown(path: Path) -> str:
    """From where the command runs, where it can be: what is published names no folder of ours."""
    whole, here = path.resolve(), Path.cwd().resolve()
    return str(whole.relative_to(here)) if whole.is_relative_to(here) else str(whole)
