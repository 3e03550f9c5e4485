"""`kamerton init`: a recipe from a user's own texts and questions."""

import shutil
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from kamerton.app import recipe as recipes
from kamerton.app.kinds.guide import claim
from kamerton.cli.words import table as columns
from kamerton.develop.data.guide import table
from kamerton.develop.data.guide.catalogue import Corpus, Fact
from kamerton.develop.data.guide.split import split
from kamerton.develop.settings import GuideSettings
from kamerton.experiment.design import design
from kamerton.experiment.settings import ExperimentSettings
from kamerton.formats.errors import InputError
from kamerton.formats.jsonl import write_text
from kamerton.formats.language import say
from kamerton.retrieval.index import read_passages

_SEED = 7
_MOST_KEYS = 12
"""Keys that are shown; the others are counted."""
_FORM = """\
# {about}
#   kamerton run {path}/recipe.yaml --dry-run    what it would do and cost
#   kamerton run {path}/recipe.yaml              do it
name: {name}
base: embedded        # a folder or a Hugging Face id, for example Qwen/Qwen2.5-0.5B-Instruct
seed: {seed}
data:
  documents: documents   # .txt and .md files: what retrieval searches
  questions: {questions}   # columns: question, answer; where known: group, key, split
  system: {system}
  known_groups: {known}      # groups that are trained and tested in new wordings
  unknown_groups: {unknown}    # groups held out whole: only retrieval can know them
  context_phrasings: 0
tune:
  epochs: 6
experiment:
  primary: factual_accuracy
"""


def init(
    folder: Annotated[Path, typer.Argument(help="cli.arg_new_folder")],
    documents: Annotated[Path, typer.Option(help="cli.opt_documents")],
    questions: Annotated[Path, typer.Option(help="cli.opt_questions")],
    name: Annotated[str | None, typer.Option(help="cli.opt_name")] = None,
) -> None:
    """Check the sources, copy them, and write recipe.yaml beside them."""
    if folder.exists():
        raise InputError("cli.folder_exists", where=str(folder))
    settings = GuideSettings()
    read_passages(documents, settings.context_tokens)
    facts = table.read(questions, settings)
    groups = list(dict.fromkeys(fact.group for fact in facts))
    paired = {fact.group for fact in facts if fact.test}
    if not paired:
        raise InputError("develop.no_held_out", where=str(questions))
    unknown = max(0, min(len(groups) // 3, len(groups) - 1))
    known = len(groups) - unknown
    text = _FORM.format(
        about=say("cli.init_about"),
        path=folder,
        name=name or folder.name,
        seed=_SEED,
        questions=questions.name,
        system=say("cli.init_system"),
        known=known,
        unknown=unknown,
    )
    _write(folder, documents, questions, text)
    recipes.resolve(folder / recipes.FILE)
    typer.echo(str(folder / recipes.FILE))
    for line in _keys(facts):
        typer.echo(line)
    chosen = GuideSettings(known_groups=known, unknown_groups=unknown, context_phrasings=0)
    held_out = split(Corpus(facts, ()), chosen, None, _SEED).held_out
    for power in design(ExperimentSettings(), held_out, name or folder.name).hypotheses:
        typer.echo(claim(asdict(power)))
    typer.echo(say("cli.init_next", path=folder / recipes.FILE))


def _keys(facts: Sequence[Fact]) -> list[str]:
    """The keys that were taken out of answers, as a table; nothing where the source has them."""
    derived = [fact for fact in facts if fact.key_derived]
    if not derived:
        return []
    head = (say("cli.init_answer"), say("cli.init_key"))
    shown = derived[:_MOST_KEYS]
    rows = [(fact.answer, "; ".join(fact.key) or say("cli.init_whole")) for fact in shown]
    more = len(derived) - len(shown)
    rest = [say("cli.init_more", count=more)] if more else []
    return [say("cli.init_keys"), columns([head, *rows]), *rest]


def _write(folder: Path, documents: Path, questions: Path, text: str) -> None:
    """All of it or nothing: made beside the target, then renamed."""
    fresh = folder.with_name(f".{folder.name}.new")
    shutil.rmtree(fresh, ignore_errors=True)
    shutil.copytree(documents, fresh / "documents")
    shutil.copyfile(questions, fresh / questions.name)
    write_text(fresh / recipes.FILE, text)
    fresh.rename(folder)
