"""Made-up finished runs in a folder `runs/`, as `kamerton run` leaves them."""

import json
import random
from pathlib import Path

from finished_answers import SETTINGS, questions, samples, summary
from kamerton.formats.jsonl import write_rows, write_text
from kamerton.formats.losses import LossRow
from kamerton.formats.manifest import Manifest
from kamerton.formats.questions import Question
from kamerton.formats.scores import SAMPLES, SUMMARY, Summary
from kamerton.pipeline import folder as folders


def finished_run(
    rates: dict[str, float],
    asked: list[Question] | None = None,
    name: str = "museum",
    why: str = "",
    recipe: dict[str, object] | None = None,
    report: bool = False,
) -> Path:
    """A run under `runs/` here; `rates` are the shares of right answers of base and tuned."""
    asked = questions() if asked is None else asked
    place = folders.new_run(folders.ROOT, name)
    number = f"{name}{place.name}"
    given = samples(asked, rates, 3)
    told = summary(asked, given, name, why, list(rates))
    data, compare = (_stage(of, number) for of in ("data", "compare"))
    tune = _trained(data, number)
    for held_out in ("known", "safety"):
        write_rows(data / f"{held_out}.jsonl", [q for q in asked if q.held_out == held_out])
    for folder in (compare, place):
        write_rows(folder / SAMPLES, given)
        write_text(folder / SUMMARY, told.model_dump_json() + "\n")
    tree = _recipe(name, "guide") | (recipe or {})
    write_text(place / folders.RECIPE, json.dumps(tree))
    if report:
        write_text(place / "report.html", "old")
    return _recorded(place, name, {"data": data, "tune": tune, "compare": compare})


def rows_run(gain: float, name: str = "ru", groups: int = 40) -> Path:
    """A run over rows that asked nothing: two losses of each of two rows in each group."""
    place = folders.new_run(folders.ROOT, name)
    number = f"{name}{place.name}"
    data, compare = (_stage(of, number) for of in ("data", "compare"))
    tune = _trained(data, number)
    chance = random.Random(f"{gain}")
    rows = [
        LossRow(
            id=f"r{i}",
            group=f"g{i // 2}",
            tokens=9,
            before=2.0,
            after=2.0 - gain + chance.gauss(0, 0.02),
        )
        for i in range(2 * groups)
    ]
    write_rows(tune / "losses.jsonl", rows)
    summary = Summary(claims_verdict=True, comparisons=[], cells=[], arms=["base", name], seed=3)
    write_text(place / SUMMARY, summary.model_dump_json() + "\n")
    (place / SAMPLES).write_text("")
    write_text(place / folders.RECIPE, json.dumps(_recipe(name, "rows")))
    return _recorded(place, name, {"data": data, "tune": tune, "compare": compare})


def _recipe(name: str, kind: str) -> dict[str, object]:
    settings = SETTINGS.model_dump(mode="json")
    return {"name": name, "data": {"kind": kind}, "experiment": settings}


def _trained(data: Path, number: str) -> Path:
    """A tune stage on a dataset without leaks."""
    write_text(data / "leaks.json", '{"blocking": [], "printed": [], "checked": {}}\n')
    folder = _stage("tune", number)
    Manifest(stage="tune", hash=number, parents={"data": number}).write(folder)
    return folder


def _stage(name: str, number: str) -> Path:
    folder = folders.stage_folder(folders.ROOT, name, number)
    folder.mkdir(parents=True)
    Manifest(stage=name, hash=number).write(folder)
    return folder


def _recorded(place: Path, name: str, stages: dict[str, Path]) -> Path:
    names = {of: str(folder.relative_to(folders.ROOT)) for of, folder in stages.items()}
    folders.RunRecord(recipe=name, recipe_file="recipe.yaml", folder=".", stages=names).write(place)
    folders.point_latest(place)
    return place
