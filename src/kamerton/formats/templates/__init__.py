"""Chat templates as `.jinja` files; the hash of the one in use stands in every manifest.

A name that ends in `-bos` is the same template with the tokenizer's mark of beginning before it.
"""

import hashlib
import re
from importlib.resources import files

BOS = "-bos"
_BEGINNING = "{{- bos_token -}}\n"
_MARKS = re.compile(r"\{%-?\s*(end)?generation\s*-?%\}\n?")


def read(name: str) -> str:
    """The template `name` with its `{% generation %}` marks, as the trainer needs it."""
    path = files("kamerton.formats.templates") / f"{name.removesuffix(BOS)}.jinja"
    text = path.read_text("utf-8")
    return _BEGINNING + text if name.endswith(BOS) else text


def for_engine(name: str) -> str:
    """The same template without the marks, which the serving engine does not know."""
    return _MARKS.sub("", read(name))


def sha256(name: str) -> str:
    """SHA-256 of the template as the trainer reads it."""
    return hashlib.sha256(read(name).encode()).hexdigest()
