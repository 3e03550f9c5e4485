"""What the comparison will be able to show, known before anything is trained or asked."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from kamerton import stats
from kamerton.experiment.settings import ExperimentSettings, Hypothesis
from kamerton.formats.errors import InputError
from kamerton.formats.questions import HeldOut, Question
from kamerton.formats.serving import BASE, RAG

TUNING, RETRIEVAL = "tuning", "retrieval"
"""Names of the hypotheses that are declared where a recipe declares none."""


@dataclass(frozen=True)
class Power:
    """What one hypothesis can show."""

    name: str
    arm: str
    against: str
    held_out: HeldOut
    questions: int
    groups: int
    detectable: float
    """Smallest true difference of shares that is found in `power` of all runs."""
    groups_needed: int = 0
    """Groups below which no difference can be shown at all; 0 where there are enough."""

    @property
    def per_group(self) -> float:
        """Questions of each group, on average."""
        return self.questions / self.groups


@dataclass(frozen=True)
class Design:
    """What the whole comparison can show, and what that rests on."""

    criterion: str
    hypotheses: tuple[Power, ...]
    alpha: float
    """Chance of a false claim in the family; each hypothesis is held to its share of it."""
    power: float = 0.8
    discordance: float = 0.5
    """Assumed share of questions that only one of the two arms gets right."""
    correlation: float = 0.2
    """Assumed correlation of the differences within a group."""


def design(
    settings: ExperimentSettings, questions: Sequence[Question], name: str = "tuned"
) -> Design:
    """Smallest detectable difference of every hypothesis, for these questions.

    `name` is the tuned arm, for the hypotheses that hold where the recipe declares none.
    """
    declared = hypotheses(settings, name, questions)
    bare = Design(settings.primary, (), settings.alpha)
    powers = [_power(h, questions, len(declared), bare) for h in declared]
    lacking = stats.groups_needed([power.groups for power in powers], settings.alpha)
    told = (replace(p, groups_needed=n) for p, n in zip(powers, lacking, strict=True))
    return Design(settings.primary, tuple(told), settings.alpha)


def arms(settings: ExperimentSettings, name: str) -> list[str]:
    """Model ids to compare: those of the recipe, else base and tuned, each with and without RAG."""
    return settings.arms or [BASE, BASE + RAG, name, name + RAG]


def hypotheses(
    settings: ExperimentSettings, name: str, questions: Sequence[Question]
) -> list[Hypothesis]:
    """Primary hypotheses: those of the recipe, else tuning on known and retrieval on unknown ones.

    A declared one without questions raises InputError; a default one is left out.
    """
    there = {q.held_out for q in questions}
    for hypothesis in settings.hypotheses:
        if hypothesis.held_out not in there:
            raise InputError(
                "experiment.no_questions", hypothesis=hypothesis.name, held_out=hypothesis.held_out
            )
    defaults = [
        Hypothesis(name=TUNING, arm=name, against=BASE, held_out="known"),
        Hypothesis(name=RETRIEVAL, arm=BASE + RAG, against=BASE, held_out="unknown"),
    ]
    return settings.hypotheses or [h for h in defaults if h.held_out in there]


def _power(hypothesis: Hypothesis, questions: Sequence[Question], family: int, on: Design) -> Power:
    asked = [q for q in questions if q.held_out == hypothesis.held_out]
    groups = len({q.group for q in asked})
    return Power(
        name=hypothesis.name,
        arm=hypothesis.arm,
        against=hypothesis.against,
        held_out=hypothesis.held_out,
        questions=len(asked),
        groups=groups,
        # Holm holds the smallest p of a family to alpha / family: the harder case is told.
        detectable=stats.detectable(
            groups,
            len(asked) / groups,
            alpha=on.alpha / family,
            power=on.power,
            discordance=on.discordance,
            correlation=on.correlation,
        ),
    )
