"""Every request and its reply, one line each, on disk the moment it is there: asked once only."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Generic, TypeVar

from pydantic import BaseModel

from kamerton.formats import jsonl
from kamerton.formats.errors import InputError

Row = TypeVar("Row", bound=BaseModel)


def request_key(model: str, body: Mapping[str, Any], sample: int = 0) -> str:
    """What a reply is found again by, 24 hex digits: the model, all that it is told, the seed.

    `model` is what decides the answer: a fingerprint of weights and tokenizer, or address and id.
    `sample` is the number of the answer where the same is asked several times. A greedy answer
    does not depend on the seed, so it is none of its key.
    """
    told = {name: value for name, value in body.items() if name != "model"}
    if told.get("temperature") == 0:
        told.pop("seed", None)
    whole = json.dumps({"model": model, "body": told, "sample": sample}, sort_keys=True)
    return hashlib.sha256(whole.encode()).hexdigest()[:24]


class Ledger(Generic[Row]):
    """The rows of a file and in memory; written by one process at a time."""

    def __init__(self, path: Path, form: type[Row], key: str = "id") -> None:
        """Read what an earlier start left; a last line that a kill cut short is dropped.

        `key` is the field that holds the `request_key`. InputError where the file cannot be read,
        and for a line before the last that is no row: that was not a kill.
        """
        self.path, self._key = path, key
        try:
            self.rows = jsonl.restored(path, form, "client.ledger_line")
        except OSError as error:
            raise InputError(
                "client.no_ledger", where=str(path), why=error.strerror or error
            ) from error
        self._latest = {self._key_of(row): row for row in self.rows}

    def get(self, key: str) -> Row | None:
        """The last row of a request; None where it was not asked."""
        return self._latest.get(key)

    def append(self, row: Row) -> None:
        """Add a row; it is in the file when this returns."""
        jsonl.append_row(self.path, row)
        self.rows.append(row)
        self._latest[self._key_of(row)] = row

    def replace(self, rows: Iterable[Row]) -> None:
        """Write other rows in place of all, whole or not at all."""
        self.rows = list(rows)
        jsonl.write_rows(self.path, self.rows)
        self._latest = {self._key_of(row): row for row in self.rows}

    def _key_of(self, row: Row) -> str:
        return str(getattr(row, self._key))
