"""`kamerton recipe ls|show|cp|schema`: the shipped recipes, and a recipe's values."""

import shutil
from pathlib import Path
from typing import Annotated, Any

import typer

from kamerton.cli.help import SUBCOMMANDS
from kamerton.cli.words import print_json
from kamerton.formats.errors import InputError
from kamerton.formats.language import current
from kamerton.formats.recipe import dump_yaml, read_yaml
from kamerton.formats.table import aligned

app = typer.Typer(no_args_is_help=True, **SUBCOMMANDS)


@app.command("ls", help="cli.help_recipe_ls")
def ls(as_json: Annotated[bool, typer.Option("--json", help="cli.opt_json")] = False) -> None:
    """Print the shipped recipes and their presets."""
    from kamerton.app.recipe import shipped

    recipes = [(path, read_yaml(path)) for path in shipped()]
    rows: list[dict[str, Any]] = [
        {
            "name": path.parent.name,
            "about": _about(tree.get("about", "")),
            "presets": list(tree.get("presets") or {}),
            "file": str(path),
        }
        for path, tree in recipes
    ]
    if as_json:
        print_json(rows)
    elif rows:
        typer.echo(aligned([(r["name"], ", ".join(r["presets"]), r["about"]) for r in rows]))


def _about(text: str | dict[str, str]) -> str:
    return text if isinstance(text, str) else text[current()]


@app.command("show", help="cli.help_recipe_show")
def show(
    recipe: Annotated[str, typer.Argument(help="cli.arg_recipe")],
    preset: Annotated[str | None, typer.Option(help="cli.opt_preset")] = None,
    sets: Annotated[list[str] | None, typer.Option("--set", help="cli.opt_set")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="cli.opt_json")] = False,
) -> None:
    """Print a recipe with all its values, defaults included."""
    from kamerton.app.recipe import find, resolve

    tree = resolve(find(recipe), preset, tuple(sets or ())).model_dump(mode="json")
    if as_json:
        print_json(tree)
    else:
        typer.echo(dump_yaml(tree), nl=False)


@app.command("cp", help="cli.help_recipe_cp")
def cp(
    recipe: Annotated[str, typer.Argument(help="cli.arg_recipe")],
    folder: Annotated[Path, typer.Argument(help="cli.arg_copy")],
) -> None:
    """Copy a recipe with its data into a new folder."""
    from kamerton.app.recipe import find

    source = find(recipe)
    if folder.exists():
        raise InputError("app.folder_exists", where=str(folder))
    shutil.copytree(source.parent, folder)
    typer.echo(str(folder / source.name))


@app.command("schema", help="cli.help_recipe_schema")
def schema() -> None:
    """Print the JSON Schema of recipes, for editors."""
    from kamerton.app.recipe import Recipe

    tree = Recipe.model_json_schema()
    tree["properties"]["presets"] = {"type": "object", "description": "Named overlays."}
    print_json(tree)
