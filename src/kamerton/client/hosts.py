"""Which hosts are this machine: what goes to any other leaves it, and may need a proxy."""

from collections.abc import Callable, Iterable
from ipaddress import ip_address
from typing import TYPE_CHECKING

from kamerton.formats.errors import InputError

if TYPE_CHECKING:
    import httpx

Mask = Callable[[str], str]
"""A text without its personal data."""


def is_this_machine(host: str) -> bool:
    """Whether a host is localhost, in 127.0.0.0/8, or ::1.

    >>> is_this_machine("127.0.0.2"), is_this_machine("LOCALHOST."), is_this_machine("example.org")
    (True, True, False)
    """
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return _plain(host) == "localhost"


def trust_env(url: str) -> bool:
    """Whether httpx may take a proxy from the environment for a URL: never for this machine.

    Every client of the project asks this; httpx.InvalidURL where it is none.
    """
    import httpx

    return not is_this_machine(httpx.URL(url).host)


def unreachable(url: str, seconds: float) -> str:
    """Why no server answers at a web address, in whatever words; empty where one does.

    Other addresses (`file:`, `ssh:`) are not looked at.
    """
    import httpx

    if not url.startswith(("http://", "https://")):
        return ""
    try:
        httpx.head(url, timeout=seconds, trust_env=trust_env(url))
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        return str(error) or type(error).__name__
    return ""


def host_of(base_url: str) -> str:
    """Host and port as a ledger notes them; InputError where the address is none."""
    return parsed(base_url).netloc.decode("ascii")


def is_local(base_url: str) -> bool:
    """Whether an address is on this machine; InputError where it is none."""
    return is_this_machine(parsed(base_url).host)


def stays(base_url: str, trusted_hosts: Iterable[str]) -> bool:
    """Whether what is sent to an address stays here, or goes to a host that may see everything.

    Trusted hosts are compared whole and without case: `example.com` does not cover
    `api.example.com`.
    """
    host = _plain(parsed(base_url).host)
    return is_local(base_url) or host in {_plain(name) for name in trusted_hosts}


def check_host(
    base_url: str, trusted_hosts: Iterable[str], leaves_machine: bool, where: str = "base_url"
) -> None:
    """InputError at `where` unless the host is this machine, trusted, or any host is allowed."""
    host = parsed(base_url).host
    if not (leaves_machine or stays(base_url, trusted_hosts)):
        raise InputError("client.outside_host", where=where, host=host)


def mask_for(
    base_url: str, trusted_hosts: Iterable[str], leaves_machine: bool, mask: Mask | None
) -> Mask:
    """What every text goes through before it is sent: `mask` where it leaves this machine.

    InputError where it may not leave, or there is nothing to mask it with.
    """
    trusted = list(trusted_hosts)
    check_host(base_url, trusted, leaves_machine)
    if stays(base_url, trusted):
        return lambda text: text
    if mask is None:
        raise InputError("client.no_mask", where="leaves_machine")
    return mask


def parsed(base_url: str) -> "httpx.URL":
    """An address as httpx reads it, which sends the requests, so that both see the same host.

    InputError where it is no address of a server.
    """
    import httpx

    try:
        url = httpx.URL(base_url)
        host = url.host
    except (httpx.InvalidURL, UnicodeError) as error:
        raise InputError("client.bad_url", where="base_url") from error
    # A password or a query in the address would be a secret in the recipe.
    if url.scheme not in {"http", "https"} or not host or url.userinfo or url.query or url.fragment:
        raise InputError("client.bad_url", where="base_url")
    return url


def _plain(host: str) -> str:
    """A host as it is compared: without case, and without the dot that may end a name."""
    return host.strip().casefold().rstrip(".")
