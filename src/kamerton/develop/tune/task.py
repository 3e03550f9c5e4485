"""One training as data: everything that is known of it before any weights load."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kamerton.develop.settings import TuneSettings
from kamerton.develop.tune.encode import Encoded

CHECKPOINTS = "checkpoints"


@dataclass(frozen=True)
class Rows:
    """What is learnt from, and what is only measured on."""

    train: list[Encoded]
    held_out: list[Encoded]
    overlong: int
    """Training rows that were cut or dropped."""


@dataclass(frozen=True)
class Task:
    """One training, all of it known before any weights load."""

    settings: TuneSettings
    base: str
    tokenizer: Any
    data: Path
    out: Path
    seed: int
    threads: int
    first_text: str
    """What a soft prompt begins as."""
    adapter: Path | None
    """The adapter to continue from."""

    @property
    def checkpoints(self) -> Path:
        """Where a killed run left what it goes on from."""
        return self.out / CHECKPOINTS
