"""HTML, DOCX and PDF: their text, and files that are locked, broken or swollen."""

import io
import tracemalloc
import zipfile
from typing import Any

import docx
import pytest
from pypdf import PdfWriter
from pypdf.generic import DecodedStreamObject, DictionaryObject, NameObject

from kamerton.documents import office
from kamerton.formats.errors import InputError


def key(call: Any, data: bytes) -> str:
    with pytest.raises(InputError) as caught:
        call(data, "folder/file")
    assert str(caught.value).startswith("folder/file: ")
    return caught.value.key


PAGE = """<!doctype html><html><head><meta charset="{charset}"><title>No</title>
<style>p {{ color: red }}</style></head><body><script>alert("no")</script>
<h1>Старый мост</h1><p>Мост   через
реку <b>закры</b>ли.<br>Объезд &amp; паром.</p><noscript>нет</noscript>
<div>Раз<div>Два</div>Три</div>
<table><tr><td>Год</td><td>1999</td></tr><tr><td>Цена</td><td>5</td></tr></table>
<pre>  строка
    вторая</pre></body></html>"""
LINES = """Старый мост
Мост через реку закрыли.
Объезд & паром.
Раз
Два
Три
Год\t1999
Цена\t5
  строка
    вторая"""


@pytest.mark.parametrize("charset", ["utf-8", "windows-1251", "koi8-r"])
def test_html_gives_the_body_paragraph_by_paragraph(charset: str) -> None:
    text, found = office.html(PAGE.format(charset=charset).encode(charset), "a.html")
    assert text == LINES
    assert found == charset


def test_html_without_a_declared_charset_is_detected() -> None:
    page = PAGE.replace('<meta charset="{charset}">', "").format()
    assert office.html(page.encode("cp1251"), "a.html") == (LINES, "cp1251")


def test_html_that_declares_a_charset_of_no_kind_is_detected() -> None:
    page = PAGE.format(charset="wishful-8").encode("cp1251")
    assert office.html(page, "a.html") == (LINES, "cp1251")


def test_binary_html_is_refused() -> None:
    assert key(office.html, b'<meta charset="cp1251">\0\0\0') == "documents.binary"


def packed(document: Any) -> bytes:
    stream = io.BytesIO()
    document.save(stream)
    return stream.getvalue()


def test_docx_gives_paragraphs_and_tables_in_their_order() -> None:
    document = docx.Document()
    document.add_heading("Глава", 1)
    document.add_paragraph("Первый абзац.")
    table = document.add_table(rows=2, cols=2)
    table.cell(0, 0).merge(table.cell(0, 1)).text = "шапка"
    table.cell(1, 0).text, table.cell(1, 1).text = "год", "1999"
    document.add_paragraph("Последний.")
    text = office.docx(packed(document), "a.docx")
    assert text == "Глава\nПервый абзац.\nшапка\nгод\t1999\nПоследний."


def test_an_empty_docx_is_refused() -> None:
    assert key(office.docx, packed(docx.Document())) == "documents.no_text"


def bomb(size: int) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        archive.writestr("[Content_Types].xml", "<Types/>")
        archive.writestr("word/document.xml", b"\0" * size)
    return stream.getvalue()


def test_a_docx_that_is_a_zip_bomb_is_refused_by_its_ratio() -> None:
    data = bomb(50 * 1024**2)
    assert len(data) * office.RATIO_LIMIT < 50 * 1024**2 < office.UNPACKED_LIMIT
    assert key(office.docx, data) == "documents.zip_bomb"


def test_a_docx_that_is_a_zip_bomb_is_refused_by_its_size(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(office, "UNPACKED_LIMIT", 1000)
    monkeypatch.setattr(office, "RATIO_LIMIT", 10**9)
    assert key(office.docx, bomb(2000)) == "documents.zip_bomb"


def test_a_zip_directory_that_lies_about_sizes_is_refused_in_little_memory() -> None:
    size = 30 * 1024**2
    whole, stream = packed(docx.Document()), io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(whole)) as old, zipfile.ZipFile(stream, "w", 8) as new:
        for name in old.namelist():
            swollen = name == "word/document.xml"
            new.writestr(name, old.read(name).ljust(size) if swollen else old.read(name))
    true, told = size.to_bytes(4, "little"), (100).to_bytes(4, "little")
    data = stream.getvalue().replace(true, told)
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert archive.getinfo("word/document.xml").file_size == 100  # the lie works
    tracemalloc.start()
    assert key(office.docx, data) == "documents.bad_docx"
    assert tracemalloc.get_traced_memory()[1] < size / 4
    tracemalloc.stop()


@pytest.mark.parametrize("cut", [0, 10, 3000])
def test_a_broken_docx_is_refused(cut: int) -> None:
    document = docx.Document()
    document.add_paragraph("Текст")
    assert key(office.docx, packed(document)[:cut]) == "documents.bad_docx"


def test_a_zip_that_is_no_docx_is_refused() -> None:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("a.txt", "hello")
    assert key(office.docx, stream.getvalue()) == "documents.bad_docx"


def writer(*pages: str) -> PdfWriter:
    made = PdfWriter()
    font = DictionaryObject(
        {
            NameObject("/Type"): NameObject("/Font"),
            NameObject("/Subtype"): NameObject("/Type1"),
            NameObject("/BaseFont"): NameObject("/Helvetica"),
        }
    )
    fonts = DictionaryObject({NameObject("/F1"): made._add_object(font)})
    for text in pages:
        page = made.add_blank_page(200, 200)
        page[NameObject("/Resources")] = DictionaryObject({NameObject("/Font"): fonts})
        content = DecodedStreamObject()
        content.set_data(f"BT /F1 12 Tf 10 100 Td ({text}) Tj ET".encode() if text else b"")
        page[NameObject("/Contents")] = made._add_object(content)
    return made


def written(made: PdfWriter) -> bytes:
    stream = io.BytesIO()
    made.write(stream)
    return stream.getvalue()


def test_pdf_pages_are_joined_and_empty_ones_counted() -> None:
    found = office.pdf(written(writer("First page.", "", "Third page.")), "a.pdf")
    assert found == office.Pages("First page.\nThird page.", 3, 1)


def test_a_pdf_without_any_text_is_probably_a_scan() -> None:
    data = written(writer("", ""))
    assert key(office.pdf, data) == "documents.scan"
    with pytest.raises(InputError, match=r"2 pages.*probably a scan"):
        office.pdf(data, "a.pdf")


@pytest.mark.parametrize("password", ["secret", ""])
def test_an_encrypted_pdf_is_refused(password: str) -> None:
    made = writer("Hidden.")
    made.encrypt(password, "owner", algorithm="RC4-128")
    assert key(office.pdf, written(made)) == "documents.locked_pdf"


@pytest.mark.parametrize("data", [b"", b"no pdf at all", b"%PDF-1.4\n" + b"\xff" * 2000])
def test_a_broken_pdf_is_refused(data: bytes) -> None:
    assert key(office.pdf, data) == "documents.bad_pdf"
