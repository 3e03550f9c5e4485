"""The gate between this machine and a judge elsewhere, as there is one for teachers."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from kamerton.experiment.judge.pairs import Pair
from kamerton.experiment.judge.settings import JudgeSettings
from kamerton.formats.errors import InputError
from kamerton.formats.hosts import is_this_machine, plain

if TYPE_CHECKING:
    import httpx

Mask = Callable[[str], str]
"""A text without its personal data."""


def check_host(settings: JudgeSettings) -> None:
    """InputError unless the judge is on this machine, trusted, or any host is allowed.

    Trusted hosts are compared whole and without case.
    """
    host = parsed(settings.base_url).host
    if settings.leaves_machine or _stays(settings):
        return
    raise InputError("experiment.judge_outside_host", where="base_url", host=host)


def shown(pairs: Sequence[Pair], settings: JudgeSettings, mask: Mask | None) -> list[Pair]:
    """The pairs as the judge may see them: masked where its host is not trusted.

    InputError where they would leave the machine and there is nothing to mask them with.
    """
    check_host(settings)
    if _stays(settings):
        return list(pairs)
    if mask is None:
        raise InputError("experiment.judge_no_mask", where="leaves_machine")
    fields = ("question", "base", "tuned", "reference")
    return [p.model_copy(update={name: mask(getattr(p, name)) for name in fields}) for p in pairs]


def is_local(base_url: str) -> bool:
    """Whether the URL points to this machine."""
    return is_this_machine(parsed(base_url).host)


def host_of(base_url: str) -> str:
    """Host and port as the ledger notes them."""
    return parsed(base_url).netloc.decode("ascii")


def parsed(base_url: str) -> "httpx.URL":
    """The URL as the client that sends the requests reads it, so that both see the same host."""
    import httpx

    try:
        url = httpx.URL(base_url)
        host = url.host
    except (httpx.InvalidURL, UnicodeError) as error:
        raise InputError("experiment.judge_bad_url", where="base_url") from error
    # A password or a query in the address would be a secret in the recipe.
    if url.scheme not in {"http", "https"} or not host or url.userinfo or url.query or url.fragment:
        raise InputError("experiment.judge_bad_url", where="base_url")
    return url


def _stays(settings: JudgeSettings) -> bool:
    """Whether the judge is this machine or a host that may see everything."""
    host = parsed(settings.base_url).host
    trusted = {plain(name) for name in settings.trusted_hosts}
    return is_this_machine(host) or plain(host) in trusted
