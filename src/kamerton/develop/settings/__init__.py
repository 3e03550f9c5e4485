"""What a recipe says about data, tuning and export. No heavy import lives here."""

from typing import Annotated, Any

from pydantic import Discriminator, Tag

from kamerton.develop.settings.data import CorpusSettings, GuideSettings, RowsSettings
from kamerton.develop.settings.model import (
    ExportSettings,
    PretrainSettings,
    TrainingSettings,
    TuneSettings,
)


def kind_of(data: Any) -> str:
    """Which kind of data a section describes; a guide where it does not say."""
    kind = data.get("kind", "guide") if isinstance(data, dict) else getattr(data, "kind", None)
    return str(kind)


DataSettings = Annotated[
    Annotated[GuideSettings, Tag("guide")]
    | Annotated[CorpusSettings, Tag("corpus")]
    | Annotated[RowsSettings, Tag("rows")],
    Discriminator(kind_of),
]
"""The recipe's section `data`, by its `kind`."""

__all__ = [
    "CorpusSettings",
    "DataSettings",
    "ExportSettings",
    "GuideSettings",
    "PretrainSettings",
    "RowsSettings",
    "TrainingSettings",
    "TuneSettings",
    "kind_of",
]
