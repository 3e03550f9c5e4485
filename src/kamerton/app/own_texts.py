"""A recipe made from a user's own texts and questions, as `kamerton init` writes it."""

import json
import shlex
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from kamerton import stats
from kamerton.app import recipe as recipes
from kamerton.app.kinds.guide import claim
from kamerton.app.needs import base_language
from kamerton.develop.data.guide import table
from kamerton.develop.data.guide.catalogue import Corpus, Fact
from kamerton.develop.data.guide.split import split
from kamerton.develop.hub import EMBEDDED
from kamerton.develop.settings import GuideSettings
from kamerton.documents.files import read_document, visible
from kamerton.documents.tables import read_table
from kamerton.experiment.design import design
from kamerton.experiment.references import insist_right
from kamerton.experiment.settings import ExperimentSettings
from kamerton.formats.errors import InputError
from kamerton.formats.jsonl import write_text
from kamerton.formats.language import language_of, say
from kamerton.retrieval.index import read_passages

_SEED = 7
_SMOKE_GROUPS = (4, 2)
"""Trained and held-out groups of the preset `smoke`, where there are as many."""
COLUMNS = {
    "question": ("question", "вопрос"),
    "answer": ("answer", "ответ"),
    "group": ("group", "группа"),
    "key": ("key", "ключ"),
    "split": ("split", "часть"),
}
"""What a column holds to the names that it is known by, in lower case."""


@dataclass(frozen=True)
class NewRecipe:
    """What was written, and what is to be looked at before it runs."""

    path: Path
    made: list[str]
    """What it was made of, and which files and columns were left out, line by line."""
    derived: tuple[Fact, ...]
    """Facts whose keys were taken out of their answers."""
    shows: list[str]
    """Groups on each side, what the test of this recipe could show, and what speaks against it."""


def new_recipe(
    folder: Path,
    documents: Path,
    questions: Path,
    name: str = "",
    columns: Mapping[str, str | None] | None = None,
) -> NewRecipe:
    """Check the sources, copy them, and write recipe.yaml beside them; InputError for a fault.

    `columns` names those that bear none of the names of `COLUMNS`. All is written or nothing: made
    beside the target, then renamed.
    """
    if folder.exists():
        raise InputError("app.folder_exists", where=str(folder))
    for source in (documents, questions):
        if not source.is_file() and (source is questions or not source.is_dir()):
            raise InputError("documents.missing", where=str(source))
    name, chosen = name or folder.name, _columns(questions, columns or {})
    facts = table.read(questions, GuideSettings.model_validate(chosen))
    if not any(fact.test for fact in facts):
        raise InputError("develop.no_held_out", where=str(questions))
    groups = len({fact.group for fact in facts})
    unknown = _held_out_groups(groups)
    sides = {"known_groups": groups - unknown, "unknown_groups": unknown, "context_phrasings": 0}
    settings = GuideSettings.model_validate(chosen | sides)
    plan = split(Corpus(facts, ()), settings, None, _SEED)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}.") as temporary:
        fresh = Path(temporary) / "new"
        fresh.mkdir()
        copied, left_out = _copy(documents, questions, fresh / "documents")
        passages = len(read_passages(fresh / "documents", settings.context_tokens))
        shutil.copyfile(questions, fresh / questions.name)
        form = _recipe(folder, name, questions.name, chosen, settings, facts, len(plan.train))
        write_text(fresh / recipes.FILE, form)
        recipes.resolve(fresh / recipes.FILE, sets=(f"name={name}",))
        fresh.rename(folder)
    wordings = sum(len(fact.train) + len(fact.test) for fact in facts)
    made = [say("app.init_documents", count=copied, passages=passages)]
    made += [say("app.init_left_out", files=", ".join(f), why=why) for why, f in left_out.items()]
    made.append(say("app.init_questions", wordings=wordings, facts=len(facts), groups=groups))
    made += _told_columns(questions, settings)
    held_out = plan.held_out
    sided = {"known": settings.known_groups, "unknown": settings.unknown_groups}
    asked = {side: sum(question.held_out == side for question in held_out) for side in sided}
    shows = [say("app.init_sides", **sided, train=len(plan.train), of_known=asked["known"])]
    if unknown:
        shows.append(say("app.init_held_out_groups", **sided, of_unknown=asked["unknown"]))
    shows += [claim(asdict(of)) for of in design(ExperimentSettings(), held_out, name).hypotheses]
    shows += base_language(EMBEDDED, [fact.answer for fact in facts])
    try:
        insist_right(held_out, plan.names)
    except InputError as error:
        shows.append(str(error))
    derived = tuple(fact for fact in facts if fact.key_derived)
    return NewRecipe(folder / recipes.FILE, made, derived, shows)


def _held_out_groups(groups: int) -> int:
    """A third, but as many on each side as a verdict needs, the trained side first."""
    least = stats.groups_needed([1, 1], ExperimentSettings().alpha)[0]
    if groups >= 2 * least:
        return max(groups // 3, least)
    return min(groups // 3, groups - least) if groups >= least else groups // 3


def _columns(questions: Path, named: Mapping[str, str | None]) -> dict[str, str]:
    """The settings that name the table's columns, where they bear other names than by default."""
    where, row = next(read_table(questions, any_name=True))
    by_lower = {name.strip().lower(): name for name in row}
    chosen = {}
    for role, names in COLUMNS.items():
        wanted = named.get(role)
        column = wanted or next((by_lower[name] for name in names if name in by_lower), None)
        if (column is None and role in ("question", "answer")) or (column and column not in row):
            values = {"column": column or role, "has": ", ".join(row), "option": role}
            raise InputError("app.init_no_column", where=where, **values)
        if column and column != role:
            chosen[f"{role}_column"] = column
    return chosen


def _told_columns(questions: Path, settings: GuideSettings) -> list[str]:
    """Which column is what, and which ones are not used."""
    row = next(read_table(questions, any_name=True))[1]
    of = {role: str(getattr(settings, f"{role}_column")) for role in COLUMNS}
    used = [say(f"app.column_{role}", name=name) for role, name in of.items() if name in row]
    unused = [name for name in row if name not in of.values()]
    lines = [say("app.init_columns", columns=", ".join(used))]
    lines += [say("app.init_unused_columns", columns=", ".join(unused))] if unused else []
    return lines + ([] if of["group"] in row else [say("app.init_no_group")])


def _copy(documents: Path, questions: Path, target: Path) -> tuple[int, dict[str, list[str]]]:
    """Copy what can be read; how many files, and why the others are left out, with their names.

    InputError where nothing is left.
    """
    names = visible(documents) if documents.is_dir() else [documents.name]
    place = documents if documents.is_dir() else documents.parent
    copied, left_out = 0, dict[str, list[str]]()
    for name in names:
        if (place / name).resolve() == questions.resolve():
            left_out.setdefault(say("app.init_are_questions"), []).append(name)
            continue
        try:
            read_document(place / name, name, str(documents))
        except InputError as error:
            if len(names) == 1:
                raise
            left_out.setdefault(say(error.key, **error.values), []).append(name)
            continue
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(place / name, target / name)
        copied += 1
    if not copied:
        shown = "; ".join(f"{', '.join(files)}: {why}" for why, files in left_out.items()) or "-"
        raise InputError("app.init_no_texts", where=str(documents), left_out=shown)
    return copied, left_out


def _recipe(
    folder: Path,
    name: str,
    questions: str,
    columns: Mapping[str, str],
    settings: GuideSettings,
    facts: Sequence[Fact],
    rows: int,
) -> str:
    """The recipe as YAML, in the language in force; its system prompt in that of the answers."""
    known, unknown = settings.known_groups, settings.unknown_groups
    quoted = {key: json.dumps(value, ensure_ascii=False) for key, value in columns.items()}
    lines = [f"  {key}: {value}\n" for key, value in quoted.items()]
    if rows > settings.max_train_rows:
        lines.append(f"  max_train_rows: {rows}\n")
    return say(
        "app.init_recipe",
        path=shlex.quote(str(folder)),
        name=json.dumps(name, ensure_ascii=False),
        seed=_SEED,
        questions=json.dumps(questions, ensure_ascii=False),
        more="".join(lines),
        system=say("app.init_system", language_of(fact.answer for fact in facts)),
        known=known,
        unknown=unknown,
        smoke_known=min(known, _SMOKE_GROUPS[0]),
        smoke_unknown=min(unknown, _SMOKE_GROUPS[1]),
    )
