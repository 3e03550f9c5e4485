"""The report stage: `report.html`, `model_card.md` and the table that ends a run."""

from pathlib import Path

from kamerton.experiment.report import guide, pretraining, rows, rows_run
from kamerton.experiment.report.blocks import Page, html
from kamerton.experiment.report.card import Card, model_card
from kamerton.experiment.report.material import Kind, ReportInputs
from kamerton.experiment.report.sections import closing_words
from kamerton.formats.jsonl import write_text

REPORT, CARD, TABLE = "report.html", "model_card.md", "table.txt"

__all__ = ["CARD", "REPORT", "TABLE", "Kind", "ReportInputs", "report"]


def report(inputs: ReportInputs, out: Path) -> None:
    """Write the page, the model card and the table, in the language in force.

    A kind of run is a module with a page, a card and a table of its own.
    """
    page, card, table = _made(inputs)
    write_text(out / REPORT, html(page))
    write_text(out / CARD, model_card(card))
    write_text(out / TABLE, table)


def _made(inputs: ReportInputs) -> tuple[Page, Card, str]:
    match inputs.kind:
        case "guide":
            run = guide.load(inputs)
            return guide.page(run), guide.card(run), closing_words(guide.outcome(run))
        case "rows":
            compared = rows_run.load(inputs)
            return rows.page(compared), rows.card(compared), closing_words(rows.outcome(compared))
        case "corpus":
            trained = pretraining.load(inputs)
            return (
                pretraining.page(trained),
                pretraining.model_card(trained),
                pretraining.table(trained),
            )
