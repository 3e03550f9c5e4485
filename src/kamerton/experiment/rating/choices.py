"""What raters chose of each pair, unblinded: `ratings.jsonl`, which a judge is calibrated by."""

from collections.abc import Sequence
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from kamerton.experiment.criteria import Judgeable
from kamerton.experiment.judge.calibration import Human
from kamerton.experiment.judge.pairs import Choice
from kamerton.experiment.rating.read import read_ratings
from kamerton.experiment.rating.sheet import read_key
from kamerton.experiment.rating.verdict import Opinion, consensus, unblinded
from kamerton.formats.jsonl import insist_unique, read_rows, write_rows

FILE = "ratings.jsonl"


class Chosen(BaseModel):
    """One pair on one criterion."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    pair: str
    criterion: Judgeable
    choice: Choice
    """Of most raters; a tie where two choices have equally many."""
    raters: dict[str, Choice]
    """Rater to what they chose."""


def write_choices(paths: Sequence[Path], key_file: Path, out: Path) -> list[Chosen]:
    """Read the raters' files, unblind them by the key, and write `ratings.jsonl` into `out`."""
    key = read_key(key_file)
    opinions = unblinded(read_ratings(paths, key), key)
    by: dict[tuple[str, Judgeable], list[Opinion]] = {}
    for one in opinions:
        by.setdefault((one.pair, one.criterion), []).append(one)
    rows = [
        Chosen(
            pair=pair,
            criterion=criterion,
            choice=consensus(of)[pair, criterion],
            raters={one.rater: one.choice for one in of},
        )
        for (pair, criterion), of in by.items()
    ]
    write_rows(out / FILE, rows)
    return rows


def read_choices(folder: Path) -> Human | None:
    """People's choices to calibrate a judge by; None where nobody has rated the run."""
    path = folder / FILE
    if not path.is_file():
        return None
    rows = read_rows(path, Chosen)
    insist_unique(((row.pair, row.criterion) for row in rows), str(path))
    found: Human = {(row.pair, row.criterion): row.choice for row in rows}
    return found if any(choice != "unrated" for choice in found.values()) else None
