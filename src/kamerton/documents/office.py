"""Text out of pages and office files: HTML, DOCX, PDF, XLSX."""

import io
import re
import warnings
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, time
from functools import cache
from typing import TYPE_CHECKING, Any

from kamerton.documents.charset import decode
from kamerton.formats.errors import InputError
from kamerton.formats.language import say
from kamerton.formats.progress import note

if TYPE_CHECKING:
    from docx.table import Table
    from docx.text.paragraph import Paragraph

UNPACKED_LIMIT = 200 * 1024**2
"""Most bytes that a DOCX or XLSX may have unpacked."""
RATIO_LIMIT = 200
"""Most bytes unpacked for each packed one; Word's own files stay below 50."""
ROWS_LIMIT = 200_000
"""Most rows of a sheet, empty ones among them: Excel's last row is the 1,048,576th."""
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
    _check_zip(data, where, "documents.bad_docx")
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


def _check_zip(data: bytes, where: str, broken: str) -> None:
    """Sizes by the directory first, then by unpacking piece by piece: a directory may lie.

    `broken` is the text for what is no whole archive.
    """
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
        raise InputError(broken, where=where, why=str(error)) from error


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


@dataclass(frozen=True)
class Sheet:
    """A sheet of a workbook."""

    name: str
    rows: list[tuple[int, list[str]]]
    """Number (from 1) and cells of each row that is not empty; empty cells at its end are cut."""


def xlsx(data: bytes, where: str) -> list[Sheet]:
    """The sheets that hold anything and are not hidden; what formulas gave when it was saved.

    InputError: no XLSX, a zip bomb, a sheet of more than `ROWS_LIMIT` rows, or nothing inside.
    """
    _check_zip(data, where, "documents.bad_xlsx")
    try:
        import openpyxl  # type: ignore[import-untyped, unused-ignore]

        with warnings.catch_warnings():  # of extensions that hold no cells
            warnings.simplefilter("ignore")
            book = openpyxl.load_workbook(io.BytesIO(data), read_only=True, data_only=True)
            shown = [sheet for sheet in book.worksheets if sheet.sheet_state == "visible"]
            sheets = [Sheet(sheet.title, list(_rows(sheet, where))) for sheet in shown]
    except InputError:
        raise
    except Exception as error:  # of a broken file openpyxl raises almost anything
        why = str(error) or type(error).__name__
        raise InputError("documents.bad_xlsx", where=where, why=why) from error
    sheets = [sheet for sheet in sheets if sheet.rows]
    if not sheets:
        raise InputError("documents.no_text", where=where)
    return sheets


def _rows(sheet: Any, where: str) -> Iterator[tuple[int, list[str]]]:
    sheet.reset_dimensions()  # not every program writes the true ones
    for number, row in enumerate(sheet.iter_rows(), start=1):
        if number > ROWS_LIMIT:
            values = {"sheet": sheet.title, "limit": ROWS_LIMIT}
            raise InputError("documents.big_sheet", where=where, **values)
        cells = [_cell_text(cell) for cell in row]
        while cells and not cells[-1]:
            cells.pop()
        if cells:
            yield number, cells


def _cell_text(cell: Any) -> str:
    """A cell as it is shown, without its thousands' marks and colours: 24, 0.5, 15%, 2024-05-01."""
    value = cell.value
    if value is None:
        return ""
    if isinstance(value, datetime):
        return value.date().isoformat() if value.time() == time() else value.isoformat(" ")
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        percent = "%" in str(cell.number_format)
        return f"{100 * value if percent else value:.15g}" + "%" * percent
    return str(value).strip()


def xlsx_records(data: bytes, where: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Rows of the first sheet by its head, each with its place: `file#Sheet!row`.

    The head is the first row with more than one cell: a title may stand above it. Other sheets are
    left out, which a note says, and columns without a name. InputError: two columns of one name.
    """
    first, *others = xlsx(data, where)
    if others:
        _tell_others(where, first.name, ", ".join(sheet.name for sheet in others))
    filled = [sum(map(bool, cells)) for _, cells in first.rows]
    start = next((at for at, count in enumerate(filled) if count > 1), 0)
    (number, head), *rows = first.rows[start:]
    columns = {name: at for at, name in enumerate(head) if name}
    if len(columns) < filled[start]:
        place = f"{where}#{first.name}!{number}"
        raise InputError("documents.bad_header", where=place, has=", ".join(head))
    for number, cells in rows:
        whole = [*cells, *[""] * (len(head) - len(cells))]
        yield f"{where}#{first.name}!{number}", {name: whole[at] for name, at in columns.items()}


@cache
def _tell_others(path: str, sheet: str, others: str) -> None:
    """Once a process: a plan reads a table several times."""
    note(say("documents.other_sheets", path=path, sheet=sheet, others=others))
