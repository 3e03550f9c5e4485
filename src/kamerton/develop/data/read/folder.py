"""Documents of a file, a folder, a URL or a git repository."""

from collections.abc import Callable, Iterator, Sequence
from fnmatch import fnmatchcase
from hashlib import sha256
from pathlib import Path

from kamerton.develop.data.document import Document
from kamerton.develop.data.read import office
from kamerton.develop.data.read.remote import fetch, is_remote
from kamerton.develop.data.read.text import decode
from kamerton.formats.errors import InputError
from kamerton.formats.language import say
from kamerton.formats.progress import note

BY_ITSELF = "-"
"""Charset of a format that says it itself."""


def read_documents(
    source: str, include: Sequence[str], exclude: Sequence[str], cache: Path
) -> Iterator[Document]:
    """Each document of a source, by id: its path inside the source, with `/`.

    A folder is read with all folders below it; hidden files and those of other suffixes than
    `READERS` has are passed over. Patterns (`*`, `?`, `[...]`) go by the id or by the name alone;
    no `include` means all. What lies elsewhere comes through `cache`. InputError: nothing there,
    nothing to read, or a file that cannot be read.
    """
    place = fetch(source, cache) if is_remote(source) else Path(source)
    if not place.exists():
        raise InputError("develop.read_missing", where=source)
    if place.is_file():
        yield _document(place, place.name, source)
        return
    names = [name for name in _names(place) if _wanted(name, include, exclude)]
    if not names:
        raise InputError("develop.read_no_documents", where=source, known=" ".join(READERS))
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
        raise InputError("develop.read_no_reader", where=str(path), known=" ".join(READERS))
    try:
        data = path.read_bytes()
    except OSError as error:
        why = error.strerror or str(error)
        raise InputError("develop.read_unreadable", where=str(path), why=why) from error
    text, encoding = reader(data, str(path))
    return Document(name, text, source, sha256(data).hexdigest(), encoding)


def _docx(data: bytes, where: str) -> tuple[str, str]:
    return office.docx(data, where), BY_ITSELF


def _pdf(data: bytes, where: str) -> tuple[str, str]:
    found = office.pdf(data, where)
    if found.empty:
        values = {"path": where, "empty": found.empty, "pages": found.pages}
        note(say("develop.read_empty_pages", **values))
    return found.text, BY_ITSELF


READERS: dict[str, Callable[[bytes, str], tuple[str, str]]] = {
    ".txt": decode,
    ".md": decode,
    ".html": office.html,
    ".htm": office.html,
    ".docx": _docx,
    ".pdf": _pdf,
}
"""Suffix to what makes text and charset of the bytes; the second argument names the file."""
