"""A recipe made from a user's own texts and questions, as `kamerton init` writes it."""

import shutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from kamerton.app import recipe as recipes
from kamerton.app.kinds.guide import claim
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


@dataclass(frozen=True)
class NewRecipe:
    """What was written, and what is to be looked at before it runs."""

    path: Path
    derived: tuple[Fact, ...]
    """Facts whose keys were taken out of their answers."""
    claims: list[str]
    """What the test of this recipe could show, a line for each hypothesis."""


def new_recipe(folder: Path, documents: Path, questions: Path, name: str) -> NewRecipe:
    """Check the sources, copy them, and write recipe.yaml beside them; InputError for a fault."""
    if folder.exists():
        raise InputError("app.folder_exists", where=str(folder))
    settings = GuideSettings()
    read_passages(documents, settings.context_tokens)
    facts = table.read(questions, settings)
    groups = dict.fromkeys(fact.group for fact in facts)
    if not any(fact.test for fact in facts):
        raise InputError("develop.no_held_out", where=str(questions))
    unknown = max(0, min(len(groups) // 3, len(groups) - 1))
    known = len(groups) - unknown
    text = _FORM.format(
        about=say("app.init_about"),
        path=folder,
        name=name,
        seed=_SEED,
        questions=questions.name,
        system=say("app.init_system"),
        known=known,
        unknown=unknown,
    )
    _write(folder, documents, questions, text)
    path = folder / recipes.FILE
    recipes.resolve(path)
    derived = tuple(fact for fact in facts if fact.key_derived)
    return NewRecipe(path, derived, _claims(facts, known, unknown, name))


def _claims(facts: Sequence[Fact], known: int, unknown: int, name: str) -> list[str]:
    chosen = GuideSettings(known_groups=known, unknown_groups=unknown, context_phrasings=0)
    held_out = split(Corpus(tuple(facts), ()), chosen, None, _SEED).held_out
    powers = design(ExperimentSettings(), held_out, name).hypotheses
    return [claim(asdict(power)) for power in powers]


def _write(folder: Path, documents: Path, questions: Path, text: str) -> None:
    """All of it or nothing: made beside the target, then renamed."""
    fresh = folder.with_name(f".{folder.name}.new")
    shutil.rmtree(fresh, ignore_errors=True)
    shutil.copytree(documents, fresh / "documents")
    shutil.copyfile(questions, fresh / questions.name)
    write_text(fresh / recipes.FILE, text)
    fresh.rename(folder)
