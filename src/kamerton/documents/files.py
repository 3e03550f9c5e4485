"""Documents of a file or a folder: text, HTML, DOCX, PDF, XLSX, each by what reads its suffix."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from hashlib import sha256
from pathlib import Path

from kamerton.documents import office
from kamerton.documents.charset import decode
from kamerton.formats.errors import InputError
from kamerton.formats.language import say
from kamerton.formats.progress import note

BY_ITSELF = "-"
"""Charset of a format that says it itself."""
_HIDDEN = (".", "~$")
"""How the names of files begin that nobody means: hidden ones, and the locks of Office."""


@dataclass(frozen=True)
class Document:
    """A text with its provenance; offsets everywhere count the characters of `text`."""

    id: str
    """Path within the source, with `/`."""
    text: str
    source: str
    """Where it was read: the source as the recipe names it."""
    sha256: str = ""
    """Of the bytes of the file."""
    encoding: str = "utf-8"
    """Charset that its bytes were read in; `-` where the format says it itself."""


def read_documents(
    place: Path, include: Sequence[str] = (), exclude: Sequence[str] = (), source: str = ""
) -> Iterator[Document]:
    """Each document of a file or folder, by id: its path inside the folder, with `/`.

    A folder is read with all folders below it; hidden files and those of other suffixes than
    `READERS` has are passed over. Patterns (`*`, `?`, `[...]`) go by the id or by the name alone;
    no `include` means all. `source` is what the user calls the place, where that is not its path.
    InputError: nothing there, nothing to read, or a file that cannot be read.
    """
    source = source or str(place)
    if not place.exists():
        raise InputError("documents.missing", where=source)
    if place.is_file():
        yield read_document(place, place.name, source)
        return
    names = [
        name
        for name in visible(place)
        if Path(name).suffix.lower() in READERS and _wanted(name, include, exclude)
    ]
    if not names:
        raise InputError("documents.no_documents", where=source, known=" ".join(READERS))
    for name in names:
        yield read_document(place / name, name, source)


def visible(folder: Path) -> list[str]:
    """Ids of all files of a folder, in order, but for hidden ones and those of open programs."""
    paths = (path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    return sorted(p.as_posix() for p in paths if not any(s.startswith(_HIDDEN) for s in p.parts))


def _wanted(name: str, include: Sequence[str], exclude: Sequence[str]) -> bool:
    def named(patterns: Sequence[str]) -> bool:
        last = name.rsplit("/", 1)[-1]
        return any(fnmatchcase(name, p) or fnmatchcase(last, p) for p in patterns)

    return (not include or named(include)) and not named(exclude)


def read_document(path: Path, name: str, source: str) -> Document:
    """One file as a document; InputError where nothing reads its kind, or it cannot be read."""
    reader = READERS.get(path.suffix.lower())
    if reader is None:
        raise InputError("documents.no_reader", where=str(path), known=" ".join(READERS))
    try:
        data = path.read_bytes()
    except OSError as error:
        why = error.strerror or str(error)
        raise InputError("documents.unreadable", where=str(path), why=why) from error
    text, encoding = reader(data, str(path))
    return Document(name, text, source, sha256(data).hexdigest(), encoding)


def _docx(data: bytes, where: str) -> tuple[str, str]:
    return office.docx(data, where), BY_ITSELF


def _pdf(data: bytes, where: str) -> tuple[str, str]:
    pages = office.pdf(data, where)
    if pages.empty:
        values = {"path": where, "empty": pages.empty, "pages": pages.pages}
        note(say("documents.empty_pages", **values))
    return pages.text, BY_ITSELF


def _xlsx(data: bytes, where: str) -> tuple[str, str]:
    """Sheets parted by an empty line, a row a line, cells parted by tabs."""
    sheets = office.xlsx(data, where)
    texts = ["\n".join("\t".join(cells) for _, cells in sheet.rows) for sheet in sheets]
    return "\n\n".join(texts), BY_ITSELF


READERS: dict[str, Callable[[bytes, str], tuple[str, str]]] = {
    ".txt": decode,
    ".md": decode,
    ".html": office.html,
    ".htm": office.html,
    ".docx": _docx,
    ".pdf": _pdf,
    ".xlsx": _xlsx,
}
"""Suffix to what makes text and charset of the bytes; the second argument names the file."""
