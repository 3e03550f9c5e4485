"""What many tests share: a tiny model, the museum recipe, and one language."""

import logging
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tiny_model import make_model

if TYPE_CHECKING:
    from playwright.sync_api import Browser

# Two workers share two processors, and products of tiny models are too short for several threads,
# which would wait for each other and spin. What sets its threads itself is not changed by this.
os.environ.setdefault("OMP_NUM_THREADS", "1")
# Workers are told a width of 80, to which tables would be wrapped: tests have no terminal.
os.environ.pop("COLUMNS", None)
# A library's handler keeps the stream of the test that imported it first, which is closed later.
logging.raiseExceptions = False

ROOT = Path(__file__).resolve().parents[1]
CHROMIUM = shutil.which("chromium")
FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
]  # fmt: skip


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


@pytest.fixture(scope="module")  # a longer one would leave its event loop to tests of other files
def browser() -> Iterator["Browser"]:
    """Real Chromium, where there is one."""
    if CHROMIUM is None:
        pytest.skip("no chromium: apt-get install chromium")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as play:
        opened = play.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield opened
        opened.close()
