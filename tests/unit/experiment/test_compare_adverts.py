"""Advertising texts before and after, held against their briefs: figures, verdicts, the page."""

from pathlib import Path

import pytest
from answering import answering
from made_up_rows import RECIPE, losses, manifests, write
from pages import visible

from kamerton.experiment.criteria import ADVERT
from kamerton.experiment.report.material import ReportInputs
from kamerton.experiment.report.run import report
from kamerton.experiment.rows import compare_rows
from kamerton.experiment.settings import ExperimentSettings
from kamerton.formats.brief import Brief, Order
from kamerton.formats.chat import ChatRow, chat
from kamerton.formats.jsonl import read_rows, write_rows
from kamerton.formats.language import choose
from kamerton.formats.scores import Sample, Summary

PRODUCTS = [
    "насос", "кран", "чиллер", "клапан", "фильтр", "затвор", "котёл", "сушилка", "редуктор",
    "мост",
]  # fmt: skip
SETTINGS = ExperimentSettings(resamples=500)


def orders() -> list[Order]:
    """Two briefs for each product, every second one with a beginning."""
    return [
        Order(
            id=f"synth.{name}.{n}",
            brief=Brief(
                beginning="Добрый день!" if n else "",
                task="собрать заявки",
                product=name,
                facts=(f"служит {number + 11} лет", "весит 40 кг"),
                audience="инженеры",
                channel="email",
                tone="деловой",
            ),
            shortest=20,
            longest=90,
        )
        for number, name in enumerate(PRODUCTS)
        for n in (0, 1)
    ]


def asked(order: Order) -> str:
    return f"Напишите о товаре «{order.brief.product}». {order.brief.beginning}"


def says(arm: str, turns: list[dict[str, str]]) -> tuple[str, str]:
    """The tuned model follows its brief; the base invents a figure and asks for a name."""
    order = next(one for one in orders() if asked(one) == turns[-1]["content"])
    if arm == "base":
        return f"Уважаемый [имя]! Наш {order.brief.product} на 77 % лучше.", "stop"
    begun, fact = order.brief.beginning, order.brief.facts[0]
    return f"{begun} Долгие годы с вами: {fact}, а весу 40 кило.".strip(), "stop"


@pytest.fixture(scope="module")
def trip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("adverts")
    known = [
        ChatRow(
            id=one.id,
            messages=chat("", asked(one), says("ru", [{"content": asked(one)}])[0]),
            group=one.brief.product,
        )
        for one in orders()
    ]
    data, tune = write(folder, known, losses(known))
    write_rows(data / "synth" / "briefs.jsonl", orders())
    with answering(["base", "ru"], says) as server:
        compare_rows(SETTINGS, "ru", data, tune, server.url, folder / "compare", seed=3)
    return folder


def test_the_criteria_of_the_brief_join_those_of_form(trip: Path) -> None:
    found = Summary.model_validate_json((trip / "compare" / "summary.json").read_text("utf-8"))
    by = {one.criterion: one for one in found.comparisons}
    assert set(by) == {"log_likelihood", "script", "ended", "role_marks"} | set(ADVERT)
    verdicts = {name: by[name].verdict for name in ADVERT}
    better = {"beginning", "facts", "figures", "no_gaps"}
    assert {name for name, verdict in verdicts.items() if verdict == "better"} == better
    assert by["beginning"].questions == 10 and by["facts"].questions == 20
    assert {one.groups for one in by.values()} == {10}
    smallest = min((c for c in by.values() if c.family == "secondary"), key=lambda c: c.p)
    assert smallest.p_holm == pytest.approx(min(1, 9 * smallest.p))


def test_reasons_stand_with_the_answers(trip: Path) -> None:
    samples = read_rows(trip / "compare" / "samples.jsonl", Sample)
    of_base = next(s for s in samples if s.arm == "base" and s.question_id == "synth.насос.1")
    assert of_base.why == {
        "beginning": "beginning",
        "facts": "facts: 0/2",
        "figures": "invented: 77",
        "no_gaps": "gap: [имя]",
    }
    assert all(not s.why for s in samples if s.arm == "ru")


@pytest.mark.parametrize(
    ("language", "told"),
    [
        ("en", ["follows the brief better: begins as ordered", "figures that the brief does not"]),
        ("ru", ["точнее следует заданию: начат, как задано", "числа, которых нет в задании: 77"]),
    ],
)
def test_the_page_tells_them_in_both_languages(
    trip: Path, tmp_path: Path, language: str, told: list[str]
) -> None:
    stages = {name: trip / name for name in ("check", "data", "tune", "export", "compare")}
    for name, manifest in manifests(*stages).items():
        manifest.write(stages[name])
    folders = {name: str(folder) for name, folder in stages.items()}
    recipe = RECIPE | {"experiment": {"resamples": 500}}
    choose(language)
    try:
        report(ReportInputs("rows", "ru", recipe, "kamerton run", folders), tmp_path)
    finally:
        choose("en")
    page = visible((tmp_path / "report.html").read_text("utf-8"))
    assert all(sentence in page for sentence in told)
