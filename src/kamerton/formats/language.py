"""The language of everything that a person reads: English or Russian.

Texts lie in `locales/` beside the package that says them: `en.yaml` and `ru.yaml`, and for a part
with many of its own `part.en.yaml` and `part.ru.yaml`. A key names its package first:
`develop.file_missing` is `file_missing` of `kamerton.develop`.
"""

import locale
import os
from collections.abc import Iterable
from functools import cache
from importlib.resources import files
from typing import Literal, cast

import yaml

Language = Literal["en", "ru"]
LANGUAGES: tuple[Language, ...] = ("en", "ru")
ENVIRONMENT = "KAMERTON_LANG"


def current() -> Language:
    """The language in force: `KAMERTON_LANG`, else the locale's, else English."""
    wanted = os.environ.get(ENVIRONMENT) or locale.getlocale()[0] or ""
    return "ru" if wanted.lower().startswith(("ru", "russian")) else "en"


def choose(language: str | None) -> None:
    """Make `language` the one in force, for this process and its children."""
    if language:
        os.environ[ENVIRONMENT] = language


@cache
def catalogue(package: str, language: Language) -> dict[str, str]:
    """All texts of `kamerton.<package>` in one language, by key."""
    texts: dict[str, str] = {}
    for source in (files(f"kamerton.{package}") / "locales").iterdir():
        if f".{source.name}".endswith(f".{language}.yaml"):
            texts |= cast(dict[str, str], yaml.safe_load(source.read_text("utf-8")) or {})
    return texts


def say(key: str, language: Language | None = None, /, **values: object) -> str:
    """The text of `package.key` in the language in force, with `values` filled in.

    Raises KeyError where the catalogue lacks the key: a fault of ours, not of the user.
    """
    package, _, name = key.partition(".")
    return catalogue(package, language or current())[name].format(**values)


def language_of(texts: Iterable[str]) -> Language:
    """`ru` where more than half of the letters are Cyrillic, else `en`."""
    text = "".join(texts).casefold()
    cyrillic = sum("а" <= letter <= "я" for letter in text)
    return "ru" if 2 * cyrillic > sum(letter.isalpha() for letter in text) else "en"
