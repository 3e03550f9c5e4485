"""Every reply as a line on disk the moment it is there: nothing is asked twice after a kill."""

from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import IO

from pydantic import BaseModel, ConfigDict, ValidationError

from kamerton.formats.errors import InputError
from kamerton.formats.jsonl import write_rows

REPLIES = "replies.jsonl"


class Reply(BaseModel):
    """One answer of a model."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    key: str
    """Digest of all that decides it (`client.key`): weights, tokens, sampling, seed, number."""
    id: str
    """Of the question."""
    sample: int
    """Number of the answer among the question's, from 0."""
    text: str
    finish_reason: str
    prompt_tokens: int
    completion_tokens: int


class Ledger:
    """The replies in a file, by key; open it with `with`, by one process at a time."""

    def __init__(self, path: Path) -> None:
        """Nothing is read or written before `with`."""
        self._path = path
        self._known: dict[str, Reply] = {}
        self._stream: IO[str] | None = None

    def __enter__(self) -> "Ledger":
        """Read what is there; a line that a kill cut short is dropped from the file."""
        text = self._read()
        rows = list(_whole(text))
        if len(rows) < len(text.splitlines()) or (text and not text.endswith("\n")):
            write_rows(self._path, rows)
        self._known = {row.key: row for row in rows}
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._stream = self._path.open("a", encoding="utf-8")
        return self

    def _read(self) -> str:
        if not self._path.exists():
            return ""
        try:
            return self._path.read_text("utf-8", errors="replace")
        except OSError as error:
            where = str(self._path)
            raise InputError("experiment.ask_no_ledger", where=where, why=error.strerror) from error

    def __exit__(
        self, kind: type[BaseException] | None, one: BaseException | None, at: TracebackType | None
    ) -> None:
        """Close the file."""
        if self._stream:
            self._stream.close()

    def get(self, key: str) -> Reply | None:
        """The reply to what was asked before; None where it was not."""
        return self._known.get(key)

    def add(self, reply: Reply) -> None:
        """Keep a reply, on disk too."""
        assert self._stream is not None, "the ledger is not open"
        self._known[reply.key] = reply
        self._stream.write(reply.model_dump_json() + "\n")
        self._stream.flush()


def _whole(text: str) -> Iterator[Reply]:
    for line in text.split("\n"):
        try:
            yield Reply.model_validate_json(line)
        except ValidationError:
            continue
