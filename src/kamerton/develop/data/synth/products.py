"""What briefs are drawn from: a YAML file of products, tasks, channels, tones and beginnings."""

from pathlib import Path
from string import Formatter

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from kamerton.formats.brief import Channel
from kamerton.formats.errors import InputError
from kamerton.formats.recipe import read_yaml


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Product(_Strict):
    """One product: what is true of it, and for whom it is."""

    name: str = Field(min_length=1)
    about: str = Field(min_length=1)
    """What kind of thing it is, for the teacher; the figures stand in the facts."""
    facts: list[str] = Field(min_length=1)
    audience: str = Field(min_length=1)


class Choices(_Strict):
    """Everything that a brief is put together from."""

    products: list[Product] = Field(min_length=1)
    channels: list[Channel] = Field(min_length=1)
    tasks: list[str] = Field(min_length=1)
    tones: list[str] = Field(min_length=1)
    beginnings: dict[Channel, list[str]] = {}
    """First words of texts by channel; `{product}` stands for the product's name."""


def read(path: Path) -> Choices:
    """The choices of a file; InputError names the product and field that is wrong."""
    raw = read_yaml(path)
    try:
        choices = Choices.model_validate(raw)
    except ValidationError as error:
        raise _explain(error, path) from error
    names = [key(product.name) for product in choices.products]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise InputError("develop.synth_product_twice", where=str(path), names=", ".join(twice))
    for beginning in (text for texts in choices.beginnings.values() for text in texts):
        check_fields(beginning, {"product"}, str(path))
    return choices


def key(name: str) -> str:
    """A product's name as it is compared: without case and spare spaces.

    >>> key(" Насос  Иволга ")
    'насос иволга'
    """
    return " ".join(name.casefold().split())


def check_fields(text: str, known: set[str], where: str) -> None:
    """InputError where `str.format` could not fill `text` from the `known` names alone."""
    try:
        parts = list(Formatter().parse(text))
    except ValueError as error:
        raise InputError("develop.synth_bad_braces", where=where, why=str(error)) from error
    for _, name, form, conversion in parts:
        if name is not None and (name not in known or form or conversion):
            raise InputError(
                "develop.synth_bad_placeholder",
                where=where,
                name="{" + name + "}",
                known=", ".join(sorted(known)),
            )


def _explain(error: ValidationError, path: Path) -> InputError:
    first = error.errors()[0]
    field = ".".join(str(part) for part in first["loc"]) or "-"
    return InputError("formats.bad_field", where=str(path), field=field, why=first["msg"])
