"""The language of everything that a person reads: English or Russian.

Texts lie in `locales/en.yaml` and `locales/ru.yaml` beside the package that says them;
a key names its package first: `develop.file_missing` is `file_missing` of `kamerton.develop`.
"""

import locale
import os
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
    source = files(f"kamerton.{package}") / "locales" / f"{language}.yaml"
    return cast(dict[str, str], yaml.safe_load(source.read_text("utf-8")) or {})


def say(key: str, language: Language | None = None, /, **values: object) -> str:
    """The text of `package.key` in the language in force, with `values` filled in.

    Raises KeyError where the catalogue lacks the key: a fault of ours, not of the user.
    """
    package, _, name = key.partition(".")
    return catalogue(package, language or current())[name].format(**values)
