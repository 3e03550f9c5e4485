"""Local copies of sets, and sources that are refused."""

import json
from pathlib import Path
from typing import Any

import pyarrow
import pytest
from pyarrow import parquet

from kamerton.develop.data.sources.named import load
from kamerton.develop.data.sources.remote import fetch
from kamerton.formats.errors import InputError

TEXT = "Мастер настроил рояль за один вечер и уехал последним поездом."


def write(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".parquet":
        parquet.write_table(pyarrow.Table.from_pylist(rows), path)
    elif path.suffix == ".json":
        path.write_text(json.dumps(rows), "utf-8")
    else:
        path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    return path


def refused(*args: Any, **named: Any) -> InputError:
    with pytest.raises(InputError) as caught:
        list(load(*args, **named))
    assert str(caught.value)
    return caught.value


def not_fetched(source: str, cache: Path) -> InputError:
    with pytest.raises(InputError) as caught:
        fetch(source, cache)
    assert source in str(caught.value)
    return caught.value


def left(cache: Path) -> list[str]:
    return sorted(p.name for p in cache.rglob("*") if p.is_file())
