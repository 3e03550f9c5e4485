"""What the report of a rows comparison is made of."""

from dataclasses import dataclass, replace
from typing import Any

from kamerton.experiment import likelihood
from kamerton.experiment.likelihood import CHOICE, PREFERRED
from kamerton.experiment.metrics import ADVERT, OF_ROWS
from kamerton.experiment.prompts import prompts
from kamerton.experiment.report.material import Compared, ReportInputs, compared, figures
from kamerton.experiment.rows import SETS
from kamerton.formats.losses import ChoiceRow, LossRow
from kamerton.formats.scores import Comparison, Summary

__all__ = ["SETS", "RowsMaterial", "declared", "form_only", "load", "of_choices", "of_form"]

CHECKS = "checks.json"


@dataclass(frozen=True)
class RowsMaterial(Compared):
    """What the page shows, in memory."""

    losses: list[LossRow]
    choices: list[ChoiceRow]
    checks: dict[str, Any]
    """What the training's self-tests found."""
    passed_over: int
    """Prompts that the server had no room for."""

    @property
    def method(self) -> str:
        """How the model was trained, as the training says, else the recipe."""
        return self._of_training("method", "lora")

    @property
    def objective(self) -> str:
        """What was learnt, as the training says, else the recipe."""
        return self._of_training("objective", "sft")

    @property
    def criteria(self) -> list[str]:
        """What the answers were scored by: that of briefs only where there were some."""
        scored = {name for sample in self.samples for name in sample.scores}
        return [name for name in OF_ROWS if name in scored]

    @property
    def briefed(self) -> bool:
        """Whether answers were held against briefs."""
        return any(name in ADVERT for name in self.criteria)

    def _of_training(self, key: str, default: str) -> str:
        tune = self.recipe.get("tune") or {}
        return str(self.training.get(key) or tune.get(key) or default)

    @property
    def formal(self) -> Compared:
        """The same with the criteria of form and of briefs alone."""
        return replace(self, summary=form_only(self.summary))


def load(inputs: ReportInputs) -> RowsMaterial:
    """Read what the stages left; the training may have left neither losses nor choices."""
    folders, found = inputs.folders, compared(inputs)
    planned = prompts(found.settings, folders["data"], found.summary.seed)
    asked = {sample.question_id for sample in found.samples}
    return RowsMaterial(
        **vars(found),
        checks=figures(folders.get("tune"), CHECKS),
        losses=likelihood.losses(folders["tune"]) if "tune" in folders else [],
        choices=likelihood.choices(folders["tune"]) if "tune" in folders else [],
        passed_over=len(planned) - len(asked),
    )


def of_choices(summary: Summary) -> list[Comparison]:
    """The comparisons of what people chose: the loss of choices, then the order of pairs."""
    return [c for c in summary.comparisons if c.criterion in (CHOICE, PREFERRED)]


def declared(summary: Summary) -> list[Comparison]:
    """The hypotheses that a rows recipe declares, in the order in which they are told."""
    return [c for c in summary.comparisons if c.family == "primary"]


def of_form(summary: Summary) -> list[Comparison]:
    """The comparisons of the answers' form, and of how they follow their briefs."""
    return [c for c in summary.comparisons if c.criterion in OF_ROWS]


def form_only(summary: Summary) -> Summary:
    """The summary of those alone."""
    cells = [cell for cell in summary.cells if cell.criterion in OF_ROWS]
    return summary.model_copy(update={"cells": cells, "comparisons": of_form(summary)})
