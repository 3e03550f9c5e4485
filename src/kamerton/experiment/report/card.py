"""The model card: the same figures as the report, in the form that the hub reads."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from kamerton.experiment.report.blocks import Bullets, Code, Section, Text, markdown
from kamerton.experiment.report.figures import text
from kamerton.experiment.report.material import ComparedRun, Run, scalars
from kamerton.experiment.report.sections import Outcome, stage_name

if TYPE_CHECKING:
    from huggingface_hub import ModelCardData

_BITS = {4: "NF4", 8: "int8"}
"""How QLoRA rounds its base to so many bits."""


@dataclass(frozen=True)
class Card:
    """Metadata for the hub, then the sections."""

    data: "ModelCardData"
    sections: Sequence[Section]


def model_card(card: Card) -> str:
    """The card as README.md of a model repository; the hub's own class reads it back."""
    from huggingface_hub import ModelCard

    return str(ModelCard(f"---\n{card.data.to_yaml()}\n---\n\n{markdown(card.sections)}"))


def card_data(
    run: Run,
    language: str,
    library: str | None,
    tags: Sequence[str],
    dataset_type: str,
    figures: Sequence[tuple[str, str, float]],
    base: str | None = None,
) -> "ModelCardData":
    """What the hub knows a model by; what no record tells is left out.

    `figures` are held-out set, metric and value; the metrics of one set stand together.
    """
    from huggingface_hub import EvalResult, ModelCardData

    results = [
        EvalResult(
            task_type="text-generation",
            dataset_type=dataset_type,
            dataset_name=f"{run.name}, {held_out}",
            dataset_config=run.name,
            dataset_split=held_out,
            metric_type=metric,
            metric_name=metric,
            metric_value=round(value, 4),
        )
        for held_out, metric, value in figures
    ]
    return ModelCardData(
        language=[language],
        license=run.licence or None,
        base_model=base,
        datasets=list(run.datasets) or None,
        library_name=library,
        pipeline_tag="text-generation",
        tags=[*tags, "kamerton"],
        model_name=run.name,
        eval_results=results,
    )


def compared_card(
    run: ComparedRun, outcome: Outcome, data: "ModelCardData", intro: str, use: str
) -> Card:
    """The card of a model that was compared with its base."""
    training = (run.recipe.get("tune") or {}) | dict(scalars(run.training))
    verdict = [
        Text(intro),
        Text(f"**{text('verdict_label')}:** {outcome.verdict}"),
        *(Text(f"**{text('harm_title')}.** {sentence}") for sentence in outcome.harm),
        *(
            Text(f"**{one.title}.** " + " ".join(f"{finding}." for finding, *_ in one.verdicts))
            for one in run.feedback
        ),
    ]
    parts = [
        title(run.name),
        Section("", verdict),
        section("card_use", Text(use)),
        section("card_data", Bullets([f"{what} {counts}." for _, what, counts in outcome.sets])),
        section("card_training", Bullets([f"`{k}`: {v}" for k, v in training.items()])),
        section("card_weights", Bullets(weights(run))),
        section("card_results", Code(outcome.table)),
        section("card_limits", Bullets(outcome.notes)),
        lineage(run),
    ]
    return Card(data, parts)


def title(name: str) -> Section:
    """The card's heading."""
    return Section("", [Text("# " + text("card_title", name=name))])


def section(key: str, block: Text | Bullets | Code) -> Section:
    """A section of one block."""
    return Section(text(f"{key}_title"), [block])


def lineage(run: Run) -> Section:
    """Hashes of the stages, and the command that makes them again."""
    stages = [f"{stage_name(stage)}: `{m.hash}`" for stage, m in run.manifests.items()]
    return Section(text("card_lineage_title"), [Bullets(stages), Code(run.command, "sh")])


def weights(run: ComparedRun) -> list[str]:
    """On which weights a QLoRA adapter was trained and is served; empty for any other method.

    An export of several adapters proves them all; the card is of one, and tells of that one.
    """
    figures = (run.parity.get("adaptations") or {}).get(run.name) or {}
    bits = figures.get("trained_on_bits")
    if bits is None:
        return []
    values = {"name": run.name, "bits": bits, "kind": _BITS.get(bits, "")}
    stored = text("weights_qlora", **values, quantisation=run.parity.get("quantisation"))
    apart = figures.get("quantised_trainer")
    return [f"{stored} {text('weights_apart' if apart else 'weights_unmeasured', **(apart or {}))}"]
