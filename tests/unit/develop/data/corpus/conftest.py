"""The planted corpus, and what the data stage makes of it."""

from pathlib import Path

import pytest
from planted import KINDS, Planted, Prepare, plant

from kamerton.develop.data.corpus.run import prepare
from kamerton.develop.settings import CorpusSettings

SMALL: dict[str, object] = {
    "kind": "corpus",
    "rights": {"accept": "written for this test"},
    "privacy": {"find": KINDS, "action": "mask"},
    "held_out": 0.15,
    "vocabulary": 400,
    "context": 64,
    "workers": 1,
}


@pytest.fixture(scope="session")
def planted(tmp_path_factory: pytest.TempPathFactory) -> Planted:
    return plant(tmp_path_factory.mktemp("planted") / "texts")


@pytest.fixture(scope="session")
def make(planted: Planted, tmp_path_factory: pytest.TempPathFactory) -> Prepare:
    """Prepare a folder, the planted one where none is given, with changes of the settings."""

    def run(source: Path | None = None, **changes: object) -> Path:
        tree = SMALL | {"source": str(source or planted.folder)} | changes
        out = tmp_path_factory.mktemp("corpus")
        prepare(CorpusSettings.model_validate(tree), out, out, 7)
        return out

    return run


@pytest.fixture(scope="session")
def made(make: Prepare) -> Path:
    """The planted corpus by the settings' own limits."""
    return make()
