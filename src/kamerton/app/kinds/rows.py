"""Rows of any form: chats, prompts and completions, preferences; held out by chance or by file."""

import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from kamerton.app.cost import cost
from kamerton.app.kinds.kind import DataKind, Figures, Folders, Named, Objective
from kamerton.app.needs import Need, rows_source, teacher
from kamerton.app.recipe import Part, Recipe
from kamerton.develop.settings import RowsSettings
from kamerton.formats.jsonl import read_text
from kamerton.formats.language import current, say
from kamerton.formats.manifest import StageName
from kamerton.pipeline.graph import Stage

if TYPE_CHECKING:
    from kamerton.privacy.columns import ColumnFindings


def _stage(name: StageName, data: RowsSettings, seed: int, home: Path, to: Objective) -> Stage:
    """What a teacher wrote before a kill is paid for: the stage resumes."""
    from kamerton.develop.data.rows import run as rows

    chosen = {"data": data.model_dump(mode="json"), "seed": seed, "language": current()}
    chosen |= {} if to == "sft" else {"objective": to}
    files = tuple(rows.local_sources(data, home))
    return Stage(name, (), chosen, files, version=2 if data.synth else 1, resumes=True)


def _named(data: RowsSettings) -> Iterator[Named]:
    from kamerton.develop.data.sources.named import NAMED
    from kamerton.develop.data.sources.remote import is_remote, stand_in

    for source in data.sources:
        name = stand_in(source.stand_in) or str(source.copy_at or source.name)
        if not is_remote(name) and name not in NAMED:
            yield ["sources"], Path(name)
    yield from ((["few_shot"], Path(place)) for place in data.few_shot)


def _survey(data: RowsSettings, home: Path, seed: int) -> Figures:
    from kamerton.develop.data.rows.run import survey

    counts, personal = survey(data, home, seed, "sft")
    return _told(data, counts, personal)


def _told(data: RowsSettings, counts: dict[str, int], personal: "list[ColumnFindings]") -> Figures:
    found = [asdict(of) for of in personal]
    return {"rows": counts, "personal": found, "privacy": data.privacy.action}


def _forecast(recipe: Recipe, name: str, part: Part, home: Path, leaks: bool) -> Figures:
    from kamerton.develop.data.rows.run import survey
    from kamerton.experiment import likelihood
    from kamerton.experiment.metrics import insist_ready

    assert isinstance(part.data, RowsSettings)
    insist_ready(part.experiment.rows_criteria(()))
    objective = part.tune.objective
    counts, personal = survey(part.data, home, recipe.seed, objective)
    declared = list(likelihood.DECLARED[objective])
    told = _told(part.data, counts, personal) | {"declared": declared}
    return told | cost(recipe, part, part.data, home)


def _lines(counts: Figures) -> list[str]:
    declared = [say(f"experiment.declared_{name}") for name in counts.get("declared", ())]
    read = say("app.check_read", **counts["rows"])
    return [read, *_personal_lines(counts), *_cost_lines(counts), *declared]


def _personal_lines(counts: Figures) -> Iterator[str]:
    """What the recipe's `privacy` finds in each column, and what becomes of it."""
    if counts.get("personal"):
        yield say(f"app.check_personal_{counts['privacy']}")
    for of in counts.get("personal", ()):
        yield ": ".join(
            [say("app.check_personal", **of), *filter(None, [", ".join(of["examples"])])]
        )


def _cost_lines(counts: Figures) -> list[str]:
    """What the training will take; where that is not known yet, why."""
    if "unknown" in counts:
        return [say(f"app.plan_unknown_{counts['unknown']}")]
    if "training" not in counts:
        return []
    training = counts["training"]
    told = say("app.plan_training", **training, minutes=max(1, round(training["seconds"] / 60)))
    sampled = training["sampled"] < training["read"]
    more = [say("app.plan_sampled", **training)] if sampled else []
    return [*counts["language"], told, say("app.plan_before_filters"), *more]


def _prepare(data: RowsSettings, home: Path, out: Path, seed: int, objective: Objective) -> None:
    from kamerton.develop.data.rows import run as rows

    rows.prepare(data, home, out, seed, objective)


def _compare(recipe: Recipe, name: str, part: Part, at: Folders, base_url: str) -> None:
    from kamerton.develop import hub
    from kamerton.experiment.rows import compare_rows

    unspoken = hub.unspoken(recipe.base, _held_out_answers(at.data)) or ""
    asked = (part.experiment, name, at.data, at.tune, base_url, at.compare)
    compare_rows(*asked, recipe.seed, recipe.slots, unspoken)


def _held_out_answers(data: Path) -> Iterator[str]:
    """Of chats and of rated rows alike, as the data stage wrote them."""
    lines = read_text(data / "held_out.jsonl").split("\n")
    for row in (json.loads(line) for line in lines if line):
        said = row["messages"][-1]["content"] if "messages" in row else ""
        yield said or row.get("chosen") or row.get("completion") or ""


def _needs(data: RowsSettings, home: Path, seed: int) -> list[Need]:
    needs = [need for source in data.sources for need in rows_source(source)]
    return needs + (teacher(data.synth, home, seed) if data.synth else [])


ROWS = DataKind(
    stage=_stage,
    named=_named,
    survey=_survey,
    forecast=_forecast,
    lines=_lines,
    prepare=_prepare,
    compare=_compare,
    needs=_needs,
    shown=("card.html", "card.md", "card.json"),
)
