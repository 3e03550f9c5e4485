"""The recipe: every platform's section in one model, found, checked and named."""

import sys
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

import kamerton
from kamerton.develop.settings import (
    DataSettings,
    ExportSettings,
    GuideSettings,
    PretrainSettings,
    TuneSettings,
)
from kamerton.experiment.judge.settings import JudgeSettings
from kamerton.experiment.settings import ExperimentSettings, GateSettings
from kamerton.formats.errors import InputError
from kamerton.formats.manifest import StageName
from kamerton.formats.recipe import Section, load, read_yaml, validate
from kamerton.serve.settings import ServeSettings

FILE = "recipe.yaml"

OWN_STAGES = ("data", "tune", "compare")
"""Stages that each of several adapters has for itself."""
NAME = r"^[\w][\w.-]*$"
"""What may be the name of a folder and of a model id."""


class Part(Section):
    """One of several adapters on the same base: its data, its training, its proof."""

    data: DataSettings
    """Texts, questions or rows."""
    tune: TuneSettings = TuneSettings()
    """Training of the adapter."""
    experiment: ExperimentSettings = ExperimentSettings()
    """What is asked, and what is claimed."""


class Recipe(Section):
    """One run from texts to a proved, served model."""

    name: str = Field("", pattern=rf"{NAME}|^$")
    """Name of the adapter and of the run folder; empty: the recipe folder's name."""
    about: str | dict[Literal["en", "ru"], str] = ""
    """One sentence for `kamerton recipe ls`, in one language or in each."""
    base: str = "embedded"
    """Base model: `embedded`, a folder, or a Hugging Face id."""
    seed: int = 7
    """Seed of everything random."""
    threads: int = Field(0, ge=0)
    """Processor threads for training and serving; 0: all cores."""
    deterministic: bool = False
    """Ask with one slot, so that the same answers come again; slower."""
    data: DataSettings = GuideSettings()
    """Texts and questions."""
    pretrain: PretrainSettings | None = None
    """Training of a model from scratch, on a corpus; absent: the corpus is the result."""
    tune: TuneSettings | None = None
    """Training of the adapter; absent with rows: the dataset is the result."""
    adapters: dict[Annotated[str, Field(pattern=NAME)], Part] = {}
    """Several adapters on one base, by name, each with its own data, tune and experiment, in
    place of these sections here."""
    export: ExportSettings = ExportSettings()
    """What is written for the engine."""
    serve: ServeSettings = ServeSettings()
    """Engine and gateway."""
    experiment: ExperimentSettings = ExperimentSettings()
    """What is asked, of whom, and what is claimed."""
    judge: JudgeSettings | None = None
    """Whom `kamerton judge` asks about this recipe's runs, and how."""
    gate: GateSettings = GateSettings()
    """The rule of `kamerton gate`; no stage depends on it."""
    tracking: Literal["mlflow", "off"] = "mlflow"
    """Where finished runs are kept track of: MLflow, at MLFLOW_TRACKING_URI or in runs/.mlflow."""
    then: list[str] = []
    """Recipes that `kamerton run` runs after this one, with the same preset; paths start at this
    recipe's folder."""

    @model_validator(mode="after")
    def _sections_fit(self) -> "Recipe":
        corpus = self.data.kind == "corpus"
        if self.pretrain and not corpus:
            raise ValueError("pretrain needs data of kind corpus")
        if self.tune and corpus:
            raise ValueError("tune needs rows or a guide; name a recipe with them in `then`")
        if any(part.data.kind == "corpus" for part in self.adapters.values()):
            raise ValueError("adapters need rows or guides")
        if self.adapters and (self.tune or self.data != GuideSettings()):
            raise ValueError("adapters have data and tune of their own: take these out here")
        return self

    @property
    def parts(self) -> dict[str, Part]:
        """The adapters that a run makes, by name; none where it ends with a dataset."""
        if self.adapters:
            return self.adapters
        if self.tune is None and self.data.kind != "guide":
            return {}
        tune = self.tune or TuneSettings()
        return {self.name: Part(data=self.data, tune=tune, experiment=self.experiment)}

    def stage(self, does: str, adapter: str = "") -> StageName:
        """The name of an adapter's own stage, or of one that all adapters share."""
        separate = bool(self.adapters) and does in OWN_STAGES
        return StageName.of(does, adapter if separate else "")

    @property
    def slots(self) -> int:
        """Answers computed at the same time: one where the same answers must come again."""
        return 1 if self.deterministic else self.serve.slots


RESERVED = ("base", "latest", "merged", "index", "weights")
"""Names that already mean something where the recipe's name would be used."""


def find(text: str) -> Path:
    """The recipe file that RECIPE names: a file, a folder with one, or a shipped recipe's name."""
    for path in (Path(text), Path(text) / FILE, *(home / text / FILE for home in homes())):
        if path.is_file():
            return path
    known = ", ".join(path.parent.name for path in shipped()) or "-"
    raise InputError("app.unknown_recipe", where=text, known=known)


def homes() -> list[Path]:
    """Folders of shipped recipes: here, beside the package's source, and where pip puts them."""
    source = Path(kamerton.__file__).parents[2] / "recipes"
    return [Path("recipes"), source, Path(sys.prefix) / "share" / "kamerton" / "recipes"]


def shipped() -> list[Path]:
    """The recipe files of the first folder that has any."""
    for home in homes():
        if files := sorted(home.glob(f"*/{FILE}")):
            return files
    return []


def resolve(path: Path, preset: str | None = None, sets: tuple[str, ...] = ()) -> Recipe:
    """The recipe of a file, with preset and `--set` values laid over it, checked and named."""
    recipe = validate(load(path, preset, sets), Recipe, path, preset, sets)
    name = recipe.name or path.resolve().parent.name
    for called in (name, *recipe.adapters):
        if called in RESERVED or "+" in called:
            raise InputError("app.reserved_name", where=str(path), name=called)
    return recipe.model_copy(update={"name": name})


def origins(path: Path, preset: str | None, sets: tuple[str, ...]) -> dict[str, str]:
    """Where each value that is not a default comes from: flag order is recipe, preset, --set."""
    origin = dict.fromkeys(_leaves(load(path)), "recipe")
    if preset:
        overlay = read_yaml(path)["presets"][preset] or {}
        origin |= dict.fromkeys(_leaves(overlay), f"preset {preset}")
    return origin | {text.partition("=")[0].strip(): "--set" for text in sets}


def _leaves(tree: dict[str, Any], prefix: str = "") -> list[str]:
    names: list[str] = []
    for key, value in tree.items():
        deeper = isinstance(value, dict) and value
        names += _leaves(value, f"{prefix}{key}.") if deeper else [f"{prefix}{key}"]
    return names


def value_at(tree: dict[str, Any], name: str) -> Any:
    """The value of `a.b` in a tree; None where there is none."""
    node: Any = tree
    for part in name.split("."):
        node = node.get(part) if isinstance(node, dict) else None
    return node
