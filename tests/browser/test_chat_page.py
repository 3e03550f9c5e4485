"""The chat page in real Chromium: two models side by side, at a desk and on a telephone."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from serving import served
from tiny import write_spec

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def base_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = write_spec(tmp_path_factory.mktemp("spec"), ("museum", "desk"))
    with served(folder, page=True) as (url, _):
        yield url


@pytest.fixture(params=[1280, 390])
def page(browser: "Browser", base_url: str, request: pytest.FixtureRequest) -> Iterator["Page"]:
    opened = browser.new_page(viewport={"width": request.param, "height": 850})
    hosts: set[str] = set()
    opened.on("request", lambda asked: hosts.add(asked.url.split("/")[2]))
    opened.goto(base_url)
    opened.wait_for_selector("#question textarea")
    yield opened
    opened.close()
    assert hosts == {base_url.split("/")[2]}, "the page asked another host"


def ask(page: "Page", text: str) -> None:
    page.fill("#question textarea", text)
    page.click("#send")


def test_two_models_answer_side_by_side(page: "Page", tmp_path: Path) -> None:
    ask(page, "hello there")
    for side in ("left", "right"):
        page.wait_for_selector(f"#chat-{side} .bot", timeout=30_000)
        assert "hello there" in page.inner_text(f"#chat-{side}")
    loaded = "side => !/^(Loading content)?$/.test(document.querySelector(side).innerText.trim())"
    for side in ("left", "right"):
        page.wait_for_function(loaded, arg=f"#chat-{side} .bot")
    left, right = (page.inner_text(f"#chat-{side} .bot") for side in ("left", "right"))
    assert left != right
    wide = page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    assert wide, "the page scrolls sideways"
    page.screenshot(path=tmp_path / "chat.png")


def test_one_model_alone(page: "Page") -> None:
    page.uncheck("#side-by-side input")
    page.wait_for_selector("#column-right", state="hidden")
    ask(page, "only one")
    page.wait_for_selector("#chat-left .bot", timeout=30_000)


def test_a_new_conversation_is_empty(page: "Page") -> None:
    ask(page, "forget me")
    page.wait_for_selector("#chat-left .bot", timeout=30_000)
    page.click("#clear")
    page.wait_for_function(
        "!document.querySelector('#chat-left').innerText.includes('forget me')", timeout=30_000
    )
    page.wait_for_timeout(500)  # an answer that was not stopped would come back
    left = page.inner_text("#chat-left")
    assert "forget me" not in left and "Error" not in left
