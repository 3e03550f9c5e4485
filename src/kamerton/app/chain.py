"""Recipes that run one after another, read once and checked while nothing has run yet."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

from kamerton.app import recipe as recipes
from kamerton.app.kinds import Named, kind_of
from kamerton.app.recipe import Part, Recipe
from kamerton.develop.settings import TuneSettings
from kamerton.formats.errors import InputError
from kamerton.formats.recipe import line_of, read_yaml
from kamerton.pipeline import folder as folders

START = "start_from"


@dataclass(frozen=True)
class Link:
    """A recipe of a chain, as its file, preset and values say it."""

    recipe: Recipe
    path: Path
    preset: str | None = None
    sets: tuple[str, ...] = ()
    coming: tuple[str, ...] = ()
    """Names of the recipes that run before it."""

    @property
    def home(self) -> Path:
        """The recipe's folder: its paths start here."""
        return self.path.resolve().parent


def link(path: Path, preset: str | None = None, sets: tuple[str, ...] = ()) -> Link:
    """The recipe of a file alone, without those that `then` names."""
    return Link(recipes.resolve(path, preset, sets), path, preset, sets)


def chain(first: Link) -> list[Link]:
    """A recipe and those that its `then` names; InputError for what is wrong in any of those.

    Keys, values, files that are named and adapters to start from are looked at, and data is not
    read: what an earlier recipe is to make below runs/ may be missing. A later recipe takes the
    preset of the first one where it has one of that name.
    """
    links = [first]
    for name in first.recipe.then:
        path = _find(first.path, name)
        coming = tuple(link.recipe.name for link in links)
        preset = _preset_of(path, first.preset)
        after = Link(recipes.resolve(path, preset), path, preset, (), coming)
        _demand_files(after)
        with_starts(after.recipe, path, coming)
        links.append(after)
    return links


def with_starts(recipe: Recipe, path: Path, coming: Collection[str] = ()) -> Recipe:
    """The recipe of the file `path` with the folder of each adapter that it continues from.

    A folder is named from the recipe's own, and comes before a run of the same name. `coming`:
    recipes that run before this one; what is to start from them is left as it is. InputError where
    there is no adapter, and where it does not fit the recipe: nothing has run by then.
    """

    def part(name: str, part: Part) -> Part:
        return part.model_copy(update={"tune": _tune(recipe, name, part.tune, path, coming)})

    if recipe.adapters:
        parts = {name: part(name, of) for name, of in recipe.adapters.items()}
        return recipe.model_copy(update={"adapters": parts})
    if recipe.tune is None:
        return recipe
    tune = _tune(recipe, recipe.name, recipe.tune, path, coming)
    return recipe.model_copy(update={"tune": tune})


def _find(path: Path, name: str) -> Path:
    try:
        return recipes.find(str(path.parent / name))
    except InputError as error:
        raise InputError("app.then_missing", where=_where(path, ["then"]), name=name) from error


def _preset_of(path: Path, preset: str | None) -> str | None:
    """The preset where a recipe has one of that name: the next recipe may have others."""
    tree = read_yaml(path)
    presets = tree.get("presets") if isinstance(tree, dict) else None
    return preset if isinstance(presets, dict) and preset in presets else None


def _demand_files(link: Link) -> None:
    """InputError for the first named file or folder that is not there, and will not be."""
    roots = (folders.ROOT.resolve(), link.home / folders.ROOT)
    for field, place in _named(link.recipe):
        named = (link.home / place).resolve()
        made = any(named.is_relative_to(root) for root in roots)
        if not named.exists() and not made:
            values = {"field": ".".join(field), "path": place}
            raise InputError("app.named_missing", where=_where(link.path, field), **values)


def _named(recipe: Recipe) -> Iterator[Named]:
    if recipe.adapters:
        sections = [(["adapters", n, "data"], part.data) for n, part in recipe.adapters.items()]
    else:
        sections = [(["data"], recipe.data)]
    for section, data in sections:
        yield from (([*section, *field], place) for field, place in kind_of(data).named(data))
    if recipe.pretrain and recipe.pretrain.prompts:
        yield ["pretrain", "prompts"], Path(recipe.pretrain.prompts)


def _where(path: Path, field: list[str], whole: bool = False) -> str:
    """File and line that say it; no line where a preset or `--set` does."""
    line = line_of(path, field, whole=whole)
    return f"{path}:{line}" if line else str(path)


def _tune(
    recipe: Recipe, name: str, tune: TuneSettings, path: Path, coming: Collection[str]
) -> TuneSettings:
    if not tune.start_from or tune.start_from.partition("/")[0] in coming:
        return tune
    from kamerton.develop.tune import start

    location = ["adapters", name, "tune", START] if recipe.adapters else ["tune", START]
    adapter = _adapter(tune.start_from, name, path, _where(path, location, whole=True))
    settings = tune.model_copy(update={START: _shown(adapter)})
    folder = start.folder(settings)
    assert folder is not None
    start.check(settings, recipe.base, folder)
    return settings


def _adapter(text: str, name: str, path: Path, where: str) -> Path:
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

    title = f"{run.parent.name}/{run.name}"
    tuned = folders.read_run(run).by_adapter(run, "tune")
    if len(tuned) > 1 and name not in tuned:
        names = ", ".join(tuned)
        raise InputError("app.start_several", where=where, run=title, names=names, name=name)
    stage = tuned.get(name) or next(iter(tuned.values()), None)
    adapter = start.find(stage) if stage else None
    if adapter is None:
        raise InputError("app.start_no_adapter", where=where, run=title)
    return adapter


def _shown(path: Path) -> str:
    """From where the command runs, where it can be: what is published names no folder of ours."""
    whole, here = path.resolve(), Path.cwd().resolve()
    return str(whole.relative_to(here)) if whole.is_relative_to(here) else str(whole)
