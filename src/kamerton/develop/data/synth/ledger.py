"""Every request that was made, one line each: `ledger.jsonl`, which a later start goes on from."""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from kamerton.formats.errors import InputError
from kamerton.formats.jsonl import read_text, write_rows, write_text

FILE = "ledger.jsonl"
Status = Literal["accepted", "rejected", "failed"]


class LedgerRow(BaseModel):
    """One request: what was asked of whom, what it cost, what came of it."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    id: str
    """Twelve hex digits over teacher, model, prompt, seed and the other parameters."""
    host: str
    """Host and port of the teacher."""
    model: str
    prompt_hash: str
    template_hash: str
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


class Ledger:
    """The rows on disk and in memory, and what they cost so far."""

    def __init__(self, path: Path, recorded: Path | None = None) -> None:
        """Read the rows of an earlier start; of `recorded` where there was none."""
        if recorded and not path.is_file():
            write_text(path, read_text(recorded))
        self.path = path
        self.rows = restored(path)
        self.tokens = sum(row.prompt_tokens + row.completion_tokens for row in self.rows)
        self.cost = sum(row.cost for row in self.rows)

    def append(self, row: LedgerRow) -> None:
        """Add a row; it is in the file when this returns."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("ab") as stream:
            stream.write(row.model_dump_json().encode() + b"\n")
            stream.flush()
        self.rows.append(row)
        self.tokens += row.prompt_tokens + row.completion_tokens
        self.cost += row.cost

    def answered(self) -> dict[str, LedgerRow]:
        """The rows with a text by request id; a failed request is none of them."""
        return {row.id: row for row in self.rows if row.status != "failed"}

    def decide(self, reasons: dict[str, str]) -> None:
        """Write the verdicts, reasons by request id ("" where accepted), whole or not at all."""
        self.rows = [_decided(row, reasons) for row in self.rows]
        write_rows(self.path, self.rows)

    def over(self, tokens: int | None, cost: float | None) -> bool:
        """Whether one of the limits is reached; None is no limit."""
        spent_tokens = tokens is not None and self.tokens >= tokens
        return spent_tokens or (cost is not None and self.cost >= cost)


def restored(path: Path) -> list[LedgerRow]:
    """All rows of a ledger; a last line that a kill cut short is taken out of the file.

    Raises InputError for a line before it that is no row: that was not a kill.
    """
    if not path.is_file():
        return []
    # Not splitlines(): a text may contain separators that only Unicode knows; and the cut may
    # have gone through the middle of a letter.
    *whole, last = path.read_bytes().split(b"\n")
    rows = [_row(line, f"{path}:{number}") for number, line in enumerate(whole, 1) if line.strip()]
    if last.strip():
        rows += _half_written(last)
        write_rows(path, rows)
    return rows


def failures(rows: Sequence[LedgerRow]) -> list[LedgerRow]:
    """The last row of each request that never got a text."""
    answered = {row.id for row in rows if row.status != "failed"}
    last = {row.id: row for row in rows if row.id not in answered}
    return list(last.values())


def _row(line: bytes, where: str) -> LedgerRow:
    try:
        return LedgerRow.model_validate_json(line)
    except ValidationError as error:
        why = error.errors()[0]["msg"]
        raise InputError("develop.synth_ledger_line", where=where, why=why) from error


def _half_written(line: bytes) -> list[LedgerRow]:
    """A last line without its end: whole after all, or to be asked again."""
    try:
        return [LedgerRow.model_validate_json(line)]
    except ValidationError:
        return []


def _decided(row: LedgerRow, reasons: dict[str, str]) -> LedgerRow:
    if row.status == "failed" or row.id not in reasons:
        return row
    reason = reasons[row.id]
    status: Status = "rejected" if reason else "accepted"
    return row.model_copy(update={"status": status, "reason": reason})
