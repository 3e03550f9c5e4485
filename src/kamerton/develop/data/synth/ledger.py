"""Every request that was made, one line each: `ledger.jsonl`, which a later start goes on from."""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from pydantic import Field

from kamerton.client import ledger
from kamerton.formats.chat import Message
from kamerton.formats.jsonl import Record, read_text, write_text

FILE = "ledger.jsonl"
Status = Literal["accepted", "rejected", "failed"]


class LedgerRow(Record):
    """One request: what was asked of whom, what it cost, what came of it."""

    id: str
    """The `request_key` over teacher, model, prompt, seed and the other parameters."""
    host: str
    """Host and port of the teacher."""
    model: str
    prompt_hash: str
    template_hash: str
    sent: list[Message] = []
    """All that was sent, where the teacher is not on this machine."""
    brief_id: str
    seed: int
    prompt_tokens: int = Field(ge=0)
    """Of all tries together."""
    completion_tokens: int = Field(ge=0)
    estimated: bool = False
    """Whether the server did not count the tokens of every try: then they are estimated."""
    cost: float = Field(ge=0)
    seconds: float = Field(ge=0)
    attempts: int = Field(ge=1)
    finish_reason: str = ""
    status: Status
    reason: str = ""
    """Which filter rejected the text, or why the last try failed."""
    text: str = ""


class Ledger(ledger.Ledger[LedgerRow]):
    """The rows on disk and in memory, and what they cost so far."""

    def __init__(self, path: Path, recorded: Path | None = None) -> None:
        """Read the rows of an earlier start; of `recorded` where there was none."""
        if recorded and not path.is_file():
            write_text(path, read_text(recorded))
        super().__init__(path, LedgerRow)
        self.tokens = sum(row.prompt_tokens + row.completion_tokens for row in self.rows)
        self.cost = sum(row.cost for row in self.rows)

    def append(self, row: LedgerRow) -> None:
        """Add a row; it is in the file when this returns."""
        super().append(row)
        self.tokens += row.prompt_tokens + row.completion_tokens
        self.cost += row.cost

    def answered(self) -> dict[str, LedgerRow]:
        """The rows with a text by request id; a failed request is none of them."""
        return {row.id: row for row in self.rows if row.status != "failed"}

    def decide(self, reasons: dict[str, str]) -> None:
        """Write the verdicts, reasons by request id ("" where accepted), whole or not at all."""
        rows = []
        for row in self.rows:
            if row.status != "failed" and row.id in reasons:
                reason = reasons[row.id]
                status = "rejected" if reason else "accepted"
                row = row.model_copy(update={"status": status, "reason": reason})
            rows.append(row)
        self.replace(rows)

    def over(self, tokens: int | None, cost: float | None) -> bool:
        """Whether one of the limits is reached; None is no limit."""
        spent_tokens = tokens is not None and self.tokens >= tokens
        return spent_tokens or (cost is not None and self.cost >= cost)


def failures(rows: Sequence[LedgerRow]) -> list[LedgerRow]:
    """The last row of each request that never got a text."""
    answered = {row.id for row in rows if row.status != "failed"}
    last = {row.id: row for row in rows if row.id not in answered}
    return list(last.values())
