"""Documents of a file or a folder: text, HTML, DOCX and PDF, each by what reads its suffix."""

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
        yield _document(place, place.name, source)
        return
    names = [name for name in _names(place) if _wanted(name, include, exclude)]
    if not names:
        raise InputError("documents.no_documents", where=source, known=" ".join(READERS))
    for name in names:
        yield _document(place / name, name, source)


def _names(folder: Path) -> list[str]:
    """Ids of the files that a reader takes, in order."""
    paths = (path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    return sorted(
        path.as_posix()
        for path in paths
        if path.suffix.lower() in READERS and not any(p.startswith(".") for p in path.parts)
    )


def _wanted(name: str, include: Sequence[str], exclude: Sequence[str]) -> bool:
    def named(patterns: Sequence[str]) -> bool:
        last = name.rsplit("/", 1)[-1]
        return any(fnmatchcase(name, p) or fnmatchcase(last, p) for p in patterns)

    return (not include or named(include)) and not named(exclude)


def _document(path: Path, name: str, source: str) -> Document:
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


READERS: dict[str, Callable[[bytes, str], tuple[str, str]]] = {
    ".txt": decode,
    ".md": decode,
    ".html": office.html,
    ".htm": office.html,
    ".docx": _docx,
    ".pdf": _pdf,
}
"""Suffix to what makes text and charset of the bytes; the second argument names the file."""
