"""Advertising texts made elsewhere, graded by their briefs."""

import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from kamerton.experiment.tasks import TASKS, Options, Outcome
from kamerton.formats.brief import Brief, Order
from kamerton.formats.errors import InputError
from kamerton.formats.jsonl import write_rows

PUMP = Brief(
    beginning="Добрый день!",
    task="собрать заявки",
    product="насос «Иволга»",
    facts=("подача до 40 м³/ч", "шум 45 дБ"),
    audience="инженеры",
    channel="email",
    tone="деловой",
)
VALVE = PUMP.model_copy(
    update={"product": "кран «Клёст»", "facts": ("ресурс 900 циклов",), "beginning": ""}
)
GOOD = "Добрый день! Сорок кубов? Ровно 40, а шума всего 45 дБ."
CRANE = "Кран откроют 900 раз, и он не потечёт."


def graded(folder: Path, answers: dict[str, Sequence[str]]) -> Outcome:
    orders = [
        Order(id="a", brief=PUMP, shortest=30, longest=90),
        Order(id="b", brief=PUMP, shortest=30, longest=90),
        Order(id="c", brief=VALVE, shortest=30, longest=90),
    ]
    write_rows(folder / "briefs.jsonl", orders)
    rows = [json.dumps({"id": id, "answers": list(texts)}) for id, texts in answers.items()]
    (folder / "answers.jsonl").write_text("\n".join(rows), "utf-8")
    options = Options(data=folder / "briefs.jsonl", seed=1)
    return TASKS["adverts"].grade(folder / "answers.jsonl", options)


def test_every_criterion_counts_the_texts_that_it_applies_to(tmp_path: Path) -> None:
    bad = "Здравствуйте! Подача 41 м³ за час. [подпись]"
    found = graded(tmp_path, {"a": [GOOD, bad], "c": [CRANE]})
    by = {one["name"]: one for one in found.figures["criteria"]}
    assert {name: one["texts"] for name, one in by.items()} == dict.fromkeys(by, 3) | {
        "beginning": 2
    }
    means = {name: one["score"]["mean"] for name, one in by.items()}
    assert means["beginning"] == 0.5
    assert means["figures"] == means["no_gaps"] == pytest.approx(2 / 3)
    assert means["facts"] == pytest.approx((1 + 0.5 + 1) / 3)
    assert means["script"] == means["role_marks"] == means["channel_length"] == 1
    assert {name: one["faults"] for name, one in by.items() if one["faults"]} == {
        "beginning": 1,
        "figures": 1,
        "no_gaps": 1,
    }
    assert by["figures"]["example"].startswith("a: ") and "41" in by["figures"]["example"]
    assert found.figures["whole"]["mean"] == pytest.approx(2 / 3)
    counts = ("briefs", "asked", "texts", "products")
    assert [found.figures[name] for name in counts] == [3, 2, 3, 2]
    assert len(found.items) == 3 and found.items[1].model_dump()["why"]["figures"] == "invented: 41"
    assert "2 of 3" in found.lines[0] and "products: 2" in found.lines[0]


def test_another_language_is_seen_by_the_facts(tmp_path: Path) -> None:
    found = graded(tmp_path, {"c": ["A crane that opens 900 times and never leaks."]})
    by = {one["name"]: one["score"]["mean"] for one in found.figures["criteria"]}
    assert by["script"] == 0 and by["facts"] == 1


def test_answers_to_no_brief_and_missing_briefs_are_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"answers\.jsonl:1: no brief is called “x”"):
        graded(tmp_path, {"x": [GOOD]})
    with pytest.raises(InputError, match=r"the briefs are not said.*--data"):
        TASKS["adverts"].grade(tmp_path / "answers.jsonl", Options())
