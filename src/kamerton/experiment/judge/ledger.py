"""Every request to the judge, one line each: `judge.jsonl`, which a later start goes on from."""

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from kamerton.experiment.judge.pairs import Choice
from kamerton.experiment.judge.prompts import Order
from kamerton.experiment.judge.settings import Form
from kamerton.experiment.settings import Criterion
from kamerton.formats import jsonl
from kamerton.formats.jsonl import append_row

FILE = "judge.jsonl"
Why = Literal["", "empty", "nonsense", "contradictory", "timeout", "unreachable", "busy", "refused"]
ANSWERED: tuple[Why, ...] = ("", "empty", "nonsense", "contradictory", "refused")
"""The server had its say: the same request again would get the same."""


class LedgerRow(BaseModel):
    """One request: what was asked of whom, and what came of it."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    id: str
    """Twelve hex digits over host, model, messages and parameters."""
    pair: str
    criterion: Criterion
    order: Order
    host: str
    model: str
    form: Form
    """The form that the reply was held to in the end."""
    choice: Choice
    why: Why = ""
    """Why there is no rating."""
    reason: str = ""
    """The judge's own words."""
    text: str = ""
    """The reply, at most its first 2,000 characters."""
    attempts: int = Field(ge=1)
    seconds: float = Field(ge=0)
    prompt_tokens: int = Field(0, ge=0)
    completion_tokens: int = Field(0, ge=0)

    @property
    def answered(self) -> bool:
        """Whether asking the same once more would be asking twice."""
        return self.why in ANSWERED


class Ledger:
    """The rows on disk and in memory, the last of each request."""

    def __init__(self, path: Path) -> None:
        """Read the rows of an earlier start."""
        self.path = path
        self.rows = {row.id: row for row in restored(path)}

    def append(self, row: LedgerRow) -> None:
        """Add a row; it is in the file when this returns."""
        append_row(self.path, row)
        self.rows[row.id] = row

    def has(self, request: str) -> bool:
        """Whether the judge has answered a request, sense or not."""
        return request in self.rows and self.rows[request].answered


def restored(path: Path) -> list[LedgerRow]:
    """All rows of a ledger; a last line that a kill cut short is taken out of the file.

    InputError for a line before it that is no row: that was not a kill.
    """
    return jsonl.restored(path, LedgerRow, "experiment.judge_ledger_line")
