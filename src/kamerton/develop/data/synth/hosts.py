"""The gate between this machine and other hosts: briefs leave it only where the recipe says so."""

from collections.abc import Sequence

from kamerton.client.hosts import is_this_machine, parsed, stays
from kamerton.formats.errors import InputError

_BAD = "develop.synth_bad_url"


def check_host(base_url: str, trusted_hosts: Sequence[str], leaves_machine: bool) -> None:
    """InputError unless the URL's host is this machine, is trusted, or any host is allowed."""
    host = parsed(base_url, _BAD).host
    if not (leaves_machine or stays(base_url, trusted_hosts, _BAD)):
        raise InputError("develop.synth_outside_host", where="base_url", host=host)


def is_local(base_url: str) -> bool:
    """Whether the URL points to this machine: localhost, 127.0.0.0/8 or ::1."""
    return is_this_machine(parsed(base_url, _BAD).host)


def host_of(base_url: str) -> str:
    """Host and port as the ledger notes them."""
    return parsed(base_url, _BAD).netloc.decode("ascii")
