"""A sheet to hand round in one folder, and its key in another: who rates must not see it."""

from collections.abc import Sequence
from pathlib import Path

from kamerton.experiment.judge.pairs import Pair
from kamerton.experiment.judge.settings import CRITERIA
from kamerton.experiment.rating.read import read_key
from kamerton.experiment.rating.sheet import Key, blind
from kamerton.experiment.rating.write import CSV, KEY, PAGE, sheet_csv, sheet_page
from kamerton.experiment.settings import Criterion
from kamerton.formats.errors import InputError
from kamerton.formats.jsonl import write_text


def hand_out(
    pairs: Sequence[Pair],
    folder: Path,
    keep: Path,
    seed: int = 0,
    criteria: Sequence[Criterion] = CRITERIA,
) -> Key:
    """Write `rating.csv` and `rating.html` into `folder` and `key.json` into `keep`.

    The same pairs, seed and criteria write the same files again. InputError where `keep` has the
    key of another sheet, without which its ratings could not be read any more; where both folders
    are one; and where there is nothing to rate.
    """
    if folder.resolve() == keep.resolve():
        raise InputError("experiment.rating_key_beside", where=str(folder))
    sheet, key = blind(pairs, seed, criteria)
    path = keep / KEY
    if path.is_file() and (old := read_key(path)).sheet != key.sheet:
        raise InputError("experiment.rating_other_key", where=str(path), sheet=old.sheet)
    write_text(path, key.model_dump_json(indent=2) + "\n")
    write_text(folder / CSV, sheet_csv(sheet))
    write_text(folder / PAGE, sheet_page(sheet))
    return key
