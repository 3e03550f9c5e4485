"""Every reply as a line on disk the moment it is there: nothing is asked twice after a kill."""

from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import IO, Generic, Self, TypeVar

from pydantic import BaseModel, ConfigDict, FiniteFloat, ValidationError

from kamerton.formats.errors import InputError
from kamerton.formats.jsonl import write_rows

REPLIES, SCORES = "replies.jsonl", "scores.jsonl"


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


class Likelihood(BaseModel):
    """How likely a model finds the last tokens of a text; natural logarithms."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    key: str
    """Digest of all that decides it (`scoring.key`): weights and tokens."""
    id: str
    """Of the question or text."""
    log_likelihood: FiniteFloat
    """Sum over the tokens that were scored."""
    tokens: int
    greedy: bool
    """Whether each of them is the likeliest one at its place."""


R = TypeVar("R", Reply, Likelihood)


class Lines(Generic[R]):
    """The rows of a file, by key; open it with `with`, by one process at a time."""

    def __init__(self, path: Path, form: type[R]) -> None:
        """Nothing is read or written before `with`."""
        self._path = path
        self._form: type[R] = form
        self._known: dict[str, R] = {}
        self._stream: IO[str] | None = None

    def __enter__(self) -> Self:
        """Read what is there; a line that a kill cut short is dropped from the file."""
        text = self._read()
        rows = list(_whole(text, self._form))
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

    def get(self, key: str) -> R | None:
        """What was found before; None where it was not asked for."""
        return self._known.get(key)

    def add(self, row: R) -> None:
        """Keep a row, on disk too."""
        assert self._stream is not None, "the ledger is not open"
        self._known[row.key] = row
        self._stream.write(row.model_dump_json() + "\n")
        self._stream.flush()


class Ledger(Lines[Reply]):
    """The replies in a file."""

    def __init__(self, path: Path) -> None:
        """Nothing is read or written before `with`."""
        super().__init__(path, Reply)


def _whole(text: str, form: type[R]) -> Iterator[R]:
    for line in text.split("\n"):
        try:
            yield form.model_validate_json(line)
        except ValidationError:
            continue
