"""The criteria of advertising texts: on our own good texts, and on each with one planted fault."""

from pathlib import Path

import pytest
import yaml

from kamerton.develop.settings.synth import LengthSettings
from kamerton.experiment.metrics.advert import ADVERT
from kamerton.experiment.metrics.context import Context
from kamerton.experiment.tasks import TASKS, Options
from kamerton.formats.brief import Brief, Order
from kamerton.formats.questions import Question

EXAMPLES = Path(__file__).resolve().parents[2] / "recipes" / "marketing" / "examples.ru.yaml"
EXAMPLE = EXAMPLES.parents[2] / "docs" / "tutorials" / "example" / "adverts"
SPANS = LengthSettings().model_dump()


def orders() -> list[tuple[Order, str]]:
    """The examples that the marketing recipe shows its teacher, all by hand."""
    found = []
    for number, shot in enumerate(yaml.safe_load(EXAMPLES.read_text("utf-8"))):
        brief = Brief.model_validate(shot["brief"])
        fewest, most = SPANS[brief.channel]
        order = Order(id=str(number), brief=brief, shortest=fewest, longest=most)
        found.append((order, shot["text"].strip()))
    return found


def scores(text: str, order: Order) -> dict[str, tuple[float, str] | None]:
    context = Context({}, {order.id: order})
    asked = Question(id=order.id, question="?", answer="", group="g", held_out="rows")
    return {name: rule(asked, text, "stop", context) for name, rule in ADVERT.items()}


def broken(text: str, order: Order) -> dict[str, str]:
    """Criterion to reason, of those that give nothing at all."""
    return {name: found[1] for name, found in scores(text, order).items() if found and not found[0]}


@pytest.mark.parametrize(("order", "text"), orders())
def test_a_good_text_has_no_fault(order: Order, text: str) -> None:
    found = scores(text, order)
    assert broken(text, order) == {}
    assert (found["beginning"] is None) == (not order.brief.beginning)
    partial = {name for name, score in found.items() if score and score[0] < 1}
    assert partial <= {"facts"}


@pytest.mark.parametrize(("order", "text"), orders())
def test_each_fault_is_seen_by_its_criterion_alone(order: Order, text: str) -> None:
    brief = order.brief
    assert broken(f"{text} [телефон]", order).get("no_gaps") == "gap: [телефон]"
    more = broken(f"{text} Экономит 977 рублей.", order.model_copy(update={"longest": 9999}))
    assert more == {"figures": "invented: 977"}
    wide = order.model_copy(update={"longest": len(text) - 1})
    assert broken(text, wide) == {"channel_length": f"long: {len(text)}"}
    narrow = order.model_copy(update={"shortest": len(text) + 1, "longest": 9999})
    assert broken(text, narrow) == {"channel_length": f"short: {len(text)}"}
    other = order.model_copy(update={"brief": brief.model_copy(update={"beginning": "Итак,"})})
    assert broken(text, other)["beginning"] == "beginning"
    taken = " ".join(text.removeprefix(brief.beginning).split()[-14:])
    if len(taken.split()) == 14:
        copied = order.model_copy(update={"brief": brief.model_copy(update={"about": taken})})
        assert set(broken(text, copied)) == {"own_words"}


def test_the_share_of_facts_is_graded() -> None:
    order, _ = orders()[0]
    assert len(order.brief.facts) == 5
    assert scores("Шумит она на 54 дБ.", order)["facts"] == (0.2, "facts: 1/5")
    assert scores(". ".join(order.brief.facts), order)["facts"] == (1.0, "")
    assert scores("Приходите к нам завтра.", order)["facts"] == (0.0, "facts: 0/5")


def test_an_empty_answer_is_worth_nothing_and_a_row_without_a_brief_is_not_scored() -> None:
    order, _ = orders()[0]
    found = scores(" \n", order)
    assert {score for score in found.values() if score} == {(0.0, "empty")}
    asked = Question(id="other", question="?", answer="", group="g", held_out="rows")
    assert {rule(asked, "x", "stop", Context({}, {"0": order})) for rule in ADVERT.values()} == {
        None
    }


def test_the_tutorials_example_is_graded_as_it_shows() -> None:
    options = Options(data=EXAMPLE / "briefs.jsonl")
    found = TASKS["adverts"].grade(EXAMPLE / "answers.jsonl", options)
    assert found.figures["texts"] == 3 and found.figures["asked"] == 2
    bad = {item.model_dump()["id"]: item.model_dump()["why"] for item in found.items}["1"]
    assert set(bad) == {"beginning", "channel_length", "facts", "figures", "no_gaps"}
    assert found.figures["whole"]["mean"] == pytest.approx(2 / 3)
