"""What a recipe asks of a teacher: every request, known before anything is sent."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from kamerton.client.hosts import check_host
from kamerton.develop.data.synth import products, prompts
from kamerton.develop.data.synth.brief import Counts, briefs
from kamerton.develop.data.synth.filters import Limits
from kamerton.develop.data.synth.teacher import Ask, Teacher
from kamerton.formats.brief import Brief
from kamerton.formats.manifest import digest

if TYPE_CHECKING:
    from kamerton.develop.settings.synth import SynthSettings

_SEEDS = 2**31


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
    choices = products.read(home / settings.products)
    counts = Counts(
        settings.examples,
        settings.test_examples,
        settings.test_products,
        settings.with_beginning,
    )
    drawn = briefs(choices, counts, seed)
    shots = prompts.read_shots(home / settings.shots, drawn) if settings.shots else []
    requests = [_request(brief, settings, shots, seed) for brief in drawn]
    return sorted(requests, key=lambda request: request.ask.id)


def teacher_of(settings: "SynthSettings", key: str = "") -> Teacher:
    """The teacher that the settings describe; the key is not part of them."""
    return Teacher(
        base_url=settings.base_url,
        model=settings.model,
        temperature=settings.temperature,
        max_tokens=settings.max_tokens,
        concurrency=settings.concurrency,
        retries=settings.retries,
        key=key,
    )


def limits_of(settings: "SynthSettings") -> Limits:
    """Where the settings draw the lines of the filters."""
    lengths = settings.lengths.model_dump()
    return Limits(settings.language, lengths, settings.near, settings.semantic)


def _request(
    brief: Brief, settings: "SynthSettings", shots: Sequence[prompts.Shot], seed: int
) -> Request:
    span = limits_of(settings).lengths[brief.channel]
    messages = tuple(prompts.teacher_chat(brief, settings.language, span, shots))
    own = int(digest(str(seed), brief.id), 16) % _SEEDS
    body = json.dumps(teacher_of(settings).body(messages, own), sort_keys=True)
    prompt = digest(*(f"{turn.role} {turn.content}" for turn in messages))
    return Request(Ask(digest(settings.base_url, body), messages, own), brief, prompt)
