"""The gate between this machine and a judge elsewhere, as there is one for teachers."""

from collections.abc import Callable, Sequence

from kamerton.client.hosts import is_this_machine, parsed, stays
from kamerton.experiment.judge.pairs import Pair
from kamerton.experiment.judge.settings import JudgeSettings
from kamerton.formats.errors import InputError

_BAD = "experiment.judge_bad_url"

Mask = Callable[[str], str]
"""A text without its personal data."""


def check_host(settings: JudgeSettings) -> None:
    """InputError unless the judge is on this machine, trusted, or any host is allowed."""
    host = parsed(settings.base_url, _BAD).host
    if not (settings.leaves_machine or judge_stays(settings)):
        raise InputError("experiment.judge_outside_host", where="base_url", host=host)


def shown(pairs: Sequence[Pair], settings: JudgeSettings, mask: Mask | None) -> list[Pair]:
    """The pairs as the judge may see them: masked where its host is not trusted.

    InputError where they would leave the machine and there is nothing to mask them with.
    """
    check_host(settings)
    if judge_stays(settings):
        return list(pairs)
    if mask is None:
        raise InputError("experiment.judge_no_mask", where="leaves_machine")
    fields = ("question", "base", "tuned", "reference")
    return [p.model_copy(update={name: mask(getattr(p, name)) for name in fields}) for p in pairs]


def is_local(base_url: str) -> bool:
    """Whether the URL points to this machine."""
    return is_this_machine(parsed(base_url, _BAD).host)


def host_of(base_url: str) -> str:
    """Host and port as the ledger notes them."""
    return parsed(base_url, _BAD).netloc.decode("ascii")


def judge_stays(settings: JudgeSettings) -> bool:
    """Whether the judge is this machine or a host that may see everything."""
    return stays(settings.base_url, settings.trusted_hosts, _BAD)
