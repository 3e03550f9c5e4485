"""Stages as frozen data, and the plan: what each would be called, and whether it is done."""

import json
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from kamerton.formats.errors import InputError
from kamerton.formats.events import FILE as EVENTS
from kamerton.formats.language import say
from kamerton.formats.manifest import Manifest, StageName, digest, read, sha256, tree_sha256
from kamerton.pipeline.folder import stage_folder

Settings = dict[str, Any]


class State(StrEnum):
    """How far a stage has come."""

    DONE = "done"
    PARTIAL = "partial"
    CORRUPT = "corrupt"
    TO_DO = "to do"


def state_words(state: State) -> str:
    """How far a stage has come, in the language in force."""
    return say(f"pipeline.state_{state.replace(' ', '_')}")


@dataclass(frozen=True)
class Stage:
    """One step: what it depends on, and nothing of how it is done."""

    name: StageName
    parents: tuple[StageName, ...] = ()
    settings: Settings | None = None
    """Values, plain JSON, that change the stage's outputs."""
    sources: tuple[Path, ...] = ()
    """Files outside the run that it reads; missing ones are left to the stage to report."""
    version: int = 1
    """Raised by us whenever the stage's code writes something else from the same inputs."""
    resumes: bool = False
    """Whether the stage itself goes on from what a killed run left in its folder."""


@dataclass(frozen=True)
class Planned:
    """A stage with its hash, the folder that follows from it, and how far it has come."""

    stage: Stage
    hash: str
    folder: Path
    parents: dict[str, str]
    sources: dict[str, str]
    state: State

    @property
    def name(self) -> StageName:
        """The stage's name."""
        return self.stage.name


def plan(stages: tuple[Stage, ...], root: Path, base: Path) -> list[Planned]:
    """Every stage with hash, folder and state; source files are named relative to `base`."""
    hashes: dict[str, str] = {}
    planned = []
    for stage in stages:
        parents: dict[str, str] = {parent: hashes[parent] for parent in stage.parents}
        sources = _source_hashes(stage.sources, base)
        hashes[stage.name] = stage_hash(stage, parents, sources)
        folder = stage_folder(root, stage.name, hashes[stage.name])
        state = state_of(folder)
        planned.append(Planned(stage, hashes[stage.name], folder, parents, sources, state))
    return planned


def stage_hash(stage: Stage, parents: dict[str, str], sources: dict[str, str]) -> str:
    """Twelve hex digits over everything that the stage's outputs depend on."""
    facts = (stage.settings or {}, sources, parents)
    texts = [json.dumps(fact, sort_keys=True, ensure_ascii=False) for fact in facts]
    return digest(stage.name, str(stage.version), *texts)


def state_of(folder: Path) -> State:
    """How far the stage in `folder` has come; finished outputs are checked by their hashes."""
    if not folder.is_dir() or all(path.name == EVENTS for path in folder.iterdir()):
        return State.TO_DO
    try:
        manifest = read(folder)
    except (ValueError, InputError):
        return State.CORRUPT
    if manifest is None:
        return State.PARTIAL
    return State.DONE if intact(folder, manifest) else State.CORRUPT


def intact(folder: Path, manifest: Manifest) -> bool:
    """Whether every output of a finished stage is still there, byte for byte."""
    hashes = {folder / name: value for name, value in manifest.outputs.items()}
    present = all(path.is_file() for path in hashes)
    return present and all(sha256(path) == value for path, value in hashes.items())


def descendants(planned: list[Planned], name: str) -> list[Planned]:
    """All stages that depend on `name`, directly or through others, in order."""
    below = {name}
    for item in planned:
        if below.intersection(item.stage.parents):
            below.add(item.name)
    return [item for item in planned if item.name in below and item.name != name]


def select(planned: list[Planned], only: str | None, start: str | None) -> list[Planned]:
    """The stages that a run may touch; InputError for a name that no stage has.

    And where a chosen stage needs one that is neither chosen nor done.
    """
    names: list[str] = [item.name for item in planned]
    for wanted in (only, start):
        if wanted is not None and wanted not in names:
            raise InputError("pipeline.unknown_stage", name=wanted, known=", ".join(names))
    if only is not None:
        chosen = [item for item in planned if item.name == only]
    else:
        chosen = planned[names.index(start) if start else 0 :]
    by_name = {item.name: item for item in planned}
    for item in chosen:
        for parent in map(by_name.__getitem__, item.stage.parents):
            if parent not in chosen and parent.state is not State.DONE:
                raise InputError("pipeline.parent_missing", name=item.name, parent=parent.name)
    return chosen


def _source_hashes(sources: tuple[Path, ...], base: Path) -> dict[str, str]:
    hashes: dict[str, str] = {}
    for source in sources:
        if source.is_dir():
            hashed = tree_sha256(source)
            hashes |= {_name(source / name, base): value for name, value in hashed.items()}
        else:
            hashes[_name(source, base)] = sha256(source) if source.is_file() else ""
    return hashes


def _name(path: Path, base: Path) -> str:
    """Relative to the recipe where it lies below it: a moved folder keeps its hashes."""
    return str(path.relative_to(base)) if path.is_relative_to(base) else str(path)
