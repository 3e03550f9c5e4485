"""The compare stage of rows: held-out answers or choices, and form, before and after.

The primary family is what training left of held-out rows: one hypothesis on the loss of answers
(losses.jsonl), or two on what people chose (choices.jsonl). The secondary family are the criteria
of form on the prompts of held-out rows, and of advertising texts those of their briefs, Holm's
correction within it. The recipe's own prompts are asked, scored and shown; they are few and chosen
by hand, so no test rests on them.
"""

from collections.abc import Sequence
from pathlib import Path

from kamerton.experiment import likelihood, measures
from kamerton.experiment.compare import cells, comparisons, scored
from kamerton.experiment.criteria import ADVERT, FORM
from kamerton.experiment.design import Design
from kamerton.experiment.generate import TOO_LONG, GenerationConfig, Reply, ask_all, models
from kamerton.experiment.measures import Claim
from kamerton.experiment.metrics import insist_ready
from kamerton.experiment.prompts import Prompt, prompts
from kamerton.experiment.references import insist_right
from kamerton.experiment.run import insist, why_no_verdict, write
from kamerton.experiment.settings import ExperimentSettings, Hypothesis
from kamerton.formats.brief import BRIEFS, SYNTH, read_orders
from kamerton.formats.errors import InputError
from kamerton.formats.questions import HeldOut
from kamerton.formats.scores import Summary
from kamerton.formats.serving import BASE

SETS: tuple[HeldOut, ...] = ("rows", "prompts")


def compare_rows(
    settings: ExperimentSettings,
    name: str,
    data: Path,
    tune: Path,
    base_url: str,
    out: Path,
    seed: int,
    slots: int = 8,
    unspoken: str = "",
) -> None:
    """Judge the adapter `name` by what training left in `tune` and by its answers at `base_url`.

    Writes samples.jsonl and summary.json into `out`. `slots` is how many answers the server
    computes at the same time; `unspoken` is the language of the texts where the base does not speak
    it. A second start asks only what the first left open. Raises InputError
    where there is nothing to compare, the server lacks an arm, or a file is wrong.
    """
    if settings.hypotheses:
        raise InputError("experiment.rows_hypotheses", where="experiment.hypotheses")
    asked = prompts(settings, data, seed)
    likelihoods = likelihood.measures(likelihood.losses(tune), likelihood.choices(tune), settings)
    if not asked and not likelihoods:
        raise InputError("experiment.nothing_to_compare", where=str(data))
    arms = settings.arms or [BASE, name]
    criteria = settings.rows_criteria((*FORM, *ADVERT))
    primary = settings.rows_primary
    if primary and not any(prompt.question.held_out == "rows" for prompt in asked):
        raise InputError("experiment.primary_unasked", where="experiment.primary", name=primary)
    insist_ready(criteria)
    if "pass@1" in criteria:
        insist_right([prompt.question for prompt in asked], {}, ("pass@1",))
    config = GenerationConfig(
        base_url=base_url,
        max_tokens=settings.answer_tokens,
        seed=seed,
        concurrency=slots,
        repeat_share=settings.repeat_share,
        pass_over=True,
    )
    replies = _ask(asked, arms, config, out)
    briefs = data / SYNTH / BRIEFS
    orders = read_orders(briefs) if briefs.is_file() else {}
    questions = [prompt.question for prompt in asked]
    samples = scored(questions, replies, criteria=criteria, orders=orders)
    why = why_no_verdict(settings, data, tune, arms, name)
    pairs = measures.of_rows(likelihoods, name, BASE, "secondary" if primary else "primary")
    left = measures.comparisons(pairs, settings, seed, not why)
    of_rows = measures.cells(likelihoods, name, BASE, settings, seed)
    claimed = [
        Claim(
            "primary" if criterion == primary else "secondary",
            Hypothesis(name=criterion, arm=arm, against=BASE, held_out="rows"),
            criterion,
        )
        for arm in arms
        if arm != BASE
        for criterion in criteria
    ]
    design = Design("", (), settings.alpha)
    of_answers = comparisons(samples, claimed, settings, design, seed, not why)
    summary = Summary(
        claims_verdict=not why,
        why_no_verdict=why,
        comparisons=of_answers + left if primary else left + of_answers,
        cells=of_rows + cells(samples, settings, seed, SETS, criteria),
        arms=arms,
        seed=seed,
        max_tokens=settings.answer_tokens if asked else None,
        unspoken=unspoken,
    )
    write(out, samples, replies, summary)


def _ask(
    asked: Sequence[Prompt], arms: Sequence[str], config: GenerationConfig, out: Path
) -> list[Reply]:
    """The replies of all arms; a prompt that one arm had no room for is left out for all."""
    if not asked:
        return []
    insist(arms, models(config.base_url))
    questions = [prompt.question for prompt in asked]
    chats = {prompt.question.id: prompt.turns for prompt in asked}
    replies = ask_all(questions, arms, config, out, chats)
    without = {reply.question_id for reply in replies if reply.finish_reason == TOO_LONG}
    return [reply for reply in replies if reply.question_id not in without]
