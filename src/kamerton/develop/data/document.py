"""One text as it was read, before anything was done to it."""

from dataclasses import dataclass


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
