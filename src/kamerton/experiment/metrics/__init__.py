"""The criteria at work: what the table (`experiment.criteria`) names, as one kind of thing."""

from collections.abc import Sequence
from dataclasses import dataclass

from kamerton import stats
from kamerton.experiment import criteria
from kamerton.experiment.metrics.context import Asked, Context, Metric, Score
from kamerton.experiment.scorers.scored import Rows, Scorer
from kamerton.formats.scores import Sample

RIGHT = 0.5
"""A score from here up counts as right where questions are counted."""


@dataclass(frozen=True)
class Criterion:
    """One criterion of the table: a rule about one answer, or a scorer against references."""

    name: str
    rule: Metric | Scorer

    @property
    def right(self) -> float | None:
        """Score from which an answer counts as right; None where scores tell how close it is."""
        return None if isinstance(self.rule, Scorer) else RIGHT

    @property
    def of_corpus(self) -> bool:
        """Whether the value of an arm is no mean of its answers' scores (BLEU)."""
        return isinstance(self.rule, Scorer) and self.rule.additive is not None

    @property
    def bounds(self) -> tuple[float, float]:
        """Least and largest score that is possible; the largest is 1."""
        rule = self.rule
        return (rule.bounds[0] / rule.bounds[1] if isinstance(rule, Scorer) else 0.0), 1.0

    def scores(self, answers: Sequence[Asked], context: Context) -> list[Score | None]:
        """Each answer's score, at most 1, with its reason; None where the criterion does not apply.

        A scorer needs a reference, and gives no reason.
        """
        if not isinstance(self.rule, Scorer):
            return [self.rule(*one, context) for one in answers]
        places = [place for place, (question, _, _) in enumerate(answers) if question.answer]
        scores: list[Score | None] = [None] * len(answers)
        if places:
            texts = [answers[place][1] for place in places]
            items = self.rule.score(texts, [[answers[place][0].answer] for place in places]).items
            for place, item in zip(places, items, strict=True):
                scores[place] = None if item is None else (item / self.rule.bounds[1], "")
        return scores

    def sums(self, samples: Sequence[Sample]) -> Rows:
        """What each answer with its reference adds to the corpus value."""
        assert isinstance(self.rule, Scorer) and self.rule.additive is not None
        references = [[sample.reference] for sample in samples]
        return self.rule.additive.rows([sample.answer for sample in samples], references)

    def value(self, sums: Sequence[float]) -> float:
        """The corpus value of summed `sums`, at most 1."""
        assert isinstance(self.rule, Scorer) and self.rule.additive is not None
        return self.rule.additive.value(sums) / self.rule.bounds[1]

    def corpus(self, arm: Sequence[Sample], against: Sequence[Sample]) -> stats.CorpusSums | None:
        """What a test of two arms needs beside the scores; None where the scores suffice."""
        if not self.of_corpus:
            return None
        return stats.CorpusSums(self.sums(arm), self.sums(against), self.value, self.bounds)


def criterion(name: str) -> Criterion:
    """The criterion of the table with this name."""
    return Criterion(name, criteria.load(name))


def insist_ready(names: Sequence[str]) -> None:
    """InputError where a scorer lacks what it needs (a package, an encoder), before any asking."""
    for one in map(criterion, names):
        if isinstance(one.rule, Scorer):
            one.rule.score(["a"], [["a"]])


__all__ = ["RIGHT", "Context", "Criterion", "Metric", "Score", "criterion", "insist_ready"]
