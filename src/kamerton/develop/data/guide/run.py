"""The data stage of a guide: read, split, check for leaks, index, write.

The check for leaks is the one of all datasets (`data/leaks`), with two rules of a guide. A group's
own name counts as one word: every wording must name the exhibit. Answers are not compared: two
exhibits of one period are one period, and a question's answer stands in the index by intention.
"""

import json
import re
from pathlib import Path

from kamerton.client.hosts import check_host
from kamerton.develop.data.guide import catalogue, table
from kamerton.develop.data.guide.catalogue import Corpus
from kamerton.develop.data.guide.split import Plan, split
from kamerton.develop.data.leaks.check import INDEX, Report, check, merged
from kamerton.develop.settings import GuideSettings
from kamerton.develop.settings.data import EmbeddingsSettings
from kamerton.documents.files import visible
from kamerton.formats.chat import ChatRow, chat
from kamerton.formats.errors import InputError
from kamerton.formats.jsonl import insist_unique, write_rows, write_text
from kamerton.formats.questions import NAMES, Question
from kamerton.formats.retrieval import Endpoint
from kamerton.retrieval import index

DATASET, LEAKS = "dataset.json", "leaks.json"


def sources(settings: GuideSettings, folder: Path) -> list[Path]:
    """Every file that the stage reads; a changed one makes it run again."""
    named = [settings.catalogue, settings.phrasings, settings.questions, settings.safety]
    files = [folder / path for path in named if path]
    if settings.documents:
        place = folder / settings.documents
        names = visible(place) if place.is_dir() else []
        files += [place / name for name in names] or [place]
    return files


def plan(settings: GuideSettings, folder: Path, seed: int, search_leaks: bool = True) -> Plan:
    """The dataset in memory, checked; no heavy import, no weights.

    Raises InputError for every fault of the sources, and, with `search_leaks`, for a training set
    that shares a question with a held-out one.
    """
    corpus = _read(settings, folder)
    safety = folder / settings.safety if settings.safety else None
    result = split(corpus, settings, safety, seed)
    _check(result, settings)
    if search_leaks:
        refuse_leaks(result)
    return result


def prepare(settings: GuideSettings, folder: Path, out: Path, seed: int) -> None:
    """Write the rows, the held-out sets, names, leaks, counts and the index into `out`."""
    result = plan(settings, folder, seed, search_leaks=False)
    leaks = refuse_leaks(result)
    write_rows(out / "train.jsonl", result.train)
    for name in ("known", "unknown", "safety"):
        write_rows(out / f"{name}.jsonl", getattr(result, name))
    write_text(out / NAMES, json.dumps(result.names, ensure_ascii=False, indent=2) + "\n")
    write_text(out / LEAKS, leaks.model_dump_json(indent=2) + "\n")
    if result.passages:
        endpoint = allowed(settings.embeddings) if settings.embeddings else None
        index.build(result.passages, out / "index", endpoint)
    write_text(out / DATASET, json.dumps(summary(result, settings), indent=2) + "\n")


def summary(result: Plan, settings: GuideSettings) -> dict[str, object]:
    """Counts of a plan, for dataset.json, the check stage and the report."""
    return {
        "system": settings.system,
        "train_rows": len(result.train),
        "known_questions": len(result.known),
        "known_groups": len({q.group for q in result.known}),
        "unknown_questions": len(result.unknown),
        "unknown_groups": len({q.group for q in result.unknown}),
        "safety_questions": len(result.safety),
        "passages": len(result.passages),
    }


def allowed(embeddings: EmbeddingsSettings) -> Endpoint:
    """The server of the settings; InputError where texts may not leave this machine for it."""
    trusted, leaves = embeddings.trusted_hosts, embeddings.leaves_machine
    check_host(embeddings.base_url, trusted, leaves, "data.embeddings.base_url")
    return Endpoint(
        base_url=embeddings.base_url,
        model=embeddings.model,
        api_key_env=embeddings.api_key_env,
    )


def _read(settings: GuideSettings, folder: Path) -> Corpus:
    if settings.catalogue:
        if not settings.phrasings:
            raise InputError("develop.needs_phrasings")
        corpus = catalogue.read_catalogue(
            folder / settings.catalogue, folder / settings.phrasings, settings.attributes
        )
    elif settings.questions:
        corpus = Corpus(table.read(folder / settings.questions, settings), ())
    else:
        raise InputError("develop.no_source")
    if settings.documents:
        passages = index.read_passages(folder / settings.documents, settings.context_tokens)
        corpus = Corpus(corpus.facts, corpus.passages + passages, corpus.names)
    return corpus


def _check(result: Plan, settings: GuideSettings) -> None:
    if settings.embeddings:
        allowed(settings.embeddings)
    if not result.train:
        raise InputError("develop.no_train_rows")
    source = str(settings.catalogue or settings.questions)
    insist_unique((row.id for row in result.train), source)
    insist_unique((question.id for question in result.held_out), source)
    if not result.known:
        raise InputError("develop.no_held_out")
    if len(result.train) > settings.max_train_rows:
        rows, most = len(result.train), settings.max_train_rows
        raise InputError("develop.too_many_rows", rows=rows, most=most)


def refuse_leaks(plan: Plan) -> Report:
    """The leaks of a plan, told only; InputError for those that would make a verdict worthless."""
    report = find_leaks(plan)
    if report.blocking:
        first = report.blocking
        shown = ", ".join(f"{leak.held_out} = {leak.seen_in}" for leak in first[:3])
        raise InputError("develop.leak", count=len(first), shown=shown, level=first[0].level)
    return report


def find_leaks(plan: Plan) -> Report:
    """All leaks of a plan: known questions and refusals by wording, unknown ones by group too."""
    names = {*plan.names.values(), *(question.group_name for question in plan.held_out)}
    # The longest first: a name may stand inside another.
    parts = [re.escape(name) for name in sorted(names, key=len, reverse=True) if name]
    whole = re.compile(rf"\b(?:{'|'.join(parts)})\b", re.IGNORECASE) if parts else None
    train = [
        row.model_copy(
            update={
                "messages": [
                    turn.model_copy(update={"content": _one_word(turn.content, whole)})
                    for turn in row.messages
                ]
            }
        )
        for row in plan.train
    ]
    index = {INDEX: [_one_word(passage.text, whole) for passage in plan.passages]}
    reworded = [_asked(question, whole) for question in (*plan.known, *plan.safety)]
    unknown = [_asked(question, whole) for question in plan.unknown]
    reports = [
        check(train, reworded, "phrasing", others=index),
        check(train, unknown, "group", others=index),
    ]
    return merged(reports, {"train": len(train), "held_out": len(plan.held_out)})


def _one_word(text: str, names: "re.Pattern[str] | None") -> str:
    """The text with each name written as one word, so that it is one word of a run."""
    return names.sub(lambda name: re.sub(r"\W+", "", name[0]), text) if names else text


def _asked(question: Question, names: "re.Pattern[str] | None") -> ChatRow:
    """A held-out question as a row without an answer."""
    text = _one_word(question.question, names)
    return ChatRow(id=question.id, messages=chat("", text), group=question.group)
