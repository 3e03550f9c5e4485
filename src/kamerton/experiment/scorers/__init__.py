"""Scorers of text and code: each takes answers and references, and says how it computed.

`SCORERS` holds what needs no settings, by name. What has settings is made by a function of its
file: `bertscore.bertscore(encoder)`, `codebleu.codebleu(language)`, `rouge.rouge(kind, stemmer)`.
Samples that pass or fail are no texts: `pass_at_k.score_pass_at_k`.
"""

from kamerton.experiment import criteria
from kamerton.experiment.scorers.scored import Scored, Scorer

SCORERS: dict[str, Scorer] = {name: criteria.load(name) for name in criteria.SCORERS}

__all__ = ["SCORERS", "Scored", "Scorer"]
