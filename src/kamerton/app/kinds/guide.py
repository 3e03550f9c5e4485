"""Facts and questions about exhibits, products, documents: known and held out by groups."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

from kamerton.app.kinds.kind import DataKind, Figures, Folders, Named, Objective, no_adapter
from kamerton.app.needs import Need, base_language, server
from kamerton.app.recipe import Part, Recipe
from kamerton.develop.settings import GuideSettings
from kamerton.experiment.settings import ExperimentSettings
from kamerton.formats.jsonl import read_rows
from kamerton.formats.language import label, say
from kamerton.formats.manifest import StageName
from kamerton.formats.questions import Question
from kamerton.pipeline.graph import Stage

_EXAMPLES = 4
_FILES = ("catalogue", "phrasings", "documents", "questions", "safety")


def _stage(name: StageName, data: GuideSettings, seed: int, home: Path, _: Objective) -> Stage:
    from kamerton.develop.data.guide.run import sources

    chosen = {"data": data.model_dump(mode="json"), "seed": seed}
    return Stage(name, (), chosen, tuple(sources(data, home)), version=5)


def _named(data: GuideSettings) -> Iterator[Named]:
    named = {field: getattr(data, field) for field in _FILES}
    yield from (([field], Path(place)) for field, place in named.items() if place)


def _forecast(recipe: Recipe, name: str, part: Part, home: Path, leaks: bool) -> Figures:
    from kamerton.develop.data.guide.run import plan, summary
    from kamerton.develop.tune.estimate import estimate
    from kamerton.experiment.design import design
    from kamerton.experiment.metrics import insist_ready
    from kamerton.experiment.references import insist_right

    assert isinstance(part.data, GuideSettings)
    dataset = plan(part.data, home, recipe.seed, leaks)
    insist_right(dataset.held_out, dataset.names)
    insist_ready(part.experiment.guide_criteria)
    training = estimate(part.tune, recipe.base, dataset.train)
    return {
        "dataset": summary(dataset, part.data),
        "answers": _answer_tokens(part.experiment, recipe.base, dataset.held_out),
        "design": asdict(design(part.experiment, dataset.held_out, name)),
        "training": asdict(training),
        "language": base_language(recipe.base, (q.answer for q in dataset.held_out)),
    }


def _answer_tokens(
    settings: ExperimentSettings, base: str, questions: Sequence[Question]
) -> dict[str, int]:
    """The longest reference in tokens of the base, the limit set, and the one in use.

    Reads the tokenizer, no weights. A limit below the references would cut right answers; a run
    that claims no verdict keeps the limit that is set, and says so.
    """
    from kamerton.develop.hub import token_counts
    from kamerton.experiment.references import answer_limit

    longest = max(token_counts(base, (question.answer for question in questions)))
    wanted = settings.max_tokens
    limit = answer_limit(longest, wanted) if settings.claims_verdict else wanted
    return {"longest": longest, "set": wanted, "limit": limit}


def _lines(counts: Figures) -> list[str]:
    training, answers = counts["training"], counts["answers"]
    cost = say("app.plan_training", **training, minutes=max(1, round(training["seconds"] / 60)))
    raised = [say("app.check_limit", **answers)] if answers["limit"] > answers["set"] else []
    if answers["longest"] >= answers["limit"]:
        raised = [say("app.check_cut", **answers)]
    claims = [claim(power) for power in counts["design"]["hypotheses"]]
    return [say("app.check_rows", **counts["dataset"]), *counts["language"], cost, *raised, *claims]


def claim(power: Figures) -> str:
    """What one hypothesis can show, as a line to read; `power` are the fields of `Power`."""
    key = "check_too_few" if power["groups_needed"] else "check_claim"
    shown = {"name": label("experiment", "hypothesis", power["name"])}
    return say(f"app.{key}", **power | shown, points=round(100 * power["detectable"]))


def _prepare(data: GuideSettings, home: Path, out: Path, seed: int, _: Objective) -> None:
    from kamerton.develop.data.guide import run as guide

    guide.prepare(data, home, out, seed)


def _compare(recipe: Recipe, name: str, part: Part, at: Folders, base_url: str) -> None:
    from kamerton.develop import hub
    from kamerton.experiment.run import compare, read_questions

    fixed, slots = recipe.deterministic, recipe.slots
    questions = read_questions(at.data)
    limit = _answer_tokens(part.experiment, recipe.base, questions)["limit"]
    unspoken = hub.unspoken(recipe.base, (question.answer for question in questions)) or ""
    compared = (part.experiment, name, at.data, base_url, at.compare)
    compare(*compared, recipe.seed, fixed, slots, at.tune, limit, unspoken)


def _examples(data: Path) -> list[str]:
    known = read_rows(data / "known.jsonl", Question)
    step = max(1, len(known) // _EXAMPLES)
    return [question.question for question in known[::step]][:_EXAMPLES]


def _needs(data: GuideSettings, _: Path, __: int) -> list[Need]:
    if data.embeddings is None:
        return []
    at = data.embeddings
    return [server(at.base_url, at.model, at.api_key_env, "need_embeddings", {})]


GUIDE = DataKind(
    stage=_stage,
    named=_named,
    survey=no_adapter,
    forecast=_forecast,
    lines=_lines,
    prepare=_prepare,
    compare=_compare,
    needs=_needs,
    examples=_examples,
)
