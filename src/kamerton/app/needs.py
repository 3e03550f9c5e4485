"""What a run needs beyond its recipe: a base that speaks the language, a teacher, a network."""

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from kamerton.formats.errors import InputError
from kamerton.formats.language import say

if TYPE_CHECKING:
    from kamerton.develop.settings.data import RowSource
    from kamerton.develop.settings.synth import SynthSettings

_SECONDS = 3.0
"""How long a server may take to answer a dry run."""


@dataclass(frozen=True)
class Need:
    """Something outside the recipe's folder that a run will ask for."""

    line: str
    """What it is, whether it answers, and the way without it."""
    missing: bool = False
    """Whether it does not answer now."""
    blocks: bool = False
    """Whether nothing can be counted without it."""


def base_language(base: str, texts: Iterable[str]) -> list[str]:
    """A line where the base does not speak the language of the texts; reads no weights."""
    from kamerton.develop import hub

    language = hub.unspoken(base, texts)
    if language is None:
        return []
    named = say(f"experiment.language_{language}")
    return [say("app.base_language", base=hub.title(base), language=named)]


def remote_source(source: str, way: str) -> list[Need]:
    """A URL or a repository that is not in the cache yet; `way` is the one without a network."""
    from kamerton.client.hosts import unreachable
    from kamerton.develop import hub
    from kamerton.develop.data.sources.remote import is_fetched, is_remote

    if not is_remote(source) or is_fetched(source, hub.cache() / "sources"):
        return []
    why = unreachable(source.removeprefix("git+"), _SECONDS)
    line = say(f"app.need_source{'_missing' if why else ''}", source=source, why=why, way=way)
    return [Need(line, missing=bool(why), blocks=bool(why))]


def rows_source(source: "RowSource") -> list[Need]:
    """A set of rows that comes over the network: a URL, or a set on the hub without a copy."""
    from kamerton.client.hosts import unreachable
    from kamerton.develop.data.sources.named import NAMED
    from kamerton.develop.data.sources.remote import stand_in

    name = stand_in(source.stand_in) or source.name
    if source.copy_at or name not in NAMED:
        return remote_source(name, say("app.way_copy"))
    hub = os.environ.get("HF_ENDPOINT") or "https://huggingface.co"
    why = unreachable(hub, _SECONDS)
    values = {"source": name, "why": why, "way": say("app.way_copy_at", source=name)}
    line = say(f"app.need_source{'_missing' if why else ''}", **values)
    drawn = NAMED[name].sampled or source.count is not None  # a sample may be in the cache
    return [Need(line, missing=bool(why), blocks=bool(why) and not drawn)]


def teacher(synth: "SynthSettings", home: Path, seed: int) -> list[Need]:
    """Whether the teacher answers, unless a recorded ledger has all texts; nothing is asked of it.

    InputError for a teacher on a host that is not allowed.
    """
    from kamerton.develop.data.synth.ledger import LedgerRow
    from kamerton.develop.data.synth.plan import plan
    from kamerton.formats.jsonl import read_rows

    wanted = {request.ask.id for request in plan(synth, home, seed)}
    rows = read_rows(home / synth.recorded, LedgerRow) if synth.recorded else []
    left = len(wanted - {row.id for row in rows if row.status != "failed"})
    if not left:
        return [Need(say("app.need_no_teacher", texts=len(wanted), path=synth.recorded))]
    of = {"texts": left, "where": "data.synth"}
    return [server(synth.base_url, synth.model, synth.api_key_env, "need_teacher", of)]


def server(base_url: str, model: str, key_env: str, key: str, values: dict[str, object]) -> Need:
    """Whether a server answers and offers the model; `key` names the texts for it."""
    from kamerton.client.connection import Endpoint, api_key, models

    of = values | {"url": base_url, "model": model}
    try:
        at = Endpoint(base_url, api_key(key_env), timeout=_SECONDS)
        offered = [one.id for one in models(at)]
    except InputError as error:
        why = error.values.get("why") or str(error)
        return Need(say(f"app.{key}_missing", **of, why=why), missing=True)
    if model not in offered:
        known = ", ".join(offered) or "-"
        return Need(say(f"app.{key}_other", **of, known=known), missing=True)
    return Need(say(f"app.{key}", **of))
