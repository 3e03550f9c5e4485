"""Documents to passages, with their places."""

from pathlib import Path

import pytest

from kamerton.formats.errors import InputError
from kamerton.retrieval import passages


def test_documents_are_cut_at_paragraphs_with_offsets(tmp_path: Path) -> None:
    text = "First paragraph.\n\nSecond one. " + "It has a sentence of seven words. " * 10
    (tmp_path / "a.md").write_text(text, "utf-8")
    found = passages.read(tmp_path, longest=40)
    assert found[0].text == "First paragraph."
    assert all(passages.tokens(p.text) <= 40 for p in found)
    assert all(" ".join(text[p.start : p.end].split()) == p.text for p in found)
    assert "".join(p.text for p in found).count("seven") == 10


def test_a_document_that_is_not_utf8_names_the_byte(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes("Идол".encode("cp1251"))
    with pytest.raises(InputError) as caught:
        passages.read(tmp_path, 40)
    assert "byte 0" in str(caught.value)
