"""BLEU and chrF of a corpus, by sacrebleu (Post 2018), with its signature.

Neither is a mean over items: the values of single answers (BLEU with the effective order) are for
looking at, and differences are tested by `paired`. Texts are read in one spelling, case and ё kept
(`formats.spelling`): nothing changes in texts without soft hyphens, NFD and their like. 13a cuts
only the punctuation of ASCII off words; `bleu_intl` cuts any (« », —), which is the fairer one for
Russian.
"""

import math
from collections.abc import Callable, Sequence
from itertools import zip_longest
from typing import Any

from kamerton.experiment.scorers import scored
from kamerton.experiment.scorers.scored import Answers, References, Rows, Scored, Scorer
from kamerton.formats.spelling import SPELLING

BOUNDS = (0.0, 100.0)
Make = Callable[[bool], Any]
"""A fresh metric of sacrebleu; True: for single answers."""


def bleu(name: str, tokenize: str) -> Scorer:
    """BLEU-4 (Papineni et al. 2002) with a tokenizer of sacrebleu: `13a`, `intl`, `none`."""

    def make(single: bool) -> Any:
        from sacrebleu.metrics.bleu import BLEU

        return BLEU(tokenize=tokenize, effective_order=single, force=True)

    return _scorer(name, make)


def chrf(name: str, word_order: int) -> Scorer:
    """ChrF (Popović 2015): F2 of character 6-grams; with `word_order` 2 it is chrF++."""

    def make(single: bool) -> Any:
        from sacrebleu.metrics.chrf import CHRF

        return CHRF(word_order=word_order)

    return _scorer(name, make)


def _scorer(name: str, make: Make) -> Scorer:
    # sacrebleu takes references as one list for each place, None where an answer has fewer.
    def compute(answers: Answers, references: References) -> Scored:
        scored.version("sacrebleu")
        answers, references = scored.spelt(answers, references)
        metric, single = make(False), make(True)
        corpus = metric.corpus_score(answers, [*zip_longest(*references)])
        items = [
            float(single.sentence_score(answer, those).score)
            for answer, those in zip(answers, references, strict=True)
        ]
        signature = f"{corpus.name}|{metric.get_signature()}|norm:{SPELLING}"
        return Scored(tuple(items), float(corpus.score), signature)

    def rows(answers: Answers, references: References) -> Rows:
        scored.version("sacrebleu")
        # What sacrebleu's own paired tests call; the public methods give no sums of items.
        answers, references = scored.spelt(answers, references)
        sums = make(False)._extract_corpus_statistics(answers, [*zip_longest(*references)])
        return [[float(figure) for figure in row] for row in sums]

    def value(sums: Sequence[float]) -> float:
        whole = [round(figure) for figure in sums]
        score = float(make(False)._compute_score_from_stats(whole).score)
        return 0.0 if math.isnan(score) else score

    return Scorer(name, compute, BOUNDS, additive=scored.Additive(rows, value))


_ALL = (bleu("bleu", "13a"), bleu("bleu_intl", "intl"), chrf("chrf", 0), chrf("chrf++", 2))
SCORERS = {scorer.name: scorer for scorer in _ALL}
