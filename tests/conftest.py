"""What many tests share: a tiny model, the museum recipe, and one language."""

from pathlib import Path

import pytest

from tiny_model import make_model

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(autouse=True)
def english(monkeypatch: pytest.MonkeyPatch) -> None:
    """Texts are compared in English wherever a test does not say otherwise."""
    monkeypatch.setenv("KAMERTON_LANG", "en")


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random Llama of about a million parameters, with its tokenizer."""
    return make_model(tmp_path_factory.mktemp("tiny"))


@pytest.fixture(scope="session")
def museum() -> Path:
    """The folder of the museum recipe."""
    return ROOT / "recipes" / "museum"
