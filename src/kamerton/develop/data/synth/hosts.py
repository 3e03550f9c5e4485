"""The gate between this machine and other hosts: briefs leave it only where the recipe says so."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from kamerton.formats.errors import InputError
from kamerton.formats.hosts import is_this_machine, plain

if TYPE_CHECKING:
    import httpx


def check_host(base_url: str, trusted_hosts: Sequence[str], leaves_machine: bool) -> None:
    """InputError unless the URL's host is this machine, is trusted, or any host is allowed.

    Trusted hosts are compared whole and without case: `example.com` does not cover
    `api.example.com`.
    """
    host = _parsed(base_url).host
    if leaves_machine or is_this_machine(host):
        return
    if plain(host) in {plain(name) for name in trusted_hosts}:
        return
    raise InputError("develop.synth_outside_host", where="base_url", host=host)


def is_local(base_url: str) -> bool:
    """Whether the URL points to this machine: localhost, 127.0.0.0/8 or ::1."""
    return is_this_machine(_parsed(base_url).host)


def host_of(base_url: str) -> str:
    """Host and port as the ledger notes them."""
    return _parsed(base_url).netloc.decode("ascii")


def _parsed(base_url: str) -> "httpx.URL":
    """The URL as the client that sends the requests reads it, so that both see the same host."""
    import httpx

    try:
        url = httpx.URL(base_url)
        host = url.host
    except (httpx.InvalidURL, UnicodeError) as error:
        raise InputError("develop.synth_bad_url", where="base_url") from error
    # A password or a query in the address would be a secret in the recipe.
    if url.scheme not in {"http", "https"} or not host or url.userinfo or url.query or url.fragment:
        raise InputError("develop.synth_bad_url", where="base_url")
    return url
