"""The report's figures in the order and the words in which the page shows them."""

from collections import defaultdict
from dataclasses import dataclass

from kamerton.experiment.compare import SETS
from kamerton.experiment.report import plot, words
from kamerton.experiment.report.material import Compared, Material, Trip
from kamerton.formats.language import say
from kamerton.formats.manifest import Manifest, StageName
from kamerton.formats.scores import Cell, Comparison
from kamerton.formats.serving import BASE, RAG


@dataclass(frozen=True)
class Claim:
    """One comparison as the page shows it."""

    title: str
    code: str
    verdict: str
    sentence: str
    counts: str
    test: str
    effect: str
    interval: str
    strip: plot.Strip


@dataclass(frozen=True)
class Score:
    """One cell of the table of scores."""

    mean: str
    interval: str
    width: float
    """The mean in per cent, for the bar beneath."""


@dataclass(frozen=True)
class ScoreRow:
    """One criterion of one set, all arms."""

    criterion: str
    primary: bool
    scores: list[Score | None]


@dataclass(frozen=True)
class Span:
    """One stage on the bar of times."""

    stage: str
    name: str
    time: str
    share: float


def claims(material: Compared, family: str) -> tuple[list[Claim], plot.Scale]:
    """The comparisons of a family on one common scale."""
    chosen = [c for c in material.summary.comparisons if c.family == family]
    scale = plot.differences([c.effect for c in chosen])
    return [_claim(c, material, scale) for c in chosen], scale


def _claim(comparison: Comparison, material: Compared, scale: plot.Scale) -> Claim:
    criterion = say(f"experiment.criterion_{comparison.criterion}")
    code = words.verdict_code(comparison.verdict)
    effect = words.effect(comparison)
    return Claim(
        title=criterion if comparison.family == "secondary" else _hypothesis(comparison),
        code=code,
        verdict=say(f"experiment.verdict_{code}"),
        sentence=words.capital(words.figures(comparison, material.summary)) + ".",
        counts=say("experiment.better_worse", **comparison.model_dump()),
        test=_test(comparison),
        effect=effect["effect"],
        interval=f"{effect['low']} … {effect['high']}",
        strip=plot.strip(comparison.effect, scale, material.settings.margin),
    )


def _hypothesis(comparison: Comparison) -> str:
    against = say("experiment.against")
    return f"{comparison.arm} {against} {comparison.against}"


def _test(comparison: Comparison) -> str:
    return say(
        "experiment.p_line",
        p=words.p_value(comparison.p),
        p_holm=words.p_value(comparison.p_holm),
        mcnemar=words.p_value(comparison.mcnemar_p),
        groups=comparison.groups,
        detectable=round(100 * comparison.detectable),
    )


def score_sets(material: Compared) -> list[tuple[str, list[ScoreRow]]]:
    """Held-out set to its rows, in the order of the page."""
    cells: dict[tuple[str, str], dict[str, Cell]] = defaultdict(dict)
    for cell in material.summary.cells:
        cells[cell.held_out, cell.criterion][cell.arm] = cell
    sets: list[tuple[str, list[ScoreRow]]] = []
    for held_out in dict.fromkeys(of for of, _ in cells):
        rows = [
            _score_row(criterion, by_arm, material)
            for (of, criterion), by_arm in cells.items()
            if of == held_out
        ]
        if rows:
            sets.append((held_out, rows))
    return sets


def _score_row(criterion: str, by_arm: dict[str, Cell], material: Compared) -> ScoreRow:
    return ScoreRow(
        say(f"experiment.criterion_{criterion}"),
        criterion == material.settings.primary,
        [_score(by_arm.get(arm)) for arm in material.summary.arms],
    )


def _score(cell: Cell | None) -> Score | None:
    if cell is None:
        return None
    low, mean, high = (round(100 * v) for v in (cell.score.low, cell.score.mean, cell.score.high))
    return Score(str(mean), f"{low}–{high}", round(100 * cell.score.mean, 1))


def arm_plots(material: Material) -> list[tuple[str, list[tuple[str, str, plot.Strip]]]]:
    """Held-out set to arm, mean and drawing, on the primary criterion."""
    found: dict[str, list[tuple[str, str, plot.Strip]]] = defaultdict(list)
    for cell in material.summary.cells:
        if cell.criterion == material.settings.primary:
            drawn = plot.strip(cell.score, plot.SHARES)
            found[cell.held_out].append((cell.arm, words.percent(cell.score.mean), drawn))
    return list(found.items())


def arms(material: Compared) -> list[tuple[str, str]]:
    """Every arm with what it is, in words."""
    return [(arm, _arm(arm, material.name, material.base)) for arm in material.summary.arms]


def _arm(arm: str, name: str, base: str) -> str:
    if arm.endswith(RAG):
        return say("experiment.arm_rag", arm=arm.removesuffix(RAG))
    if arm == BASE:
        return say("experiment.arm_base", base=base)
    return say("experiment.arm_tuned" if arm == name else "experiment.arm_other")


def sets(material: Material) -> list[tuple[str, str, str]]:
    """Held-out set, what it tests, and how many questions it has."""
    found: list[tuple[str, str, str]] = []
    for held_out in SETS:
        of = [q for q in material.questions if q.held_out == held_out]
        key = "experiment.asked_safety" if held_out == "safety" else "experiment.asked_set"
        if of:
            counts = say(key, questions=len(of), groups=len({q.group for q in of}))
            found.append((held_out, say(f"experiment.about_{held_out}"), counts))
    return found


def spans(material: Trip) -> list[Span]:
    """Times of the stages, with their share of the whole."""
    whole = sum(m.seconds for m in material.manifests.values()) or 1.0
    return [
        Span(name, stage_name(name), _time(m), round(100 * m.seconds / whole, 2))
        for name, m in material.manifests.items()
    ]


def _time(manifest: Manifest) -> str:
    time = words.duration(manifest.seconds)
    return say("experiment.time_resumed", time=time) if manifest.resumed else time


def stage_name(stage: str) -> str:
    """A stage as a reader calls it; one of several adapters has its adapter's name too."""
    name = StageName(stage)
    said = say(f"experiment.stage_{name.does}")
    return f"{said} ({name.adapter})" if name.adapter else said


def notes(material: Material) -> list[str]:
    """What a reader should mind."""
    summary, design = material.summary, material.design
    listed = ", ".join(
        say(
            "experiment.note_detectable_item",
            points=round(100 * power.detectable),
            name=power.name,
            questions=power.questions,
            groups=power.groups,
        )
        for power in design.hypotheses
    )
    detectable = say(
        "experiment.note_detectable",
        list=listed,
        discordance=words.percent(design.discordance),
        correlation=design.correlation,
    )
    if summary.changed_answers is None:
        changed = say("experiment.note_not_repeated")
    else:
        repeated = summary.repeated_answers
        changed = say("experiment.note_changed", changed=summary.changed_answers, repeated=repeated)
    plain = [say(f"experiment.note_{key}") for key in ("rules", "proxy", "quantised", "few")]
    return [*plain, detectable, changed] if listed else [*plain, changed]


def sources(material: Trip) -> list[tuple[str, str]]:
    """Every file outside the run that any stage read, with its SHA-256."""
    found = {k: v for m in material.manifests.values() for k, v in m.sources.items()}
    return sorted(found.items())


def versions(material: Trip) -> dict[str, str]:
    """Software versions that the stages noted."""
    return {k: v for m in material.manifests.values() for k, v in m.versions.items()}
