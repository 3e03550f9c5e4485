"""`DataKind`: the questions that check, plan, data, compare and serve ask of a kind of data."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from kamerton.app.needs import Need
from kamerton.app.recipe import Part, Recipe
from kamerton.formats.manifest import StageName
from kamerton.pipeline.graph import Stage

if TYPE_CHECKING:
    from kamerton.develop.data.corpus.run import Cost

Figures = dict[str, Any]
"""Counts and estimates as plain JSON."""
Objective = Literal["sft", "dpo", "kto"]
Named = tuple[list[str], Path]
"""A field, as its place in the recipe, and the path that it names."""


@dataclass(frozen=True)
class Folders:
    """Outputs of one adapter's stages."""

    data: Path
    tune: Path
    compare: Path


def no_adapter(*_: object) -> Any:
    """For a kind that no adapter is trained on: recipes refuse it before it is asked."""
    raise AssertionError("this kind of data makes no adapter")


def no_examples(_: Path) -> list[str]:
    """For a dataset without questions that a reader could try."""
    return []


@dataclass(frozen=True)
class DataKind:
    """One kind of data; `Any` stands for its own settings, which its functions take."""

    stage: Callable[[StageName, Any, int, Path, Objective], Stage]
    """The data stage of (name, settings, seed, recipe's folder, objective): what it depends on."""
    named: Callable[[Any], Iterator[Named]]
    """The local files and folders that the settings name; they must be there."""
    survey: Callable[[Any, Path, int], Figures]
    """Counts of a recipe that ends with the dataset, from the recipe's folder; writes nothing."""
    forecast: Callable[[Recipe, str, Part, Path, bool], Figures]
    """Counts, cost of training and power of the test for one adapter; the last: look for leaks."""
    lines: Callable[[Figures], list[str]]
    """What `survey` or `forecast` gave, to read."""
    prepare: Callable[[Any, Path, Path, int, Objective], None]
    """The work of the data stage: (settings, recipe's folder, outputs, seed, objective)."""
    compare: Callable[[Recipe, str, Part, Folders, str], None]
    """The work of the compare stage of an adapter, against the server at a base URL."""
    needs: Callable[[Any, Path, int], list[Need]]
    """What is needed from outside the recipe's folder: (settings, that folder, seed)."""
    shown: tuple[str, ...] = ()
    """Files of the data stage that the run's folder shows too."""
    preview: Callable[[Any, Path], "list[Cost]"] | None = None
    """What each of its cleaning rules would cost; None where there are no rules."""
    examples: Callable[[Path], list[str]] = no_examples
    """Questions to try on the chat page, from the outputs of the data stage."""
