"""What each kind of data means to the stages."""

from kamerton.app.kinds.corpus import CORPUS
from kamerton.app.kinds.guide import GUIDE
from kamerton.app.kinds.kind import DataKind, Figures, Folders, Named
from kamerton.app.kinds.rows import ROWS
from kamerton.develop.settings import DataSettings

KINDS: dict[str, DataKind] = {"guide": GUIDE, "corpus": CORPUS, "rows": ROWS}
"""By the recipe's `data.kind`."""


def kind_of(data: DataSettings) -> DataKind:
    """The kind of a recipe's section `data`."""
    return KINDS[data.kind]


__all__ = ["KINDS", "DataKind", "Figures", "Folders", "Named", "kind_of"]
