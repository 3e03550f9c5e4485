"""What an advertising text was ordered by: the brief, and how long the text may be."""

import json
from pathlib import Path
from typing import Literal

from pydantic import Field, model_validator

from kamerton.formats.errors import InputError
from kamerton.formats.jsonl import Record, check_row, read_objects
from kamerton.formats.manifest import digest

Channel = Literal["site", "email", "social", "billboard"]
SYNTH = "synth"
"""Folder of what a teacher wrote, in that of the dataset."""
BRIEFS = "briefs.jsonl"
"""The orders of its accepted texts."""


class Brief(Record):
    """One order for a text."""

    beginning: str = ""
    """Words that the text must start with, to the letter; may be empty."""
    task: str = Field(min_length=1)
    """The business task: what the text is for."""
    product: str = Field(min_length=1)
    facts: tuple[str, ...] = Field(min_length=1)
    audience: str = Field(min_length=1)
    channel: Channel
    tone: str = Field(min_length=1)
    about: str = ""
    """What the product is, for the teacher only: the client's request does not carry it."""
    split: Literal["train", "test"] = "train"

    @property
    def id(self) -> str:
        """Twelve hex digits over everything but the split."""
        said = self.model_dump(exclude={"split"})
        return digest(json.dumps(said, ensure_ascii=False, sort_keys=True))


class Order(Record):
    """The brief of one row, and the limits of its channel."""

    id: str
    """Of the row whose answer was ordered so."""
    brief: Brief
    shortest: int = Field(ge=0)
    """Fewest characters, spaces among them."""
    longest: int = Field(ge=1)

    @model_validator(mode="after")
    def _in_order(self) -> "Order":
        if self.shortest > self.longest:
            raise ValueError("shortest is more than longest")
        return self


def read_orders(path: Path) -> dict[str, Order]:
    """Orders by the ids of their rows; InputError names the line of a bad one or a second one."""
    found: dict[str, Order] = {}
    for number, row in read_objects(path):
        order = check_row(row, Order, f"{path}:{number}")
        if order.id in found:
            raise InputError("formats.order_twice", where=f"{path}:{number}", id=order.id)
        found[order.id] = order
    return found
