"""Text out of pages and office files: HTML, DOCX, PDF."""

import io
import re
import zipfile
from dataclasses import dataclass
from typing import TYPE_CHECKING

from kamerton.documents.charset import decode
from kamerton.formats.errors import InputError

if TYPE_CHECKING:
    from docx.table import Table
    from docx.text.paragraph import Paragraph

UNPACKED_LIMIT = 200 * 1024**2
"""Most bytes that a DOCX may have unpacked."""
RATIO_LIMIT = 200
"""Most bytes unpacked for each packed one; Word's own files stay below 50."""
_CHUNK = 1 << 16
_STORED = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_META = re.compile(rb"<meta[^>]{0,200}?charset\s*=\s*[\"']?\s*([\w.:-]+)", re.I)
_META_WITHIN = 1024
_UNSEEN = "head, script, style, noscript, template, iframe, svg, object, select, button"
_BLOCKS = (
    "address, article, aside, blockquote, br, caption, dd, details, div, dl, dt, fieldset, "
    "figcaption, figure, footer, form, h1, h2, h3, h4, h5, h6, header, hr, legend, li, main, nav, "
    "ol, p, pre, section, summary, table, tr, ul"
)
_HALF = re.compile("[\ud800-\udfff]")
"""Half a character, which a broken font table may give: it cannot be written as UTF-8."""
_LINE, _CELL, _SPACE = "\ue000", "\ue001", "\ue002"
"""Private characters that stand for a line's end, a cell's end and a space that is kept."""


@dataclass(frozen=True)
class Pages:
    """The text of a PDF."""

    text: str
    """Pages joined by a newline; those without text left out."""
    pages: int
    """All pages."""
    empty: int
    """Pages without any text: pictures, or scans."""


def html(data: bytes, where: str) -> tuple[str, str]:
    """The body's text, one paragraph a line, cells parted by tabs; and the charset it was in.

    UTF-8 first, then the charset that the page declares, then what `decode` makes of it.
    InputError where it is no text.
    """
    text, charset = _decoded(data, where)
    return _body(text), charset


def _decoded(data: bytes, where: str) -> tuple[str, str]:
    declared = _META.search(data[:_META_WITHIN])
    if declared is None:
        return decode(data, where)
    for charset in ("utf-8", declared[1].decode("ascii", "replace").lower()):
        try:
            text = data.decode(charset)
        except (UnicodeDecodeError, LookupError):
            continue
        if "\0" not in text:
            return text.removeprefix("\ufeff"), charset
    return decode(data, where)


def _body(text: str) -> str:
    from selectolax.lexbor import LexborHTMLParser

    tree = LexborHTMLParser(text.translate({ord(mark): " " for mark in (_LINE, _CELL, _SPACE)}))
    for node in tree.css(_UNSEEN):
        node.decompose()
    for node in tree.css("pre br"):
        node.replace_with("\n")
    for node in tree.css("pre"):
        # Marked, verbatim lines and spaces outlive the folding of spaces.
        kept = node.text().expandtabs().translate({ord("\n"): _LINE, ord(" "): _SPACE})
        node.replace_with(_LINE + kept + _LINE)
    for node in tree.css(_BLOCKS):
        node.insert_before(_LINE)
        node.insert_after(_LINE)
    for node in tree.css("td, th"):
        node.insert_after(_CELL)
    return _lines(tree.body.text() if tree.body else "")


def _lines(marked: str) -> str:
    lines = []
    for line in re.sub(r"[ \t\r\n\f]+", " ", marked).split(_LINE):
        cells = [cell.strip(" ").replace(_SPACE, " ").rstrip() for cell in line.split(_CELL)]
        lines.append("\t".join(cells).rstrip())
    return "\n".join(line for line in lines if line.strip())


def docx(data: bytes, where: str) -> str:
    """Paragraphs and table rows in their order, one a line; cells are parted by tabs.

    Headers, footers, footnotes and comments are left out. InputError: no DOCX, a zip bomb, or
    no text inside.
    """
    _check_zip(data, where)
    try:
        import docx as library

        blocks = library.Document(io.BytesIO(data)).iter_inner_content()
        lines = (line for block in blocks for line in _block(block))
        text = "\n".join(line for line in lines if line.strip())
    except Exception as error:  # of a broken file python-docx and lxml raise almost anything
        why = str(error) or type(error).__name__
        raise InputError("documents.bad_docx", where=where, why=why) from error
    if not text.strip():
        raise InputError("documents.no_text", where=where)
    return text


def _check_zip(data: bytes, where: str) -> None:
    """Sizes by the directory first, then by unpacking piece by piece: a directory may lie."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            entries = archive.infolist()
            size = sum(entry.file_size for entry in entries)
            if size > UNPACKED_LIMIT or size > RATIO_LIMIT * len(data):
                values = {"size": size, "packed": len(data), "limit": UNPACKED_LIMIT}
                raise InputError("documents.zip_bomb", where=where, ratio=RATIO_LIMIT, **values)
            for entry in entries:
                _unpack(archive, entry)
    except (zipfile.BadZipFile, RuntimeError, NotImplementedError, EOFError, OSError) as error:
        raise InputError("documents.bad_docx", where=where, why=str(error)) from error


def _unpack(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> None:
    """Read one entry through in small pieces; BadZipFile where its size or checksum is a lie."""
    if entry.compress_type not in _STORED:
        raise zipfile.BadZipFile(f"{entry.filename}: compression {entry.compress_type}")
    with archive.open(entry) as stream:
        while stream.read(_CHUNK):
            continue


def _block(block: "Paragraph | Table") -> list[str]:
    rows = getattr(block, "rows", None)
    if rows is None:
        return [str(getattr(block, "text", ""))]
    lines = []
    for row in rows:
        # A merged cell comes once for each column that it spans.
        cells = {cell._tc: cell.text.replace("\n", " ") for cell in row.cells}
        lines.append("\t".join(cells.values()))
    return lines


def pdf(data: bytes, where: str) -> Pages:
    """The text of all pages. InputError: no PDF, one with a password, or one without any text."""
    from pypdf import PdfReader

    try:
        reader = PdfReader(io.BytesIO(data))
        locked = reader.is_encrypted
        pages = () if locked else reader.pages
        texts = [_HALF.sub("\ufffd", page.extract_text().strip("\n")) for page in pages]
    except Exception as error:  # pypdf says that broken files may cause any exception
        why = str(error) or type(error).__name__
        raise InputError("documents.bad_pdf", where=where, why=why) from error
    if locked:
        raise InputError("documents.locked_pdf", where=where)
    kept = [text for text in texts if text.strip()]
    if not kept:
        raise InputError("documents.scan", where=where, pages=len(texts))
    return Pages("\n".join(kept), len(texts), len(texts) - len(kept))
