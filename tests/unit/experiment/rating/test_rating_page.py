"""The rating page in real Chromium, at a desk and on a telephone: by keys, by clicks, reloaded."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from kamerton.experiment.judge.pairs import Pair
from kamerton.experiment.rating.read import read_ratings
from kamerton.experiment.rating.sheet import KEY, PAGE, hand_out, read_key

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Page

pytestmark = pytest.mark.browser
LONG = "Кувшин найден при раскопках и сделан из обожжённой глины. " * 6


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sheet of three pairs and two criteria, with answers that try to be markup."""
    out = tmp_path_factory.mktemp("rating")
    markup = "<img src=x onerror=document.title='bad'>"
    asked = "Из чего сделан кувшин?"
    pairs = [
        Pair(id="a", question=asked, base="Из глины.", tuned=LONG, reference="глина"),
        Pair(id="b", question="Who made it?", base="", tuned=markup),
        Pair(id="c", question="W" * 300, base="one", tuned="two"),
    ]
    hand_out(pairs, out, out / "keep", 1, ["factual_accuracy", "format"])
    return out


@pytest.fixture(params=[1280, 390])
def page(browser: "Browser", folder: Path, request: pytest.FixtureRequest) -> Iterator["Page"]:
    context: BrowserContext = browser.new_context(
        viewport={"width": request.param, "height": 850}, accept_downloads=True
    )
    opened = context.new_page()
    asked: list[str] = []
    errors: list[str] = []
    opened.on("request", lambda one: asked.append(one.url))
    opened.on("pageerror", lambda error: errors.append(str(error)))
    opened.goto((folder / PAGE).as_uri())
    yield opened
    context.close()
    outside = [url for url in asked if not url.startswith(("file:", "data:", "blob:"))]
    assert outside == [] and errors == []


def position(page: "Page") -> str:
    return page.inner_text("#position")


def test_rated_by_keys_alone_kept_over_a_reload_and_read_back(
    page: "Page", folder: Path, tmp_path: Path
) -> None:
    page.fill("#rater", "Анна")
    page.locator("#rater").blur()
    page.keyboard.press("1")
    page.keyboard.press("2")
    assert "1 of 3" in page.inner_text("#progress")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("3")
    page.reload()
    assert position(page) == "Pair 2 of 3"
    assert page.input_value("#rater") == "Анна"
    assert page.is_checked("fieldset[data-criterion=factual_accuracy] input[value=right]")
    page.keyboard.press("0")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("3")
    page.keyboard.press("1")
    assert "All rated" in page.inner_text("#message")
    with page.expect_download() as saved:
        page.click("#export")
    path = tmp_path / saved.value.suggested_filename
    saved.value.save_as(path)
    found = read_ratings([path], read_key(folder / "keep" / KEY))
    assert [one.said for one in found] == ["left", "tie", "right", "skip", "right", "left"]
    assert {one.rater for one in found} == {"Анна"}


def test_it_fits_speaks_both_languages_and_shows_answers_as_text(
    page: "Page", tmp_path: Path
) -> None:
    page.click("[data-language=ru]")
    assert page.inner_text("h1") == "Какой ответ лучше?"
    for _ in range(3):
        fits = page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
        assert fits, f"the page scrolls sideways at {position(page)}"
        page.screenshot(path=tmp_path / f"{position(page)}.png", full_page=True)
        page.click("#next")
    assert page.title() == "Какой ответ лучше?"
    assert page.locator("article img").count() == 0
    page.click("[data-language=en]")
    assert page.inner_text("h1") == "Which answer is better?"


def test_clicks_choose_and_a_name_is_asked_for(page: "Page") -> None:
    page.click("fieldset[data-criterion=format] label:has(input[value=tie])")
    page.click("#unfinished")
    assert position(page) == "Pair 2 of 3"
    page.click("#previous")
    assert page.is_checked("fieldset[data-criterion=format] input[value=tie]")
    page.click("#export")
    assert "enter a name" in page.inner_text("#message")
    assert page.evaluate("document.activeElement.id") == "rater"


def test_every_control_has_a_name_and_can_be_reached_by_tab(page: "Page") -> None:
    reached = set()
    page.locator("#rater").focus()
    for _ in range(12):
        page.keyboard.press("Tab")
        reached.add(page.evaluate("document.activeElement.id || document.activeElement.name"))
    assert {"factual_accuracy", "format", "comment", "previous", "next", "export"} <= reached
    for box in page.get_by_role("radio").all():
        assert box.evaluate("node => node.labels[0].textContent.trim()")
