r"""ROUGE-1, ROUGE-2 and ROUGE-L (Lin 2004) by rouge-score, with words of any script.

rouge-score's own tokenizer deletes everything but ASCII, so that two equal Russian sentences score
0. Ours: NFC, case folded, ё as е, words are runs of letters and digits of any script. On ASCII
texts it gives the same words. The value of an item is the best F over its references; the corpus
value is the mean. `stemmer` is Porter's (English), as in most published figures.
"""

import re
from collections.abc import Sequence
from functools import cache
from typing import Any, Literal
from unicodedata import normalize

from kamerton.experiment.scorers.scored import (
    Answers,
    References,
    Scored,
    Scorer,
    check,
    mean,
    version,
)

Kind = Literal["rouge1", "rouge2", "rougeL"]
TOKENIZER = r"nfc.casefold.yo-ye.[^\W_]+"
_WORD = re.compile(r"[^\W_]+")
_SHORT = 3
"""Words up to this long are not stemmed, as in ROUGE-1.5.5."""


class UnicodeTokenizer:
    """The tokenizer that rouge-score is given."""

    def __init__(self, stemmer: bool = False) -> None:
        """`stemmer`: cut English endings by Porter's rules."""
        self._stemmer = _porter() if stemmer else None

    def tokenize(self, text: str) -> list[str]:
        """Words of a text, in one spelling."""
        found = _WORD.findall(normalize("NFC", text).casefold().replace("ё", "е"))
        if self._stemmer is None:
            return found
        return [self._stemmer.stem(word) if len(word) > _SHORT else word for word in found]


def rouge(kind: Kind, stemmer: bool = False) -> Scorer:
    """The scorer of one kind of ROUGE."""

    def score(answers: Answers, references: References) -> Scored:
        check(answers, references)
        signature = (
            f"{kind}|f1|refs:best|stem:{'porter' if stemmer else 'no'}|tok:{TOKENIZER}"
            f"|rouge-score:{version('rouge-score')}"
        )
        metric = _metric(kind, stemmer)
        found = [
            metric.score_multi(list(those), answer)[kind]
            for answer, those in zip(answers, references, strict=True)
        ]
        items = tuple(float(one.fmeasure) for one in found)
        parts: dict[str, Sequence[Any]] = {
            "precision": [float(one.precision) for one in found],
            "recall": [float(one.recall) for one in found],
        }
        return Scored(
            items,
            mean(items),
            signature,
            {name: tuple(values) for name, values in parts.items()},
            {name: mean(values) for name, values in parts.items()},
        )

    return Scorer(f"{kind}_stem" if stemmer else kind, score, (0.0, 1.0))


@cache
def _metric(kind: Kind, stemmer: bool) -> Any:
    from rouge_score.rouge_scorer import RougeScorer

    return RougeScorer([kind], tokenizer=UnicodeTokenizer(stemmer))


@cache
def _porter() -> Any:
    from nltk.stem.porter import PorterStemmer

    return PorterStemmer()


SCORERS = {
    scorer.name: scorer
    for stemmer in (False, True)
    for scorer in (rouge("rouge1", stemmer), rouge("rouge2", stemmer), rouge("rougeL", stemmer))
}
