"""What a text must be to become an example; each filter gives its reason, or "" where it has none.

The first group looks at one text, the second at a text among those accepted before it. Texts come
in the order of their ids, so the verdict does not depend on which was finished first.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from kamerton.develop.data.dedup.near import jaccard, near_runs
from kamerton.formats import advert
from kamerton.formats.brief import Brief
from kamerton.retrieval.embedding import encode

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from kamerton.develop.settings.synth import SynthSettings

    Vector = NDArray[np.float32]

_BATCH = 16
OWN_LETTERS = 0.8
"""Fewest letters of the language's own alphabet, as a share of all letters."""
_ALPHABET = {"ru": re.compile("[а-яё]", re.IGNORECASE), "en": re.compile("[a-z]", re.IGNORECASE)}


@dataclass(frozen=True)
class Example:
    """A text that a teacher wrote from a brief."""

    id: str
    """Of the request: the order of the filters goes by it."""
    brief: Brief
    text: str
    finish_reason: str = "stop"


@dataclass
class Context:
    """What a filter knows besides the example: its limits, and what was accepted before."""

    settings: "SynthSettings"
    accepted: list[Example] = field(default_factory=list)
    shingles: dict[str, frozenset[int]] = field(default_factory=dict)
    """Runs of three words of the accepted texts, by example."""
    vectors: dict[str, "Vector"] = field(default_factory=dict)
    """Unit vectors of the texts, by example; empty where there are fewer than two."""


Filter = Callable[[Example, Context], str]


def judge(examples: Iterable[Example], settings: "SynthSettings") -> dict[str, str]:
    """The reason against each example by its id; "" where it is accepted."""
    context = Context(settings)
    ordered = sorted(examples, key=lambda example: example.id)
    reasons = {example.id: first_reason(OWN, example, context) for example in ordered}
    left = [example for example in ordered if not reasons[example.id]]
    context.vectors = _vectors(left)
    for example in left:
        reasons[example.id] = first_reason(AMONG, example, context)
        if not reasons[example.id]:
            context.accepted.append(example)
            context.shingles[example.id] = near_runs(example.text)
    return reasons


def first_reason(filters: Mapping[str, Filter], example: Example, context: Context) -> str:
    """The reason of the first filter that has one."""
    reasons = (rule(example, context) for rule in filters.values())
    return next(filter(None, reasons), "")


def schema(example: Example, context: Context) -> str:
    """A text, whole, without gaps to fill in, that starts as the brief says."""
    if not example.text.strip():
        return "empty"
    if example.finish_reason == "length":
        return "cut"
    if not advert.begins(example.text, example.brief):
        return "beginning"
    return "gap" if advert.gap(example.text) else ""


def language(example: Example, context: Context) -> str:
    """Enough letters of the language's own alphabet."""
    letters = sum(map(str.isalpha, example.text))
    native = len(_ALPHABET[context.settings.language].findall(example.text))
    return "language" if native < OWN_LETTERS * letters or not letters else ""


def span(settings: "SynthSettings", brief: Brief) -> tuple[int, int]:
    """Fewest and most characters of a text of the brief's channel."""
    limits: tuple[int, int] = getattr(settings.lengths, brief.channel)
    return limits


def length(example: Example, context: Context) -> str:
    """Characters between the limits of the channel."""
    return advert.misfit(example.text, *span(context.settings, example.brief))


def source(example: Example, context: Context) -> str:
    """Something of the facts, in other words than theirs, and no figures of its own.

    `no_fact`: none of the facts is told. `copied`: twelve words in a row are the brief's.
    `invented`: a figure stands in the text that the brief does not have.
    """
    if not advert.told(example.text, example.brief):
        return "no_fact"
    if advert.copied(example.text, example.brief):
        return "copied"
    return "invented" if advert.invented(example.text, example.brief) else ""


def near(example: Example, context: Context) -> str:
    """Not the same runs of three words as an accepted text."""
    runs = near_runs(example.text)
    similarities = (jaccard(runs, context.shingles[other.id]) for other in context.accepted)
    return "near" if any(value >= context.settings.near for value in similarities) else ""


def semantic(example: Example, context: Context) -> str:
    """Not the same meaning as an accepted text: cosine of their vectors."""
    if example.id not in context.vectors:
        return ""
    vector = context.vectors[example.id]
    cosines = (float(vector @ context.vectors[other.id]) for other in context.accepted)
    return "semantic" if any(value >= context.settings.semantic for value in cosines) else ""


OWN: dict[str, Filter] = {rule.__name__: rule for rule in (schema, language, length, source)}
"""Filters of one text, in the order in which they are asked."""
AMONG: dict[str, Filter] = {"near": near, "semantic": semantic}
"""Filters of a text among the accepted ones."""


def _vectors(examples: Sequence[Example]) -> dict[str, "Vector"]:
    """The vectors of all texts; none where there is nothing to compare."""
    if len(examples) < 2:
        return {}
    batches = [examples[start : start + _BATCH] for start in range(0, len(examples), _BATCH)]
    rows = (row for batch in batches for row in encode([example.text for example in batch]))
    return {example.id: row for example, row in zip(examples, rows, strict=True)}
