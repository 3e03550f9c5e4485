"""Scorers of text and code: each takes answers and references, and says how it computed.

`SCORERS` holds what needs no settings, by name. What has settings is made by a function of its
file: `bertscore.bertscore(encoder)`, `codebleu.codebleu(language)`, `rouge.rouge(kind, stemmer)`.
Samples that pass or fail, and rows of log-likelihoods, are no texts: `pass_at_k.score_pass_at_k`,
`likelihood_rows.score_choices` and `score_perplexity`.
"""

from kamerton.experiment.scorers.bertscore import bertscore
from kamerton.experiment.scorers.bleu import bleu, chrf
from kamerton.experiment.scorers.codebleu import codebleu
from kamerton.experiment.scorers.match import CONTAINS, EDIT, EXACT, EXACT_WORDS
from kamerton.experiment.scorers.rouge import rouge
from kamerton.experiment.scorers.scored import Scored, Scorer

SCORERS: dict[str, Scorer] = {
    scorer.name: scorer
    for scorer in (
        bleu("bleu", "13a"),
        bleu("bleu_intl", "intl"),
        chrf("chrf", 0),
        chrf("chrf++", 2),
        rouge("rouge1"),
        rouge("rouge2"),
        rouge("rougeL"),
        rouge("rouge1", stemmer=True),
        rouge("rouge2", stemmer=True),
        rouge("rougeL", stemmer=True),
        bertscore(),
        codebleu(),
        codebleu(convention="published"),
        EXACT,
        EXACT_WORDS,
        CONTAINS,
        EDIT,
    )
}

__all__ = ["SCORERS", "Scored", "Scorer"]
