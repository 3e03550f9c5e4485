"""Recipes that `then` names, read and checked while nothing has run yet."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from kamerton.app import recipe as recipes
from kamerton.app.recipe import Recipe
from kamerton.app.starts import started
from kamerton.develop.settings import CorpusSettings, DataSettings, GuideSettings, RowsSettings
from kamerton.formats.errors import InputError
from kamerton.formats.recipe import line_of, read_yaml
from kamerton.pipeline import folder as folders

Named = tuple[list[str], Path]
"""A field, as its place in the recipe, and the path that it names."""


@dataclass(frozen=True)
class Following:
    """A recipe that comes after others."""

    path: Path
    preset: str | None
    """The first recipe's, where this one has one of that name."""
    coming: tuple[str, ...]
    """Names of the recipes that run before it."""


def following(recipe: Recipe, path: Path, preset: str | None) -> list[Following]:
    """The recipes after `recipe`, whose file is `path`; InputError for what is wrong in any.

    Keys, values, files that are named and adapters to start from are looked at, and data is not
    read: what an earlier recipe is to make below runs/ may be missing.
    """
    found: list[Following] = []
    coming: tuple[str, ...] = (recipe.name,)
    for name in recipe.then:
        after = _find(path, name)
        own = _preset_of(after, preset)
        read = recipes.resolve(after, own)
        _demand_files(read, after)
        started(read, after, coming)
        found.append(Following(after, own, coming))
        coming = (*coming, read.name)
    return found


def _find(path: Path, name: str) -> Path:
    try:
        return recipes.find(str(path.parent / name))
    except InputError as error:
        where = _where(path, ["then"])
        raise InputError("app.then_missing", where=where, name=name) from error


def _preset_of(path: Path, preset: str | None) -> str | None:
    """The preset where a recipe has one of that name: the next recipe may have others."""
    tree = read_yaml(path)
    presets = tree.get("presets") if isinstance(tree, dict) else None
    return preset if isinstance(presets, dict) and preset in presets else None


def _demand_files(recipe: Recipe, path: Path) -> None:
    """InputError for the first named file or folder that is not there, and will not be."""
    home, to_be = path.resolve().parent, folders.ROOT.resolve()
    for field, place in _named(recipe):
        named = (home / place).resolve()
        made = any(named.is_relative_to(root) for root in (to_be, home / folders.ROOT))
        if not named.exists() and not made:
            values = {"field": ".".join(field), "path": place}
            raise InputError("app.named_missing", where=_where(path, field), **values)


def _where(path: Path, field: list[str]) -> str:
    line = line_of(path, field)
    return f"{path}:{line}" if line else str(path)


def _named(recipe: Recipe) -> Iterator[Named]:
    if recipe.adapters:
        for name, part in recipe.adapters.items():
            yield from _of_data(part.data, ["adapters", name, "data"])
        return
    yield from _of_data(recipe.data, ["data"])
    if recipe.pretrain and recipe.pretrain.prompts:
        yield ["pretrain", "prompts"], Path(recipe.pretrain.prompts)


def _of_data(data: DataSettings, at: list[str]) -> Iterator[Named]:
    match data:
        case GuideSettings():
            fields = ("catalogue", "phrasings", "documents", "questions", "safety")
            named = {field: getattr(data, field) for field in fields}
            yield from (([*at, field], place) for field, place in named.items() if place)
        case CorpusSettings():
            yield from (([*at, "source"], place) for place in _corpus(data))
            if data.rights.table:
                yield [*at, "rights", "table"], data.rights.table
        case RowsSettings():
            yield from (([*at, "sources"], place) for place in _rows(data))
            yield from (([*at, "few_shot"], place) for place in data.few_shot)


def _corpus(data: CorpusSettings) -> Iterator[Path]:
    from kamerton.develop.data.corpus.run import source_of

    place = source_of(data)
    if "://" not in place:
        yield Path(place)


def _rows(data: RowsSettings) -> Iterator[Path]:
    from kamerton.develop.data.read.named import NAMED
    from kamerton.develop.data.read.remote import is_remote, stand_in

    for source in data.sources:
        name = stand_in(source.stand_in) or str(source.copy_at or source.name)
        if not is_remote(name) and name not in NAMED:
            yield Path(name)
