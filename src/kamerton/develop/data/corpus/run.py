"""The data stage of a corpus: read, judge rights, clean side by side, compare, account, write."""

import json
import os
from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from kamerton.develop import hub
from kamerton.develop.data import rights
from kamerton.develop.data.card import histogram
from kamerton.develop.data.clean.filters import Limits, drops
from kamerton.develop.data.clean.repair import preview as repair_costs
from kamerton.develop.data.clean.repair import repair
from kamerton.develop.data.corpus import card, texts
from kamerton.develop.data.corpus.card import Account, accounts
from kamerton.develop.data.corpus.cleaning import Cleaned, clean, naive_loss
from kamerton.develop.data.corpus.duplicates import Duplicates, duplicates
from kamerton.develop.data.corpus.tokenizer import (
    REPORT,
    TokenizerReport,
    check_size,
    measure,
    train_tokenizer,
)
from kamerton.develop.data.corpus.tokens import Packed, encode, pack
from kamerton.develop.data.sources import remote
from kamerton.develop.data.sources.remote import STAND_IN, stand_in
from kamerton.develop.settings import CorpusSettings
from kamerton.documents.files import Document
from kamerton.formats.errors import InputError
from kamerton.formats.jsonl import read_rows, write_rows, write_text
from kamerton.formats.language import say
from kamerton.formats.manifest import sha256
from kamerton.formats.progress import note, progress

CHANGES, TOKENIZER = "changes", "tokenizer"


class Cost(BaseModel):
    """One rule and one file, in characters."""

    model_config = ConfigDict(frozen=True)
    rule: str
    drops: bool
    """Whether the rule takes away; else it mends."""
    document: str
    read: int
    characters: int

    @property
    def share(self) -> float:
        """Of the file's characters."""
        return self.characters / max(1, self.read)


@dataclass(frozen=True)
class Sources:
    """What is read, and whose it is."""

    kept: tuple[rights.Right, ...]
    dropped: tuple[rights.Right, ...]
    works: dict[str, str]
    sizes: dict[str, int]
    """Characters of each document, the dropped ones too."""


def source_of(settings: CorpusSettings) -> str:
    """Where the texts are read: the source, or its stand-in on a machine without a network."""
    found = stand_in(settings.stand_in) if "://" in settings.source else ""
    return found or settings.source


def local_sources(settings: CorpusSettings, home: Path) -> list[Path]:
    """The file or folder that is read, where it lies on this machine: a changed one counts."""
    place = _place(settings, home)
    return [] if "://" in place else [Path(place)]


def _place(settings: CorpusSettings, home: Path) -> str:
    source = source_of(settings)
    return source if "://" in source or not (home / source).exists() else str(home / source)


def survey(settings: CorpusSettings, home: Path) -> Sources:
    """Read every document once and judge its rights; nothing is written.

    Raises InputError for what cannot be read, for rights unknown and not accepted, and for a
    vocabulary of an impossible size.
    """
    check_size(settings.vocabulary)
    table = settings.rights.table
    rights_table = rights.read_table(home / table) if table else rights.RightsTable()
    sizes = dict(sorted((d.id, len(d.text)) for d in read_source(settings, home)))
    judged = rights.decide(list(sizes), settings.rights, rights_table)
    kept, dropped = rights.allowed(judged, settings.rights)
    if not kept:
        raise InputError("develop.corpus_nothing_free", where=source_of(settings))
    return Sources(tuple(kept), tuple(dropped), rights.works(judged), sizes)


def preview(settings: CorpusSettings, home: Path) -> list[Cost]:
    """What each rule would cost, file by file, before anything is written; the costliest first.

    Repairs are tried one by one on the text as it was read, filters on the repaired text; the
    naive rule "drop every sentence with a letter of another alphabet" stands beside them.
    Duplicates are not in it: what they cost shows only when all texts are compared.
    """
    every: list[Cost] = []
    total = sum(survey(settings, home).sizes.values())
    with progress(say("develop.corpus_preview"), total, say("develop.characters")) as bar:
        for document in read_source(settings, home):
            every += costs(document, settings)
            bar.update(len(document.text))
    return sorted(every, key=lambda c: (-c.characters, c.rule, c.document))


def costs(document: Document, settings: CorpusSettings) -> Iterable[Cost]:
    """The cost of each rule for one document, rules that do nothing left out."""
    repairs = repair_costs(document.text, settings.repair)
    limits = Limits(language=settings.language, **settings.drop.model_dump())
    taken: dict[str, int] = {"naive": naive_loss(document.text, settings.language)}
    for drop in drops(repair(document.text, settings.repair)[0].text, limits):
        taken[drop.rule] = taken.get(drop.rule, 0) + drop.end - drop.start
    for of, takes in ((repairs, False), (taken, True)):
        for rule, characters in of.items():
            if characters:
                yield Cost(
                    rule=rule,
                    drops=takes,
                    document=document.id,
                    read=len(document.text),
                    characters=characters,
                )


def prepare(settings: CorpusSettings, home: Path, out: Path, seed: int) -> None:
    """Write documents.jsonl, the logs of all changes, duplicates, accounts and the card."""
    sources = survey(settings, home)
    logs = out / CHANGES
    logs.mkdir(parents=True, exist_ok=True)
    wanted = {right.id for right in sources.kept}
    chosen = (d for d in read_source(settings, home) if d.id in wanted)
    total = sum(sources.sizes[name] for name in wanted)
    cleaned = sorted(_clean_all(chosen, settings, logs, total), key=lambda d: d.id)
    repeated = duplicates(cleaned, settings.duplicates, logs)
    accounted = accounts(cleaned, repeated.dropped)
    for right in sources.dropped:  # protected works: read, and dropped whole
        size = sources.sizes[right.id]
        accounted.append(Account(right.id, size, 0, 0, {"rights": size}, 0))
    _write(cleaned, repeated, sources, accounted, settings, out, seed)


def read_source(settings: CorpusSettings, home: Path) -> Iterator[Document]:
    """The documents of the source, or of its stand-in."""
    cache = hub.cache() / "sources"
    place = _place(settings, home)
    yield from remote.read_source(place, settings.include, settings.exclude, cache)


def _clean_all(
    documents: Iterator[Document], settings: CorpusSettings, logs: Path, total: int
) -> Iterator[Cleaned]:
    """Clean in as many processes as wanted, with few texts on their way at a time."""
    workers = settings.workers or os.cpu_count() or 1
    with progress(say("develop.corpus_cleaning"), total, say("develop.characters")) as bar:
        if workers == 1:
            for document in documents:
                cleaned = clean(document, settings, logs)
                bar.update(cleaned.read)
                yield cleaned
            return
        with ProcessPoolExecutor(workers) as pool:
            waiting: set[Future[Cleaned]] = {
                pool.submit(clean, document, settings, logs)
                for document in islice(documents, 2 * workers)
            }
            while waiting:
                done, waiting = wait(waiting, return_when=FIRST_COMPLETED)
                for future in done:
                    cleaned = future.result()
                    bar.update(cleaned.read)
                    yield cleaned
                    for document in islice(documents, 1):
                        waiting.add(pool.submit(clean, document, settings, logs))


def _write(
    cleaned: list[Cleaned],
    repeated: Duplicates,
    sources: Sources,
    accounted: list[Account],
    settings: CorpusSettings,
    out: Path,
    seed: int,
) -> None:
    left = {a.id: a.kept + a.repaired for a in accounted}
    works = texts.related(sources.works, repeated.partly_contained, settings.duplicates.contained)
    held_out = texts.held_out_works(left, works, settings.held_out, seed)
    rows = texts.texts(cleaned, repeated.dropped, works, held_out, out / CHANGES)
    write_rows(out / texts.FILE, rows)
    write_json(out / "accounts.json", [asdict(account) for account in accounted])
    write_json(out / "duplicates.json", asdict(repeated))
    write_json(out / "rights.json", [asdict(r) for r in (*sources.kept, *sources.dropped)])
    documents = read_rows(out / texts.FILE, texts.CorpusText)
    packed, tried = _pack(documents, settings, out, seed)
    figures = _card(cleaned, repeated, sources, accounted, documents, packed, tried, settings, out)
    card.write(figures, out)


def _pack(
    documents: list[texts.CorpusText], settings: CorpusSettings, out: Path, seed: int
) -> tuple[dict[str, Packed], TokenizerReport]:
    """The tokenizer of the training texts with its report, and both splits as rows of ids."""
    size, kind, folder = settings.vocabulary, settings.tokenizer, out / TOKENIZER
    note(say("develop.corpus_tokenizer", count=size))
    tokenizer = train_tokenizer(documents, size, folder, kind)
    encoded = encode(documents, tokenizer)
    tried = measure(encoded, tokenizer, kind, size)
    write_text(folder / REPORT, tried.model_dump_json(indent=1) + "\n")
    packed = {
        split: pack(of, tokenizer, settings.context, out / f"{split}.npy", seed)
        for split in ("train", "held_out")
        if (of := [text for text in encoded if text.document.split == split])
    }
    return packed, tried


def _card(
    cleaned: list[Cleaned],
    repeated: Duplicates,
    sources: Sources,
    accounted: list[Account],
    documents: list[texts.CorpusText],
    packed: dict[str, Packed],
    tried: TokenizerReport,
    settings: CorpusSettings,
    out: Path,
) -> card.Card:
    works = card.works(accounted, {d.id: d.split for d in documents})
    dropped: Counter[str] = Counter()
    for account in accounted:
        dropped.update(account.dropped)
    here = source_of(settings) == settings.source
    return card.Card(
        source=settings.source if here else f"{STAND_IN}/{settings.stand_in}",
        language=settings.language,
        licence=settings.rights.licence,
        documents=len(accounted),
        read=sum(a.read for a in accounted),
        kept=sum(a.kept for a in accounted),
        repaired=sum(a.repaired for a in accounted),
        dropped=dict(dropped.most_common()),
        naive=sum(a.naive for a in accounted),
        repairs=card.rules(cleaned, "repairs"),
        drops=card.rules(cleaned, "drops"),
        personal={rule.name: rule.times for rule in card.rules(cleaned, "personal")},
        exact=[(t.dropped, t.kept) for t in repeated.dropped if t.level == "exact"],
        contained=card.contained(repeated),
        near=card.near_counts(repeated),
        works=works,
        naive_most=sorted(works, key=lambda w: (-w.naive / max(1, w.read), w.id)),
        paragraph_lengths=histogram([end - start for d in documents for start, end in d.lines]),
        letters=card.letters(d.text for d in documents),
        rights=dict(Counter(r.decision for r in (*sources.kept, *sources.dropped))),
        held_out=sorted({d.work for d in documents if d.split == "held_out"}),
        tokens=packed,
        tokenizer=tried,
        dataset_sha256=sha256(out / texts.FILE),
    )


def write_json(path: Path, value: object) -> None:
    """Write JSON that people can read, whole or not at all."""
    write_text(path, json.dumps(value, ensure_ascii=False, indent=1) + "\n")
