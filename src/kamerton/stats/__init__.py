"""The statistics that verdicts rest on, with the group (exhibit, document) as the unit.

Questions about one exhibit hang together, so counting them as independent finds effects that are
not there. Everything here takes one value and one group name for each question, except the tests
of counted shares (`proportions`), which are shown beside and marked. numpy and scipy are loaded
when a figure is asked for.

`paired`: sign flips and bootstrap · `bca`: the bootstrap for skewed differences · `proportions`:
Wilson, McNemar · `families`: Holm · `claims`: verdict, non-inferiority, equivalence · `power`: what
a design can show, and what it would take · `corpus`: metrics of a whole corpus · `crossed`: several
seeds · `agreement`: kappa and alpha.
"""

from kamerton.stats.agreement import Agreement, alpha, kappa
from kamerton.stats.bca import bca
from kamerton.stats.claims import Claim, equivalent, non_inferior, verdict
from kamerton.stats.corpus import CorpusDifference, corpus_difference
from kamerton.stats.crossed import Pooled, pooled
from kamerton.stats.families import holm
from kamerton.stats.paired import bootstrap, sign_flip
from kamerton.stats.power import Needed, detectable, groups_needed, needed, smallest_p
from kamerton.stats.proportions import mcnemar, mcnemar_mid_p, wilson

__all__ = [
    "Agreement",
    "Claim",
    "CorpusDifference",
    "Needed",
    "Pooled",
    "alpha",
    "bca",
    "bootstrap",
    "corpus_difference",
    "detectable",
    "equivalent",
    "groups_needed",
    "holm",
    "kappa",
    "mcnemar",
    "mcnemar_mid_p",
    "needed",
    "non_inferior",
    "pooled",
    "sign_flip",
    "smallest_p",
    "verdict",
    "wilson",
]
