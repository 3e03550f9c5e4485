"""Every criterion that answers can be scored by, in one table.

A new one is a function in `metrics` (a rule about one answer) or `scorers` (answers against
references), one entry here, and its texts in both languages: `criterion_<name>`, `rule_<name>`, its
reasons, and where a judge model and people are asked too, `judge/templates/criterion_<name>` and
`rating_criterion_<name>`. Recipes name any of them; what lies behind a name is loaded when it is
used.
"""

import difflib
from dataclasses import dataclass
from importlib import import_module
from typing import Annotated, Any

from pydantic import AfterValidator
from pydantic_core import PydanticCustomError

from kamerton.formats.language import say

GUIDE = ("factual_accuracy", "relevance", "safety", "expectation", "format")
"""What a guide's answers are scored by where a recipe names nothing else."""
FORM = ("script", "ended", "role_marks")
"""What answers to rows are scored by: their form, for what is right is not known by rule."""
ADVERT = ("beginning", "channel_length", "facts", "figures", "own_words", "no_gaps")
"""What advertising texts are scored by, those that have a brief."""


@dataclass(frozen=True)
class Entry:
    """One criterion."""

    where: str
    """Module below this package, and the function, the scorer, or the dict that holds it."""
    judged: bool = False
    """Whether a judge model and people can be asked which answer is better by it."""


TABLE: dict[str, Entry] = {
    "factual_accuracy": Entry("metrics.guide:factual_accuracy", judged=True),
    "relevance": Entry("metrics.guide:relevance", judged=True),
    "safety": Entry("metrics.guide:safety", judged=True),
    "expectation": Entry("metrics.guide:expectation", judged=True),
    "format": Entry("metrics.guide:format_", judged=True),
    "politeness": Entry("metrics.politeness:politeness", judged=True),
    "script": Entry("metrics.form:script"),
    "ended": Entry("metrics.form:ended"),
    "role_marks": Entry("metrics.form:role_marks"),
    **dict.fromkeys(ADVERT, Entry("metrics.advert:ADVERT")),
    "pass@1": Entry("metrics.passes:passes"),
    **dict.fromkeys(("bleu", "bleu_intl", "chrf", "chrf++"), Entry("scorers.bleu:SCORERS")),
    **dict.fromkeys(
        ("rouge1", "rouge2", "rougeL", "rouge1_stem", "rouge2_stem", "rougeL_stem"),
        Entry("scorers.rouge:SCORERS"),
    ),
    "meteor": Entry("scorers.meteor:SCORERS"),
    "bertscore": Entry("scorers.bertscore:SCORERS"),
    **dict.fromkeys(("codebleu", "codebleu_published"), Entry("scorers.codebleu:SCORERS")),
    **dict.fromkeys(
        ("exact_match", "exact_words", "contains", "edit_similarity"),
        Entry("scorers.match:SCORERS"),
    ),
}
SCORERS = tuple(name for name, entry in TABLE.items() if entry.where.startswith("scorers."))
"""Those of answers against references, which `kamerton grade` knows too."""
JUDGED = tuple(name for name, entry in TABLE.items() if entry.judged)


def load(name: str) -> Any:
    """The rule or the scorer behind a name."""
    module, _, attribute = TABLE[name].where.partition(":")
    held = getattr(import_module(f"kamerton.experiment.{module}"), attribute)
    return held[name] if isinstance(held, dict) else held


def _one_of(names: tuple[str, ...], value: str) -> str:
    if value in names:
        return value
    close = difflib.get_close_matches(value, names, n=1, cutoff=0.5)
    hint = say("formats.did_you_mean", name=close[0]) if close else ""
    told = say("experiment.no_such_criterion", name=value, hint=hint, known=", ".join(names))
    raise PydanticCustomError("criterion", "{told}", {"told": told})


Criterion = Annotated[str, AfterValidator(lambda name: _one_of(tuple(TABLE), name))]
"""A name of the table."""
Judgeable = Annotated[str, AfterValidator(lambda name: _one_of(JUDGED, name))]
"""One that a judge model and people can be asked about."""
