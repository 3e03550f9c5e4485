"""The recipe: every platform's section in one model; `kamerton recipe ls|show|cp|schema`."""

import shutil
import sys
from pathlib import Path
from typing import Annotated, Any, Literal

import typer
from pydantic import Field, model_validator

import kamerton
from kamerton.cli.words import SUBCOMMANDS, print_json, table
from kamerton.develop.settings import (
    CorpusSettings,
    DataSettings,
    ExportSettings,
    GuideSettings,
    PretrainSettings,
    TuneSettings,
)
from kamerton.experiment.gate.settings import GateSettings
from kamerton.experiment.judge.settings import JudgeSettings
from kamerton.experiment.settings import ExperimentSettings
from kamerton.formats.errors import InputError
from kamerton.formats.recipe import Section, load, read_yaml, validate
from kamerton.serve.settings import ServeSettings

FILE = "recipe.yaml"
app = typer.Typer(no_args_is_help=True, **SUBCOMMANDS)


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
    """One trip from texts to a proved, served model."""

    name: str = Field("", pattern=rf"{NAME}|^$")
    """Name of the adapter and of the run folder; empty: the recipe folder's name."""
    about: str = ""
    """One sentence for `kamerton recipe ls`."""
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
    def _one_trip(self) -> "Recipe":
        corpus = isinstance(self.data, CorpusSettings)
        if self.pretrain and not corpus:
            raise ValueError("pretrain needs data of kind corpus")
        if self.tune and corpus:
            raise ValueError("tune needs rows or a guide; name a recipe with them in `then`")
        if any(isinstance(part.data, CorpusSettings) for part in self.adapters.values()):
            raise ValueError("adapters need rows or guides")
        if self.adapters and (self.tune or self.data != GuideSettings()):
            raise ValueError("adapters have data and tune of their own: take these out here")
        return self

    @property
    def parts(self) -> dict[str, Part]:
        """The adapters that this trip makes, by name; none where it ends with a dataset."""
        if self.adapters:
            return self.adapters
        if self.tune is None and not isinstance(self.data, GuideSettings):
            return {}
        tune = self.tune or TuneSettings()
        return {self.name: Part(data=self.data, tune=tune, experiment=self.experiment)}


RESERVED = ("base", "latest", "merged", "index", "weights")
"""Names that already mean something where the recipe's name would be used."""


def find(text: str) -> Path:
    """The recipe file that RECIPE names: a file, a folder with one, or a shipped recipe's name."""
    for path in (Path(text), Path(text) / FILE, *(home / text / FILE for home in homes())):
        if path.is_file():
            return path
    known = ", ".join(path.parent.name for path in shipped()) or "-"
    raise InputError("cli.unknown_recipe", where=text, known=known)


def homes() -> list[Path]:
    """Folders of shipped recipes: here, beside the package's source, and where pip puts them."""
    source = Path(kamerton.__file__).parents[2] / "recipes"
    return [Path("recipes"), source, Path(sys.prefix) / "share" / "kamerton" / "recipes"]


def shipped() -> list[Path]:
    """The recipe files of the first folder that has any."""
    for home in homes():
        if found := sorted(home.glob(f"*/{FILE}")):
            return found
    return []


def resolve(path: Path, preset: str | None = None, sets: tuple[str, ...] = ()) -> Recipe:
    """The recipe of a file, with preset and `--set` values laid over it, checked and named."""
    recipe = validate(load(path, preset, sets), Recipe, path, preset, sets)
    name = recipe.name or path.resolve().parent.name
    for given in (name, *recipe.adapters):
        if given in RESERVED or "+" in given:
            raise InputError("cli.reserved_name", where=str(path), name=given)
    return recipe.model_copy(update={"name": name})


def origins(path: Path, preset: str | None, sets: tuple[str, ...]) -> dict[str, str]:
    """Where each value that is not a default comes from: flag order is recipe, preset, --set."""
    found = dict.fromkeys(_leaves(load(path)), "recipe")
    if preset:
        overlay = read_yaml(path)["presets"][preset] or {}
        found |= dict.fromkeys(_leaves(overlay), f"preset {preset}")
    return found | {text.partition("=")[0].strip(): "--set" for text in sets}


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


@app.command("ls", help="cli.help_recipe_ls")
def ls(as_json: Annotated[bool, typer.Option("--json", help="cli.opt_json")] = False) -> None:
    """Print the shipped recipes and their presets."""
    found = [(path, read_yaml(path)) for path in shipped()]
    rows = [
        {
            "name": path.parent.name,
            "about": tree.get("about", ""),
            "presets": list(tree.get("presets") or {}),
            "file": str(path),
        }
        for path, tree in found
    ]
    if as_json:
        print_json(rows)
    elif rows:
        typer.echo(table([(r["name"], ", ".join(r["presets"]), r["about"]) for r in rows]))


@app.command("show", help="cli.help_recipe_show")
def show(
    recipe: Annotated[str, typer.Argument(help="cli.arg_recipe")],
    preset: Annotated[str | None, typer.Option(help="cli.opt_preset")] = None,
    sets: Annotated[list[str] | None, typer.Option("--set", help="cli.opt_set")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="cli.opt_json")] = False,
) -> None:
    """Print a recipe with all its values, defaults included."""
    import yaml

    tree = resolve(find(recipe), preset, tuple(sets or ())).model_dump(mode="json")
    if as_json:
        print_json(tree)
    else:
        typer.echo(yaml.safe_dump(tree, allow_unicode=True, sort_keys=False), nl=False)


@app.command("cp", help="cli.help_recipe_cp")
def cp(
    recipe: Annotated[str, typer.Argument(help="cli.arg_recipe")],
    folder: Annotated[Path, typer.Argument(help="cli.arg_copy")],
) -> None:
    """Copy a recipe with its data into a new folder."""
    source = find(recipe)
    if folder.exists():
        raise InputError("cli.folder_exists", where=str(folder))
    shutil.copytree(source.parent, folder)
    typer.echo(str(folder / source.name))


@app.command("schema", help="cli.help_recipe_schema")
def schema() -> None:
    """Print the JSON Schema of recipes, for editors."""
    tree = Recipe.model_json_schema()
    tree["properties"]["presets"] = {"type": "object", "description": "Named overlays."}
    print_json(tree)
