"""How often the passage of the exhibit asked about is found, by cosine, by BM25, by both.

Builds the museum recipe's data in a temporary folder, in English and in Russian, and asks the
questions on known and unknown exhibits. Prints the table of docs/decisions/0003-retrieval.md:
questions whose own passage comes first, those where it is among the first three, and the p of
the difference in first places to cosine (paired sign-flip test, the exhibit is the unit).
"""

import json
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import get_args

from kamerton.formats.jsonl import read_rows
from kamerton.formats.questions import Question
from kamerton.formats.retrieval import How
from kamerton.retrieval.search import find, load
from kamerton.stats import sign_flip

PRESETS: dict[str, tuple[str, ...]] = {"English": (), "Russian": ("--preset", "russian")}
DEPTH = 3


def dataset(folder: Path, options: tuple[str, ...]) -> Path:
    """The outputs of the data stage, made in `folder`."""
    program = [sys.executable, "-m", "kamerton.cli.main", "run", "museum", "--only", "data"]
    done = subprocess.run(
        [*program, "--json", *options], cwd=folder, check=True, stdout=subprocess.PIPE
    )
    return folder / str(json.loads(done.stdout)["folder"])


def places(folder: Path, questions: list[Question]) -> dict[How, list[int]]:
    """For each way the place, from 0, of each question's own passage; DEPTH where it is lower."""
    index = load(folder / "index", "fused")  # holds what all three ways need
    return {
        how: [
            _place([h.chunk.id for h in find(replace(index, how=how), q.question, DEPTH)], q)
            for q in questions
        ]
        for how in get_args(How)
    }


def _place(found: list[str], question: Question) -> int:
    return found.index(question.group) if question.group in found else DEPTH


def report(language: str, questions: list[Question], found: dict[How, list[int]]) -> None:
    """One line of the table for each way."""
    groups = [question.group for question in questions]
    cosine = [place == 0 for place in found["cosine"]]
    for how, ranks in found.items():
        first = [place == 0 for place in ranks]
        near = sum(place < DEPTH for place in ranks)
        p = sign_flip([float(a) - float(b) for a, b in zip(first, cosine, strict=True)], groups)
        cells = (language, how, len(questions), sum(first), near, f"{p:.4f}")
        print("| " + " | ".join(map(str, cells)) + " |")


def main() -> None:
    """Print the table."""
    print(f"| language | ranking | questions | first | in first {DEPTH} | p against cosine |")
    print("|---|---|---|---|---|---|")
    for language, options in PRESETS.items():
        with tempfile.TemporaryDirectory() as folder:
            data = dataset(Path(folder), options)
            questions = [
                row
                for name in ("known", "unknown")
                for row in read_rows(data / f"{name}.jsonl", Question)
            ]
            report(language, questions, places(data, questions))


if __name__ == "__main__":
    main()
