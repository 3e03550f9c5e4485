"""Beginnings continued by a model: texts to be read, how many ended, and how many run in a loop.

The folder has `replies.jsonl` (the ledger), `answers.jsonl` and `results.json`.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from kamerton import stats
from kamerton.client.connection import Model
from kamerton.client.ledger import Ledger
from kamerton.experiment.ask.asking import REPLIES, How, Prompt, Reply, ask_all
from kamerton.experiment.ask.continuation.beginnings import Beginning
from kamerton.experiment.ask.evaluate import ANSWERS, RESULTS
from kamerton.experiment.tasks.maths.ending import looped
from kamerton.experiment.tasks.maths.rows import AnswerRow
from kamerton.formats.jsonl import write_rows, write_text
from kamerton.formats.manifest import digest
from kamerton.formats.scores import Interval


@dataclass(frozen=True)
class Continuing:
    """What is continued, and how."""

    title: str
    """The model as a reader calls it."""
    how: How = field(default_factory=How)
    limit: int | None = None


class ContinuationResults(BaseModel):
    """`results.json`: two shares, and all that they depend on."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    task: str
    model: str
    fingerprint: str
    """Of weights and tokenizer."""
    prompts: str
    """Digest of all beginnings."""
    settings: dict[str, object]
    cached: int
    """Replies that an earlier start had left."""
    beginnings: int
    answers: int
    prompt_tokens: int
    """Of all beginnings, each counted once."""
    completion_tokens: int
    ended: Interval
    """Share of continuations that the model ended by itself, and no limit cut."""
    looped: Interval
    """Share of those that end in a loop: the same words four times running."""
    method: str
    """How the intervals were made: `wilson`, or `bootstrap` over beginnings."""


class Continued(AnswerRow):
    """One beginning with all its continuations: a line of `answers.jsonl`."""

    loops: list[bool]


def evaluate(
    what: Continuing, beginnings: Sequence[Beginning], model: Model, out: Path
) -> tuple[ContinuationResults, list[Continued]]:
    """Ask, count and write; a second start asks only what the first one left open.

    InputError when the server is gone or refuses a beginning; what it answered is kept.
    """
    prompts = [Prompt(one.id, one.text) for one in beginnings[: what.limit]]
    asked = ask_all(model, prompts, what.how, Ledger(out / REPLIES, Reply, "key"))
    rows = [_row(prompt, asked.replies[prompt.id]) for prompt in prompts]
    replies = [one for prompt in prompts for one in asked.replies[prompt.id]]
    settings: dict[str, object] = asdict(what.how)
    settings["stops"] = list(what.how.stops)
    ended, method = _share(rows, [reply.finish_reason == "stop" for reply in replies], what)
    results = ContinuationResults(
        task="continuation",
        model=what.title,
        fingerprint=model.fingerprint,
        prompts=digest(*(one.text for one in prompts)),
        settings=settings,
        cached=asked.cached,
        beginnings=len(prompts),
        answers=len(replies),
        prompt_tokens=sum(asked.replies[one.id][0].prompt_tokens for one in prompts),
        completion_tokens=sum(reply.completion_tokens for reply in replies),
        ended=ended,
        looped=_share(rows, [loop for row in rows for loop in row.loops], what)[0],
        method=method,
    )
    write_rows(out / ANSWERS, rows)
    write_text(out / RESULTS, results.model_dump_json(indent=2) + "\n")
    return results, rows


def _row(prompt: Prompt, replies: Sequence[Reply]) -> Continued:
    return Continued(
        id=prompt.id,
        question=prompt.text,
        answers=[reply.text for reply in replies],
        finish_reasons=[reply.finish_reason for reply in replies],
        loops=[looped(reply.text) for reply in replies],
    )


def _share(
    rows: Sequence[Continued], found: Sequence[bool], what: Continuing
) -> tuple[Interval, str]:
    """A share of all continuations; those of one beginning hang together."""
    if len(found) == len(rows):
        return stats.wilson(sum(found), len(found)), "wilson"
    units = [str(row.id) for row in rows for _ in row.answers]
    values = [float(one) for one in found]
    return stats.bootstrap(values, units, (0.0, 1.0), seed=what.how.seed), "bootstrap"
