"""Documents to passages, with their places."""

from pathlib import Path

import pytest

from kamerton.formats.errors import InputError
from kamerton.retrieval.index import read_passages, tokens


def test_documents_are_cut_at_paragraphs_with_offsets(tmp_path: Path) -> None:
    text = "First paragraph.\n\nSecond one. " + "It has a sentence of seven words. " * 10
    (tmp_path / "a.md").write_text(text, "utf-8")
    found = read_passages(tmp_path, longest=40)
    assert found[0].text == "First paragraph."
    assert all(tokens(p.text) <= 40 for p in found)
    assert all(" ".join(text[p.start : p.end].split()) == p.text for p in found)
    assert "".join(p.text for p in found).count("seven") == 10


def test_documents_of_old_charsets_are_read_and_broken_ones_named(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes("Идол стоит в музее города Никосии.".encode("cp1251"))
    assert read_passages(tmp_path, 40)[0].text == "Идол стоит в музее города Никосии."
    (tmp_path / "a.txt").write_bytes("Идол стоит".encode() + b"\xff" + " в музее города.".encode())
    with pytest.raises(InputError) as caught:
        read_passages(tmp_path, 40)
    assert caught.value.key == "documents.damaged" and "a.txt" in str(caught.value)


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        ("Дуб\t1902\n" * 30, 3),
        ("Head\tYear\n" + "\n".join(f"Chest {n}\t{1700 + n}" for n in range(20)), 3),
        ("word " * 95, 4),
        ("One sentence. " * 12, 2),
        ("Heading\nOne sentence of five words. " + "row\tcell\n" * 40, 4),
        ("x" * 5000, 1),
    ],
)
def test_what_is_no_sentence_is_cut_at_lines_and_then_at_words(
    text: str, pieces: int, tmp_path: Path
) -> None:
    (tmp_path / "a.txt").write_text(text, "utf-8")
    found = read_passages(tmp_path, longest=30)
    assert len(found) == pieces and all(tokens(p.text) <= 30 for p in found)
    assert " ".join(p.text for p in found) == " ".join(text.split())
    assert all(" ".join(text[p.start : p.end].split()) == p.text for p in found)
