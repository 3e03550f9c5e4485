"""URLs of a server on this machine: fetched once, whole or not at all, checked on later use."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from local_sets import TEXT, left, not_fetched

from kamerton.develop.data.sources import remote
from kamerton.develop.data.sources.remote import fetch, read_source


class Site:
    """Pages of a server on this machine, and what was asked of it."""

    def __init__(self) -> None:
        self.pages: dict[str, bytes] = {}
        self.asked: list[str] = []
        self.url = ""


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    made = Site()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            made.asked.append(self.path)
            if self.path == "/moved.txt":
                self.send_response(302)
                self.send_header("Location", "/a.txt")
                self.end_headers()
                return
            data = made.pages.get(self.path.split("?")[0])
            self.send_response(200 if data is not None else 404)
            size = len(data or b"") * (2 if self.path == "/short.txt" else 1)
            if self.path != "/endless.txt":
                self.send_header("Content-Length", str(size))
            self.end_headers()
            self.wfile.write(data or b"")

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")  # no proxy may be asked for this machine
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    made.url = f"http://127.0.0.1:{server.server_port}"
    yield made
    server.shutdown()
    server.server_close()
    thread.join()


def test_a_url_is_downloaded_once(site: Site, tmp_path: Path) -> None:
    site.pages["/books/a.txt"] = TEXT.encode() * 5000
    url = f"{site.url}/books/a.txt?x=1"
    first, second = fetch(url, tmp_path), fetch(url, tmp_path)
    assert first == second and first.name == "a.txt"
    assert len(first.parent.name) == 16 and first.parent.parent == tmp_path
    assert first.read_bytes() == site.pages["/books/a.txt"]
    assert len(site.asked) == 1
    assert left(tmp_path) == ["a.txt", "fetched.json"]
    assert json.loads((first.parent / "fetched.json").read_text())["source"] == url


def test_a_redirect_is_followed(site: Site, tmp_path: Path) -> None:
    site.pages["/a.txt"] = b"here"
    assert fetch(f"{site.url}/moved.txt", tmp_path).read_bytes() == b"here"


@pytest.mark.parametrize("harm", ["content", "note", "missing"])
def test_what_has_changed_in_the_cache_is_fetched_again(
    site: Site, tmp_path: Path, harm: str, capsys: pytest.CaptureFixture[str]
) -> None:
    site.pages["/a.txt"] = TEXT.encode()
    path = fetch(f"{site.url}/a.txt", tmp_path)
    if harm == "content":
        path.write_bytes(TEXT.encode()[:-1] + b"!")
    elif harm == "note":
        (path.parent / "fetched.json").write_text("[]")
    else:
        path.unlink()
    capsys.readouterr()
    assert fetch(f"{site.url}/a.txt", tmp_path).read_bytes() == TEXT.encode()
    assert len(site.asked) == 2
    assert ("has changed since" in capsys.readouterr().err) is (harm != "missing")
    fetch(f"{site.url}/a.txt", tmp_path)
    assert len(site.asked) == 2


def test_a_download_that_breaks_off_leaves_nothing(site: Site, tmp_path: Path) -> None:
    site.pages["/short.txt"] = b"half"
    assert not_fetched(f"{site.url}/short.txt", tmp_path).key == "develop.read_no_answer"
    assert left(tmp_path) == []


@pytest.mark.parametrize("name", ["a.txt", "endless.txt"])  # with a stated length and without
def test_a_file_over_the_limit_is_not_fetched(
    site: Site, tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remote, "SIZE_LIMIT", 100_000)
    site.pages[f"/{name}"] = b"x" * 100_001
    assert not_fetched(f"{site.url}/{name}", tmp_path).key == "develop.read_big_file"
    assert left(tmp_path) == []
    site.pages["/short.txt"] = b"x" * 60_000  # twice as much is announced: not waited for
    assert not_fetched(f"{site.url}/short.txt", tmp_path).key == "develop.read_big_file"
    site.pages[f"/{name}"] = b"x" * 100_000
    assert fetch(f"{site.url}/{name}", tmp_path).stat().st_size == 100_000


def test_a_host_that_does_not_answer_and_a_page_that_is_not_there(
    site: Site, tmp_path: Path
) -> None:
    caught = not_fetched(f"{site.url}/nowhere.txt", tmp_path)
    assert caught.key == "develop.read_http_status" and caught.values["status"] == 404
    assert not_fetched("http://127.0.0.1:1/a.txt", tmp_path).key == "develop.read_no_answer"
    for url in ("http://[broken/a.txt", "http://host:port/a.txt"):
        assert not_fetched(url, tmp_path).key == "develop.read_bad_url"


@pytest.mark.parametrize(
    ("path", "expected"),
    [("/%2e%2e", "file"), ("/a/..%2F..%2Fb%20c.txt", "b_c.txt"), ("/", "file"), ("/.x", "x")],
)
def test_a_name_from_a_url_cannot_leave_the_cache(
    site: Site, tmp_path: Path, path: str, expected: str
) -> None:
    assert remote._name(f"{site.url}{path}") == expected


def test_a_document_is_read_from_a_url(site: Site, tmp_path: Path) -> None:
    site.pages["/a.txt"] = TEXT.encode("cp1251")
    (found,) = read_source(f"{site.url}/a.txt", ["*"], [], tmp_path)
    assert (found.id, found.text, found.source) == ("a.txt", TEXT, f"{site.url}/a.txt")
