"""What a recipe asks of a teacher: every request as a chat, known before anything is sent.

The wordings are files in `templates/`, filled by `str.format`. A line whose values are all empty
is left out: so a brief without a beginning does not speak of one.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from string import Formatter
from typing import TYPE_CHECKING

from pydantic import Field

from kamerton.client.hosts import check_host
from kamerton.client.ledger import request_key
from kamerton.develop.data.synth.briefs import briefs, check_fields, key, read_choices
from kamerton.develop.data.synth.filters import span
from kamerton.develop.data.synth.teacher import Ask, body
from kamerton.formats.brief import Brief
from kamerton.formats.chat import Message, chat
from kamerton.formats.errors import InputError
from kamerton.formats.jsonl import Record
from kamerton.formats.manifest import digest
from kamerton.formats.recipe import read_list

if TYPE_CHECKING:
    from kamerton.develop.settings.synth import SynthSettings

FORMS = ("teacher_system", "teacher_user", "client_system", "client_user", "channels")
FIELDS = {"beginning", "task", "product", "facts", "audience", "channel", "tone", "about"}
LIMITS = {"shortest", "longest"}
_SEEDS = 2**31


class Shot(Record):
    """A good text with its brief: an example for the teacher."""

    brief: Brief
    text: str = Field(min_length=1)


def read_shots(path: Path, briefs: Sequence[Brief]) -> list[Shot]:
    """The shots of a YAML file; InputError where one is of a product that briefs are drawn of."""
    shots = read_list(path, Shot)
    taken = {key(brief.product) for brief in briefs}
    if shared := sorted(s.brief.product for s in shots if key(s.brief.product) in taken):
        raise InputError("develop.synth_shot_product", where=str(path), products=", ".join(shared))
    return shots


def teacher_chat(
    brief: Brief, language: str, limits: tuple[int, int], shots: Sequence[Shot] = ()
) -> list[Message]:
    """What the teacher is asked; shots of the brief's channel stand before it as earlier turns.

    `limits`: fewest and most characters of the text.
    """
    asked = "teacher_user"
    system, user = chat(
        template("teacher_system", language), _filled(asked, brief, language, limits)
    )
    earlier: list[Message] = []
    for shot in shots:
        if shot.brief.channel == brief.channel:
            earlier += chat("", _filled(asked, shot.brief, language, limits), shot.text.strip())
    return [system, *earlier, user]


def client_chat(brief: Brief, language: str, answer: str | None = None) -> list[Message]:
    """The brief as a client would put it, with the answer where there is one."""
    request = _filled("client_user", brief, language, None)
    return chat(template("client_system", language), request, answer)


def template_hash(language: str) -> str:
    """Twelve hex digits over all templates of a language."""
    return digest(*(template(name, language) for name in FORMS))


@cache
def template(name: str, language: str) -> str:
    """The template `name`, checked."""
    folder = files("kamerton.develop.data.synth") / "templates"
    text = (folder / f"{name}.{language}.txt").read_text("utf-8").strip()
    fields = {"teacher_user": FIELDS | LIMITS, "client_user": FIELDS}.get(name, set())
    check_fields(text, fields, f"{name}.{language}.txt")
    return text


def render(text: str, values: Mapping[str, object]) -> str:
    """A checked template, filled line by line; lines of which every value is empty are left out."""
    lines = []
    for line in text.splitlines():
        names = [name for _, name, _, _ in Formatter().parse(line) if name]
        if not names or any(values[name] for name in names):
            lines.append(line.format(**values))
    return "\n".join(lines).strip()


def channel_words(language: str) -> dict[str, str]:
    """Channel to its name in words, for a sentence."""
    lines = template("channels", language).splitlines()
    pairs = (line.partition(":") for line in lines)
    return {name.strip(): words.strip() for name, _, words in pairs}


def _filled(name: str, brief: Brief, language: str, limits: tuple[int, int] | None) -> str:
    values: dict[str, object] = {field: getattr(brief, field) for field in FIELDS}
    values["facts"] = "\n".join(f"- {fact}" for fact in brief.facts)
    values["channel"] = channel_words(language)[brief.channel]
    if limits:
        values |= {"shortest": limits[0], "longest": limits[1]}
    return render(template(name, language), values)


@dataclass(frozen=True)
class Request:
    """One request with the brief that it is made of."""

    ask: Ask
    brief: Brief
    prompt_hash: str


def sources(settings: "SynthSettings", home: Path) -> list[Path]:
    """Every file that is read; paths of the settings start at `home`."""
    named = [settings.products, settings.shots, settings.recorded]
    return [home / path for path in named if path]


def plan(settings: "SynthSettings", home: Path, seed: int) -> list[Request]:
    """All requests, by id; nothing is sent.

    Raises InputError for a host that is not allowed and for every fault of the files.
    """
    check_host(settings.base_url, settings.trusted_hosts, settings.leaves_machine)
    drawn = briefs(read_choices(home / settings.products), settings, seed)
    shots = read_shots(home / settings.shots, drawn) if settings.shots else []
    requests = [_request(brief, settings, shots, seed) for brief in drawn]
    return sorted(requests, key=lambda request: request.ask.id)


def _request(brief: Brief, settings: "SynthSettings", shots: Sequence[Shot], seed: int) -> Request:
    limits = span(settings, brief)
    messages = tuple(teacher_chat(brief, settings.language, limits, shots))
    request_seed = int(digest(str(seed), brief.id), 16) % _SEEDS
    sent = body(settings, messages, request_seed)
    key = request_key(f"{settings.base_url} {settings.model}", sent)
    prompt = digest(*(f"{turn.role} {turn.content}" for turn in messages))
    return Request(Ask(key, messages, request_seed), brief, prompt)
