"""Helps and complaints of the command line, in the language in force: commands in groups."""

import io
import re
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, cast

import typer
from typer.core import TyperGroup

from kamerton.formats.language import foreign, say

_Formatter: Any = typer.Context.formatter_class
_TYPE, _REMARKS = re.compile(r"<[^>]+>"), re.compile(r"\[([^\[\]]+)\]$")


class Formatter(_Formatter):  # type: ignore[misc]
    """Writes helps; what typer says in English is said in the language in force."""

    def write_usage(self, prog: str, args: str = "", prefix: str | None = None) -> None:
        """The line with the command and its arguments."""
        super().write_usage(prog, foreign(args), prefix or foreign("Usage: "))

    @contextmanager
    def section(self, name: str) -> Iterator[None]:
        """A titled part."""
        with super().section(foreign(name)):
            yield

    def write_dl(self, rows: Any, *spacing: int) -> None:
        """Names with their helps; remarks in brackets end a help: `[default: 8; x>=1]`."""
        super().write_dl([(_typed(name), _remarked(text)) for name, text in rows], *spacing)


def _typed(name: str) -> str:
    return _TYPE.sub(lambda match: foreign(match[0]), name)


def _remarked(text: str) -> str:
    text = foreign(text)
    return _REMARKS.sub(lambda match: f"[{'; '.join(map(foreign, match[1].split('; ')))}]", text)


class _Context(typer.Context):
    formatter_class = Formatter


class Grouped(TyperGroup):
    """A command with commands below it, which a help shows in the groups of `rich_help_panel`."""

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """A section for each group, in the order of its first command."""
        groups: dict[str, list[tuple[str, Any]]] = defaultdict(list)
        for name, command in self.commands.items():
            if not command.hidden:
                groups[getattr(command, "rich_help_panel", None) or ""].append((name, command))
        widest = max((len(name) for of in groups.values() for name, _ in of), default=0)
        for group, commands in groups.items():
            with formatter.section(say(group) if group else "Commands"):
                short = formatter.width - 6 - widest
                rows = [(n.ljust(widest), c.get_short_help_str(short)) for n, c in commands]
                formatter.write_dl(rows)


SUBCOMMANDS: dict[str, Any] = {
    "cls": Grouped,
    "rich_markup_mode": None,
    "pretty_exceptions_enable": False,
    "add_completion": True,
    "context_settings": {"help_option_names": ["-h", "--help"]},
}
"""Plain help: it starts faster, and logs and pipes stay readable."""


def translate(command: Any) -> None:
    """Put texts in the place of the `cli.…` keys of a command and all below it."""
    command.context_class = _Context
    command.help, command.short_help = _text(command.help), _text(command.short_help)
    for parameter in command.params:
        parameter.help = _text(getattr(parameter, "help", None))
        if parameter.param_type_name == "argument":
            parameter.metavar = say(f"cli.name_{parameter.name}")
    for below in getattr(command, "commands", {}).values():
        translate(below)


def _text(help_text: str | None) -> str | None:
    return say(help_text) if help_text and help_text.startswith("cli.") else help_text


def complaint(error: typer.TyperException) -> str:
    """What typer says of a command line that it does not understand."""
    shown = io.StringIO()
    cast(Any, error).show(shown)
    return "\n".join(map(foreign, shown.getvalue().rstrip("\n").splitlines()))
