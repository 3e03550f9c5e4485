"""`kamerton recipe ls|show|cp|schema`: the shipped recipes, and a recipe's values."""

import shutil
from pathlib import Path
from typing import Annotated

import typer

from kamerton.cli.words import SUBCOMMANDS, print_json, table
from kamerton.formats.errors import InputError
from kamerton.formats.recipe import dump_yaml, read_yaml

app = typer.Typer(no_args_is_help=True, **SUBCOMMANDS)


@app.command("ls", help="cli.help_recipe_ls")
def ls(as_json: Annotated[bool, typer.Option("--json", help="cli.opt_json")] = False) -> None:
    """Print the shipped recipes and their presets."""
    from kamerton.app.recipe import shipped

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
