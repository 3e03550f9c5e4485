"""Texts leave this machine only where that is said, and masked; proxies only for other hosts."""

import pytest

from kamerton.client.hosts import check_host, host_of, is_local, mask_for, trust_env
from kamerton.formats.errors import InputError

HERE = [
    "http://localhost:8000/v1",
    "http://LOCALHOST/v1",
    "https://127.0.0.1/v1",
    "http://127.8.9.1:9/v1",
    "http://[::1]:8000/v1",
]
OUTSIDE = [
    "https://api.example.com/v1",
    "http://192.168.0.5:8000/v1",
    "http://0.0.0.0:8000/v1",
    "http://128.0.0.1/v1",
    "http://localhost.example.com/v1",
    "http://127.0.0.1.example.com/v1",
    "http://[::2]/v1",
    "http://2130706433/v1",
]


@pytest.mark.parametrize("url", HERE)
def test_this_machine_is_always_allowed(url: str) -> None:
    check_host(url, [], False)
    assert is_local(url) and not trust_env(url)


@pytest.mark.parametrize("url", OUTSIDE)
def test_another_host_needs_the_recipes_word(url: str) -> None:
    assert not is_local(url) and trust_env(url)
    with pytest.raises(InputError) as caught:
        check_host(url, ["other.example.com"], False)
    assert caught.value.key == "client.outside_host" and "trusted_hosts" in str(caught.value)
    check_host(url, [], True)


def test_a_trusted_host_is_trusted_whole_and_alone() -> None:
    trusted = ["API.example.com"]
    check_host("https://api.example.com:8443/v1", trusted, False)
    for other in ("https://example.com/v1", "https://x.api.example.com/v1"):
        with pytest.raises(InputError):
            check_host(other, trusted, False)


@pytest.mark.parametrize(
    "url",
    [
        "ftp://localhost/v1",
        "localhost:8000/v1",
        "http:///v1",
        "",
        "http://user:secret@localhost/v1",
        "http://localhost@example.com/v1",
        "http://localhost/v1?key=secret",
        "http://localhost/v1#x",
        "http://localhost:port/v1",
    ],
)
def test_what_is_no_plain_address_is_refused_and_not_repeated(url: str) -> None:
    with pytest.raises(InputError) as caught:
        check_host(url, ["example.com"], True)
    assert "no address" in str(caught.value) and "secret" not in str(caught.value)


def test_the_ledger_notes_host_and_port() -> None:
    assert host_of("http://LocalHost:8000/v1") == "localhost:8000"
    assert host_of("https://api.example.com/v1") == "api.example.com"


def test_texts_are_masked_where_they_leave_for_a_host_that_is_not_trusted() -> None:
    outside = "http://example.org/v1"
    assert mask_for("http://localhost:1/v1", [], True, str.upper)("text") == "text"
    assert mask_for("http://Example.org./v1", ["example.ORG"], False, None)("text") == "text"
    assert mask_for(outside, [], True, str.upper)("text") == "TEXT"
    for leaves, key in ((False, "outside_host"), (True, "no_mask")):
        with pytest.raises(InputError) as caught:
            mask_for(outside, [], leaves, None)
        assert caught.value.key == f"client.{key}"
