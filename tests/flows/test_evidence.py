"""Rows and pretraining to their reports: on a real engine, and in a real browser."""

import json
import math
import random
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from kamerton.experiment.report.run import ReportInputs, report
from kamerton.experiment.rows import compare_rows
from kamerton.experiment.settings import ExperimentSettings
from kamerton.formats.chat import ChatRow, chat
from kamerton.formats.jsonl import read_rows, write_rows, write_text
from kamerton.formats.losses import LossRow
from kamerton.formats.pretraining import Continuation, Evaluation, Pretraining
from kamerton.formats.scores import Sample, Summary
from serving import served
from tiny import write_spec

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

SETTINGS = ExperimentSettings(
    prompts=["Сколько планет?", "Расскажи стих"],
    held_out_prompts=8,
    answer_tokens=12,
    resamples=300,
    repeat_share=0.5,
)
LONG = "r9"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folders of a rows trip, compared on a tiny model in the real engine."""
    home = tmp_path_factory.mktemp("home")
    rows = [
        ChatRow(id=f"r{i}", messages=chat("Отвечай.", f"Что такое {i}?", "Число."), group=f"g{i}")
        for i in range(8)
    ]
    # The engine's tokens are bytes: this prompt alone is longer than the context of 1024.
    rows.append(ChatRow(id=LONG, messages=chat("", "Что? " * 300, "Ничего."), group="g9"))
    chance = random.Random(2)
    losses = [
        LossRow(id=r.id, group=r.group, tokens=4, before=3.0, after=2.5 - chance.uniform(0, 0.4))
        for r in rows
    ]
    write_rows(home / "data" / "held_out.jsonl", rows)
    write_text(home / "data" / "leaks.json", json.dumps({"blocking": [], "printed": []}))
    write_rows(home / "tune" / "losses.jsonl", losses)
    write_text(home / "tune" / "training.json", json.dumps({"method": "lora", "rows": 90}))
    settings = SETTINGS.model_copy(update={"held_out_prompts": 9})
    with served(write_spec(home / "export", ("ru",))) as (url, _):
        compare_rows(
            settings, "ru", home / "data", home / "tune", url, home / "compare", 3, slots=2
        )
        report(_inputs(home, settings), home / "report")
    return home


def _inputs(home: Path, settings: ExperimentSettings) -> ReportInputs:
    stages = {name: str(home / name) for name in ("data", "tune", "export", "compare")}
    recipe = {"base": "tiny", "data": {"kind": "rows"}, "experiment": settings.model_dump()}
    return ReportInputs("rows", "ru", recipe, "kamerton run ru", stages)


def test_both_arms_of_the_real_engine_are_asked_and_judged(home: Path) -> None:
    found = Summary.model_validate_json((home / "compare" / "summary.json").read_text())
    by = {c.criterion: c for c in found.comparisons}
    assert by["log_likelihood"].verdict == "better"
    # The tiny model writes Latin letters whoever asks: no arm has a Russian answer.
    script = {c.arm: c.score.mean for c in found.cells if c.criterion == "script"}
    assert script == {"base": 0.0, "ru": 0.0}
    assert by["script"].verdict != "better" and by["script"].p == 1.0
    assert found.repeated_answers > 0


def test_the_engine_refuses_the_long_prompt_and_the_comparison_goes_on(home: Path) -> None:
    samples = read_rows(home / "compare" / "samples.jsonl", Sample)
    asked = {sample.question_id for sample in samples}
    assert LONG not in asked and len(asked) == 10
    page = (home / "report" / "report.html").read_text()
    assert "left out for all arms: 1" in page


def test_both_arms_speak_for_themselves(home: Path) -> None:
    samples = read_rows(home / "compare" / "samples.jsonl", Sample)
    said = {arm: [s.answer for s in samples if s.arm == arm] for arm in ("base", "ru")}
    assert len(said["base"]) == len(said["ru"]) and said["base"] != said["ru"]


@pytest.fixture(scope="module")
def pretrained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report of a made-up pretraining with forty evaluations."""
    home = tmp_path_factory.mktemp("pretrained")
    steps = range(0, 4000, 100)
    known = [
        Evaluation(step=s, loss=2 + 6 * math.exp(-s / 500), nats_per_character=1 + s / 40_000)
        for s in steps
    ]
    figures = Pretraining(
        parameters=1_000_000,
        architecture={"model_type": "llama"},
        train_tokens=10_000,
        seen_tokens=20_000,
        steps=3900,
        seconds=60.0,
        loss=[(e.step, e.loss) for e in known],
        evaluations=known,
    )
    prompts = ("Все мысли, которые имеют огромные последствия", "Любовь мешает смерти")
    said = [Continuation(step=s, prompt=p, text=f" слово {s}") for s in steps for p in prompts]
    write_text(home / "pretrain" / "pretraining.json", figures.model_dump_json())
    write_rows(home / "pretrain" / "continuations.jsonl", said)
    stages = {"pretrain": str(home / "pretrain")}
    report(ReportInputs("corpus", "novels", {}, "kamerton run novels", stages), home / "report")
    return home / "report" / "report.html"


@pytest.fixture(params=[1280, 390])
def page(browser: "Browser", request: pytest.FixtureRequest) -> Iterator["Page"]:
    """A page without JavaScript, at a desk and on a telephone."""
    context = browser.new_context(
        viewport={"width": request.param, "height": 800}, java_script_enabled=False
    )
    yield context.new_page()
    context.close()


def _hangs_over(page: "Page") -> float:
    """Pixels by which the page is wider than the window."""
    return float(page.evaluate("document.documentElement.scrollWidth - window.innerWidth"))


@pytest.mark.browser
def test_the_strip_scrolls_by_keyboard_and_the_page_does_not(
    page: "Page", pretrained: Path
) -> None:
    page.goto(pretrained.as_uri())
    assert _hangs_over(page) <= 0
    strip = page.locator(".learning")
    assert strip.evaluate("e => e.scrollWidth > 5 * e.clientWidth")
    strip.focus()
    for _ in range(8):
        page.keyboard.press("ArrowRight")
    page.wait_for_timeout(600)
    assert strip.evaluate("e => e.scrollLeft") > 100


@pytest.mark.browser
def test_a_step_chosen_comes_into_view_with_its_prompt_beside_it(
    page: "Page", pretrained: Path
) -> None:
    page.goto(pretrained.as_uri())
    page.locator("a[href='#step-3900']").focus()
    page.keyboard.press("Enter")
    page.wait_for_timeout(300)
    width = page.viewport_size["width"] if page.viewport_size else 0
    for target in (page.locator("#step-3900"), page.locator(".prompt span").first):
        box = target.bounding_box()
        assert box is not None and box["x"] >= 0 and box["x"] + box["width"] <= width + 1
    assert page.locator("td", has_text="слово 3900").first.is_visible()


@pytest.mark.browser
def test_the_page_of_rows_fits_and_shows_every_answer(page: "Page", home: Path) -> None:
    page.goto((home / "report" / "report.html").as_uri())
    assert _hangs_over(page) <= 0
    assert page.locator(".asked:visible").count() == 10
    assert page.locator(".square circle").count() == 9
