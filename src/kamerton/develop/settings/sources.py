"""Rights and privacy: what a recipe says about texts of other people. No heavy import."""

from pathlib import Path
from typing import Literal

from pydantic import Field

from kamerton.formats.recipe import Section
from kamerton.privacy import Personal


class RightsSettings(Section):
    """Which works may be used; what is unknown stops the run."""

    table: Path | None = None
    """YAML table of authors, works and licences, matched to the files by pattern."""
    licence: str = ""
    """Licence of the whole source, where one holds for all of it."""
    accept: str = ""
    """Why works of unknown rights may be used all the same; empty: they stop the run."""
    year: int = 2026
    """Year for which terms of protection are counted: part of the recipe, so that it repeats."""
    term: int = Field(70, ge=0)
    """Years of protection after an author's death, or after a later first printing."""
    protected: Literal["drop", "keep", "stop"] = "drop"
    """What happens with works still protected."""


class PrivacySettings(Section):
    """Personal data in texts: what is looked for, and what happens with it."""

    find: list[Personal] = ["email", "phone", "inn", "snils", "passport", "card"]
    """Kinds to look for; `name` needs the extra `kamerton[names]`."""
    action: Literal["mask", "drop", "keep"] = "mask"
    """`mask` writes <EMAIL> in its place, `drop` takes the paragraph away, `keep` only counts."""
