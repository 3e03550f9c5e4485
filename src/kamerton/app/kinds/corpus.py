"""Raw texts: cleaned, deduplicated and packed; a model is trained on them from scratch."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from kamerton.app.kinds.kind import DataKind, Figures, Named, Objective, no_adapter
from kamerton.app.needs import Need, remote_source
from kamerton.develop.settings import CorpusSettings
from kamerton.formats.language import current, say
from kamerton.formats.manifest import StageName
from kamerton.pipeline.graph import Stage

if TYPE_CHECKING:
    from kamerton.develop.data.corpus.run import Cost


def _stage(name: StageName, data: CorpusSettings, seed: int, home: Path, _: Objective) -> Stage:
    """Workers are left out: no result depends on them."""
    from kamerton.develop.data.corpus import run as corpus

    settings = data.model_dump(mode="json") | {"workers": 0, "source": corpus.source_of(data)}
    chosen = {"data": settings, "seed": seed, "language": current()}
    table = data.rights.table
    files = (*corpus.local_sources(data, home), *((home / table,) if table else ()))
    return Stage(name, (), chosen, files, version=2)


def _named(data: CorpusSettings) -> Iterator[Named]:
    from kamerton.develop.data.corpus.run import source_of

    place = source_of(data)
    if "://" not in place:
        yield ["source"], Path(place)
    if data.rights.table:
        yield ["rights", "table"], Path(data.rights.table)


def _survey(data: CorpusSettings, home: Path, _: int) -> Figures:
    from kamerton.develop.data.corpus.run import survey

    sources = survey(data, home)
    counts = {
        "documents": len(sources.sizes),
        "free": len(sources.kept),
        "dropped": len(sources.dropped),
        "works": len(set(sources.works.values())),
        "characters": sum(sources.sizes.values()),
    }
    return {"corpus": counts}


def _lines(counts: Figures) -> list[str]:
    return [say("app.check_corpus", **counts["corpus"])]


def _prepare(data: CorpusSettings, home: Path, out: Path, seed: int, _: Objective) -> None:
    from kamerton.develop.data.corpus import run as corpus

    corpus.prepare(data, home, out, seed)


def _preview(data: CorpusSettings, home: Path) -> "list[Cost]":
    from kamerton.develop.data.corpus.run import preview

    return preview(data, home)


def _needs(data: CorpusSettings, _: Path, __: int) -> list[Need]:
    from kamerton.develop.data.corpus.run import source_of
    from kamerton.develop.data.sources.remote import STAND_IN

    named = {"variable": STAND_IN, "folder": data.stand_in}
    way = say("app.way_stand_in", **named) if data.stand_in else say("app.way_folder")
    return remote_source(source_of(data), way)


CORPUS = DataKind(
    stage=_stage,
    named=_named,
    survey=_survey,
    forecast=no_adapter,
    lines=_lines,
    prepare=_prepare,
    compare=no_adapter,
    needs=_needs,
    preview=_preview,
    shown=("card.html", "card.md", "card.json"),
)
