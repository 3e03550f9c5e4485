r"""ROUGE-1, ROUGE-2 and ROUGE-L (Lin 2004) by rouge-score, with words of any script.

rouge-score's own tokenizer deletes everything but ASCII, so that two equal Russian sentences score
0. Ours: one spelling (`formats.spelling`), case folded, ё as е, words are runs of letters and
digits of any script. On ASCII texts it gives the same words. The value of an item is the best F
over its references; the corpus value is the mean. `stemmer` is Porter's (English), as in most
published figures.
"""

import re
from functools import cache
from typing import Any, Literal, get_args

from kamerton.experiment.scorers.scored import Answers, References, Scored, Scorer, mean, version
from kamerton.formats.spelling import SPELLING, folded

Kind = Literal["rouge1", "rouge2", "rougeL"]
TOKENIZER = rf"{SPELLING}.casefold.yo-ye.[^\W_]+"
_WORD = re.compile(r"[^\W_]+")
_SHORT = 3
"""Words up to this long are not stemmed, as in ROUGE-1.5.5."""


class UnicodeTokenizer:
    """The tokenizer that rouge-score is given."""

    def __init__(self, stemmer: bool = False) -> None:
        """`stemmer`: cut English endings by Porter's rules."""
        self._stemmer: Any = None
        if stemmer:
            from nltk.stem.porter import PorterStemmer

            self._stemmer = PorterStemmer()

    def tokenize(self, text: str) -> list[str]:
        """Words of a text, in one spelling."""
        words = _WORD.findall(folded(text))
        if self._stemmer is None:
            return words
        return [self._stemmer.stem(word) if len(word) > _SHORT else word for word in words]


def rouge(kind: Kind, stemmer: bool = False) -> Scorer:
    """The scorer of one kind of ROUGE."""

    def compute(answers: Answers, references: References) -> Scored:
        signature = (
            f"{kind}|f1|refs:best|stem:{'porter' if stemmer else 'no'}|tok:{TOKENIZER}"
            f"|rouge-score:{version('rouge-score')}"
        )
        metric = _metric(kind, stemmer)
        best = [
            metric.score_multi(list(those), answer)[kind]
            for answer, those in zip(answers, references, strict=True)
        ]
        items = tuple(float(one.fmeasure) for one in best)
        parts: dict[str, tuple[float | None, ...]] = {
            part: tuple(float(getattr(one, part)) for one in best)
            for part in ("precision", "recall")
        }
        totals = {part: mean(values) for part, values in parts.items()}
        return Scored(items, mean(items), signature, parts, totals)

    return Scorer(f"{kind}_stem" if stemmer else kind, compute)


@cache
def _metric(kind: Kind, stemmer: bool) -> Any:
    from rouge_score.rouge_scorer import RougeScorer

    return RougeScorer([kind], tokenizer=UnicodeTokenizer(stemmer))


_ALL = [rouge(kind, stemmer) for stemmer in (False, True) for kind in get_args(Kind)]
SCORERS = {scorer.name: scorer for scorer in _ALL}
