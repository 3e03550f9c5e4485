"""Folders of documents: which files are read, in which order, and what is said of bad ones."""

import os
from hashlib import sha256
from pathlib import Path

import docx
import pytest
from pypdf import PdfWriter

from kamerton.documents.files import Document, read_documents
from kamerton.formats.errors import InputError

TEXT = "Мастер настроил рояль за один вечер и уехал последним поездом."


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "texts"
    for name in ("b.txt", "A.TXT", "part/c.md", "part/deep/d.txt", ".hidden/e.txt", ".f.txt"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(f"{name}: {TEXT}", "utf-8")
    (root / "page.htm").write_text(f"<p>{TEXT}</p><script>no()</script>", "utf-8")
    (root / "picture.png").write_bytes(b"\x89PNG\0")
    (root / "table.csv").write_text("a,b\n1,2\n")
    return root


def read(
    source: Path | str, include: list[str] | None = None, exclude: list[str] | None = None
) -> list[Document]:
    return list(read_documents(Path(source), include or [], exclude or []))


def refused(source: Path, include: list[str] | None = None) -> InputError:
    with pytest.raises(InputError) as caught:
        read(source, include)
    assert str(caught.value)
    return caught.value


def test_a_folder_is_read_by_id_without_hidden_and_unknown_files(folder: Path) -> None:
    found = read(folder)
    assert [document.id for document in found] == [
        "A.TXT",
        "b.txt",
        "page.htm",
        "part/c.md",
        "part/deep/d.txt",
    ]
    assert found[2].text == TEXT
    assert {document.source for document in found} == {str(folder)}


def test_a_document_keeps_its_charset_and_the_hash_of_its_bytes(folder: Path) -> None:
    data = TEXT.encode("koi8-r")
    (folder / "b.txt").write_bytes(data)
    (found,) = read(folder, ["b.txt"])
    assert found == Document("b.txt", TEXT, str(folder), sha256(data).hexdigest(), "koi8-r")


@pytest.mark.parametrize(
    ("include", "exclude", "expected"),
    [
        (["*"], ["*.htm", "A.TXT"], ["b.txt", "part/c.md", "part/deep/d.txt"]),
        (["*.txt"], [], ["b.txt", "part/deep/d.txt"]),
        (["part/*"], ["d.*"], ["part/c.md"]),
        (["[ab].txt", "c.md"], [], ["b.txt", "part/c.md"]),
    ],
)
def test_patterns_choose(
    folder: Path, include: list[str], exclude: list[str], expected: list[str]
) -> None:
    assert [document.id for document in read(folder, include, exclude)] == expected


def test_one_file_is_a_source_too(folder: Path) -> None:
    (found,) = read(folder / "part" / "c.md")
    assert (found.id, found.source) == ("c.md", str(folder / "part" / "c.md"))


def test_a_docx_says_its_charset_itself(folder: Path) -> None:
    document = docx.Document()
    document.add_paragraph(TEXT)
    document.save(str(folder / "x.docx"))
    (found,) = read(folder, ["*.docx"])
    assert (found.text, found.encoding) == (TEXT, "-")


def test_pages_without_text_are_told(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from kamerton.documents import office

    monkeypatch.setattr(office, "pdf", lambda data, where: office.Pages(TEXT, 9, 4))
    (folder / "x.pdf").write_bytes(b"%PDF")
    assert read(folder, ["x.pdf"])[0].text == TEXT
    assert "x.pdf: 4 of 9 pages have no text" in capsys.readouterr().err


def test_a_scan_in_a_folder_is_named(folder: Path) -> None:
    scan = PdfWriter()
    scan.add_blank_page(100, 100)
    scan.write(folder / "part" / "scan.pdf")
    caught = refused(folder)
    assert caught.key == "documents.scan" and caught.where == str(folder / "part" / "scan.pdf")


def test_a_binary_file_called_txt_is_named(folder: Path) -> None:
    (folder / "bad.txt").write_bytes(b"\x7fELF\x02\x01\x01" + bytes(64))
    caught = refused(folder)
    assert caught.key == "documents.binary" and caught.where == str(folder / "bad.txt")


@pytest.mark.skipif(os.name != "posix", reason="rights of files are those of POSIX")
def test_a_file_that_cannot_be_opened_is_named(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def denied(path: Path) -> bytes:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "read_bytes", denied)  # root may open files of any rights
    caught = refused(folder)
    assert caught.key == "documents.unreadable" and "Permission denied" in str(caught)
    assert caught.where == str(folder / "A.TXT")


def test_sources_without_anything_to_read_are_refused(folder: Path, tmp_path: Path) -> None:
    assert refused(folder, ["*.doc"]).key == "documents.no_documents"
    (tmp_path / "empty").mkdir()
    assert refused(tmp_path / "empty").key == "documents.no_documents"
    assert refused(tmp_path / "nowhere").key == "documents.missing"
    assert refused(folder / "picture.png").key == "documents.no_reader"
