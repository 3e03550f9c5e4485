"""A folder of .txt and .md files, cut into passages for retrieval at paragraph ends."""

import re
from collections.abc import Iterator
from pathlib import Path

from kamerton.formats.errors import InputError
from kamerton.formats.jsonl import read_text
from kamerton.formats.retrieval import Chunk

_PARAGRAPH = re.compile(r"\S.*?(?=\n\s*\n|\Z)", re.DOTALL)
_SENTENCE = re.compile(r"\S.*?(?:[.!?…]+(?=\s)|\Z)", re.DOTALL)


def read(folder: Path, longest: int) -> tuple[Chunk, ...]:
    """Passages of at most `longest` tokens (estimated), with offsets into their files."""
    if not folder.is_dir():
        raise InputError("retrieval.no_folder", where=str(folder))
    files = sorted(p for p in folder.rglob("*") if p.suffix.lower() in {".txt", ".md"})
    if not files:
        raise InputError("retrieval.no_documents", where=str(folder))
    return tuple(p for file in files for p in _passages(file, folder, longest))


def _passages(file: Path, folder: Path, longest: int) -> Iterator[Chunk]:
    text = read_text(file)
    source = str(file.relative_to(folder))
    for start, end in _spans(text, longest):
        passage = " ".join(text[start:end].split())
        yield Chunk(id=f"{source}:{start}", text=passage, source=source, start=start, end=end)


def _spans(text: str, longest: int) -> Iterator[tuple[int, int]]:
    for paragraph in _PARAGRAPH.finditer(text):
        if tokens(paragraph.group()) <= longest:
            yield paragraph.start(), paragraph.end()
        else:
            yield from _cut(text, paragraph.start(), paragraph.end(), longest)


def _cut(text: str, start: int, end: int, longest: int) -> Iterator[tuple[int, int]]:
    """Whole sentences, as many as fit; a sentence longer than that stays whole."""
    first = last = start
    for sentence in _SENTENCE.finditer(text, start, end):
        if last > first and tokens(text[first : sentence.end()]) > longest:
            yield first, last
            first = sentence.start()
        last = sentence.end()
    if last > first:
        yield first, last


def tokens(text: str) -> int:
    """Estimated tokens: words and marks, Cyrillic words counted as two."""
    parts = re.findall(r"\w+|[^\w\s]", text)
    return sum(2 if re.match(r"[а-яё]", part, re.IGNORECASE) else 1 for part in parts)
