"""A base's licence, as far as its maker states it on this machine."""

from pathlib import Path

import pytest

from kamerton.develop.hub import licence_of


@pytest.mark.parametrize(
    ("card", "licence"),
    [("---\nlicense: mit\n---\n# Base\n", "mit"), ("# Base\n", ""), (None, "")],
)
def test_the_licence_stands_in_the_card_of_a_folder(
    tmp_path: Path, card: str | None, licence: str
) -> None:
    if card is not None:
        (tmp_path / "README.md").write_text(card)
    assert licence_of(str(tmp_path)) == licence


def test_the_embedded_base_has_that_of_its_package() -> None:
    assert licence_of("embedded") == "apache-2.0"


def test_of_a_base_that_was_never_fetched_nothing_is_known(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "README.md").write_text("---\nlicense: mit\n---\n")
    assert licence_of("owner/never-fetched") == licence_of("") == ""
