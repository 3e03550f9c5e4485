"""Which hosts are this machine: what goes to any other one leaves it."""

from ipaddress import ip_address


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
