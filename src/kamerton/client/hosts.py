"""Addresses of servers, and which are this machine: what goes to any other one leaves it."""

from collections.abc import Iterable
from ipaddress import ip_address
from typing import TYPE_CHECKING

from kamerton.formats.errors import InputError

if TYPE_CHECKING:
    import httpx


def plain(host: str) -> str:
    """A host as it is compared: without case, and without the dot that may end a name."""
    return host.strip().casefold().rstrip(".")


def is_this_machine(host: str) -> bool:
    """Whether a host is localhost, in 127.0.0.0/8, or ::1.

    >>> is_this_machine("127.0.0.2"), is_this_machine("LOCALHOST."), is_this_machine("example.org")
    (True, True, False)
    """
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return plain(host) == "localhost"


def trust_env(url: str) -> bool:
    """Whether httpx may take a proxy from the environment for a URL: never for this machine.

    Every client of the project asks this; httpx.InvalidURL where it is none.
    """
    import httpx

    return not is_this_machine(httpx.URL(url).host)


def stays(base_url: str, trusted: Iterable[str], complaint: str) -> bool:
    """Whether what is sent to a URL stays here, or goes to a host that may see everything.

    Trusted hosts are compared whole and without case: `example.com` does not cover
    `api.example.com`.
    """
    host = parsed(base_url, complaint).host
    return is_this_machine(host) or plain(host) in {plain(name) for name in trusted}


def parsed(base_url: str, complaint: str) -> "httpx.URL":
    """The URL as the client that sends the requests reads it, so that both see the same host.

    InputError with the key `complaint` where it is no address of a server.
    """
    import httpx

    try:
        url = httpx.URL(base_url)
        host = url.host
    except (httpx.InvalidURL, UnicodeError) as error:
        raise InputError(complaint, where="base_url") from error
    # A password or a query in the address would be a secret in the recipe.
    if url.scheme not in {"http", "https"} or not host or url.userinfo or url.query or url.fragment:
        raise InputError(complaint, where="base_url")
    return url
