"""The statistics that verdicts rest on, with the group (exhibit, document) as the unit.

Questions about one exhibit are clustered, so counting them as independent finds effects that are
not there. Everything here takes one value and one group name for each question, except McNemar's
test and Wilson's interval. numpy and scipy are loaded when a figure is asked for.

`verdicts`: paired scores to verdicts, a family at once; non-inferiority, equivalence ·
`intervals`: a share, a mean, a difference with its interval · `significance`: sign flips, McNemar,
Holm · `power`: what a design can show, and what it would take · `corpus`: metrics of a whole
corpus · `agreement`: kappa and alpha of raters.
"""

from kamerton.stats.agreement import Agreement, alpha, kappa
from kamerton.stats.corpus import CorpusDifference, CorpusSums, corpus_difference, corpus_interval
from kamerton.stats.intervals import bca, bootstrap, interval, wilson
from kamerton.stats.power import (
    Needed,
    detectable,
    detectable_by_spread,
    groups_needed,
    needed,
    smallest_p,
)
from kamerton.stats.significance import holm, mcnemar, sign_flip
from kamerton.stats.verdicts import (
    UNPROVED,
    Claim,
    Paired,
    Tested,
    equivalent,
    non_inferior,
    verdict,
    verdicts,
)

__all__ = [
    "UNPROVED",
    "Agreement",
    "Claim",
    "CorpusDifference",
    "CorpusSums",
    "Needed",
    "Paired",
    "Tested",
    "alpha",
    "bca",
    "bootstrap",
    "corpus_difference",
    "corpus_interval",
    "detectable",
    "detectable_by_spread",
    "equivalent",
    "groups_needed",
    "holm",
    "interval",
    "kappa",
    "mcnemar",
    "needed",
    "non_inferior",
    "sign_flip",
    "smallest_p",
    "verdict",
    "verdicts",
    "wilson",
]
