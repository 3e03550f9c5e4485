"""`kamerton init`: a recipe from a user's own texts and questions."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from kamerton.formats.language import say
from kamerton.formats.table import aligned

if TYPE_CHECKING:
    from kamerton.develop.data.guide.catalogue import Fact

_MOST_KEYS = 12
"""Keys that are shown; the others are counted."""
Column = Annotated[str | None, typer.Option(help="cli.opt_column")]


def init(
    folder: Annotated[Path, typer.Argument(help="cli.arg_new_folder")],
    documents: Annotated[Path, typer.Option(help="cli.opt_documents")],
    questions: Annotated[Path, typer.Option(help="cli.opt_questions")],
    name: Annotated[str, typer.Option(help="cli.opt_name")] = "",
    question_column: Column = None,
    answer_column: Column = None,
    group_column: Annotated[str | None, typer.Option(help="cli.opt_group_column")] = None,
    key_column: Column = None,
    split_column: Column = None,
) -> None:
    """Check the sources, copy them, and write recipe.yaml beside them."""
    from kamerton.app.own_texts import new_recipe

    columns = {
        "question": question_column,
        "answer": answer_column,
        "group": group_column,
        "key": key_column,
        "split": split_column,
    }
    made = new_recipe(folder, documents, questions, name, columns)
    next_step = say("cli.init_next", path=folder)
    for line in (str(made.path), *made.made, *_keys(made.derived), *made.shows, next_step):
        typer.echo(line)


def _keys(derived: "Sequence[Fact]") -> list[str]:
    """The keys that were taken out of answers, as a table; nothing where the source has them."""
    if not derived:
        return []
    head = (say("cli.init_answer"), say("cli.init_key"))
    shown = derived[:_MOST_KEYS]
    rows = [(fact.answer, "; ".join(fact.key) or say("cli.init_whole")) for fact in shown]
    more = len(derived) - len(shown)
    rest = [say("cli.init_more", count=more)] if more else []
    return [say("cli.init_keys"), aligned([head, *rows]), *rest]
