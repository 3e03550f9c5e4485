"""What the report of a pretraining is made of."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kamerton.experiment.report.material import ReportInputs, Trip, figures, trip
from kamerton.formats.jsonl import read_rows, read_text
from kamerton.formats.pretraining import CONTINUATIONS, PRETRAINING, Continuation, Pretraining

TOKENIZER = "report.json"
CHECKS = "checks.json"


@dataclass(frozen=True)
class PretrainingMaterial(Trip):
    """What the page shows, in memory."""

    figures: Pretraining
    continuations: list[Continuation]
    tokenizer: dict[str, Any]
    """The tokenizer's report, as the data stage left it; empty where it left none."""
    checks: dict[str, Any]
    """What the training's self-tests found."""
    language: str
    """Of the corpus, as the recipe says."""

    @property
    def ratio(self) -> float | None:
        """Perplexity per character over that of the n-gram model; None where either is missing."""
        return self.figures.ratio_to_ngram if self.figures.evaluations else None


def load(inputs: ReportInputs) -> PretrainingMaterial:
    """Read what the stages left; continuations and the tokenizer's report may be missing."""
    made = inputs.folders["pretrain"]
    data = inputs.folders.get("data")
    return PretrainingMaterial(
        **vars(trip(inputs)),
        figures=Pretraining.model_validate_json(read_text(made / PRETRAINING)),
        continuations=_continuations(made / CONTINUATIONS),
        tokenizer=figures(data / "tokenizer" if data else None, TOKENIZER),
        checks=figures(made, CHECKS),
        language=str((inputs.recipe.get("data") or {}).get("language") or "ru"),
    )


def _continuations(path: Path) -> list[Continuation]:
    there = path.is_file() and path.stat().st_size
    return read_rows(path, Continuation) if there else []
