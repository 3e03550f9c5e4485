"""Rows of any form to a dataset: what goes and why, who is held out, what a leak stops."""

import json
from pathlib import Path
from typing import Any

import pytest
from huggingface_hub import DatasetCard
from pydantic import ValidationError

from kamerton.develop.data.rows.card import SETTING
from kamerton.develop.data.rows.collect import Sourced, reasons
from kamerton.develop.data.rows.run import prepare, split, survey
from kamerton.develop.settings import RowsSettings
from kamerton.formats.chat import ChatRow, chat
from kamerton.formats.errors import InputError

TOPICS = ["насосы", "клапаны", "компрессоры", "датчики", "муфты", "фильтры", "котлы", "краны"]


def settings(*files: str, **changes: Any) -> RowsSettings:
    sources = [{"name": name, "group": "topic"} for name in files]
    base: dict[str, Any] = {"kind": "rows", "sources": sources, "rights": {"licence": "MIT"}}
    return RowsSettings.model_validate(base | changes)


def row(topic: str, number: int, **changes: str) -> dict[str, str]:
    question = f"Сколько служат {topic} серии {number} при круглосуточной работе?"
    answer = f"{topic.capitalize()} серии {number} служат {number + 3} лет без остановки."
    return {"question": question, "answer": answer, "topic": topic} | changes


def write(path: Path, rows: list[dict[str, str]]) -> Path:
    path.write_text("\n".join(json.dumps(of, ensure_ascii=False) for of in rows) + "\n", "utf-8")
    return path


@pytest.fixture
def home(tmp_path: Path) -> Path:
    write(tmp_path / "rows.jsonl", [row(topic, n) for n, topic in enumerate(TOPICS * 2)])
    return tmp_path


def read(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def test_rows_become_a_dataset_split_by_group(home: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    prepare(settings("rows.jsonl", held_out=0.25), home, out, 7)
    train, held_out = read(out / "train.jsonl"), read(out / "held_out.jsonl")
    assert len(train) == 12 and len(held_out) == 4
    assert not {r["group"] for r in train} & {r["group"] for r in held_out}
    card = json.loads((out / "card.json").read_text())
    assert card["read"] == card["train"] + card["held_out"] == 16
    hub = DatasetCard((out / "card.md").read_text("utf-8")).data
    assert (hub.language, hub.size_categories, hub.tags) == (["ru"], "n<1K", ["kamerton"])
    assert json.loads((out / "leaks.json").read_text())["blocking"] == []
    assert str(tmp_path) not in (out / "train.jsonl").read_text(), "a path of this machine"


def test_a_source_may_name_the_form_of_its_rows(home: Path, tmp_path: Path) -> None:
    both = [of | {"prompt": "?", "response": "!"} for of in read(home / "rows.jsonl")]
    write(home / "both.jsonl", both)

    def answers(form: str | None) -> set[str]:
        source = {"name": "both.jsonl", "group": "topic", "form": form}
        prepare(settings(sources=[source], near=1.0), home, tmp_path / str(form), 7)
        return {r["messages"][-1]["content"] for r in read(tmp_path / str(form) / "train.jsonl")}

    assert answers(None) == {"!"}
    assert answers("question_answer") < {of["answer"] for of in both}
    with pytest.raises(InputError) as caught:
        answers("sharegpt")
    assert caught.value.key == "documents.no_form" and "conversations" in str(caught.value)
    with pytest.raises(ValidationError):
        answers("dolphin")


@pytest.mark.parametrize("form", [None, "dolly"])
def test_dolly_rows_are_known_by_themselves_and_by_name(tmp_path: Path, form: str | None) -> None:
    rows = [
        {
            "instruction": f"Сколько лет служат {topic}?",
            "context": f"Паспорт: {topic} служат {number + 3} лет без остановки.",
            "response": f"{topic.capitalize()} служат {number + 3} лет.",
            "category": "closed_qa",
        }
        for number, topic in enumerate(TOPICS)
    ]
    write(tmp_path / "dolly.jsonl", rows)
    source = {"name": "dolly.jsonl", "form": form}
    prepare(settings(sources=[source], near=1.0, on_leak="drop"), tmp_path, tmp_path / "out", 7)
    (first, *_) = read(tmp_path / "out" / "train.jsonl")
    user, assistant = (turn["content"] for turn in first["messages"])
    assert user in {f"{of['instruction']}\n\n{of['context']}" for of in rows}
    assert assistant in {of["response"] for of in rows}


def test_every_row_that_goes_has_its_reason(tmp_path: Path) -> None:
    good = [row(topic, n) for n, topic in enumerate(TOPICS)]
    near = row("насосы", 0)
    near["answer"] += " Это проверено."
    bad = {
        "too_short": row("насосы", 90, answer="Да"),
        "language": row("насосы", 91, answer="It runs for ten years without a stop."),
        "exact": row("насосы", 0, answer=good[0]["answer"].upper()),
        "near": near,
    }
    write(tmp_path / "rows.jsonl", [*good, *bad.values()])
    out = tmp_path / "out"
    chosen = settings("rows.jsonl", language="ru", shortest=5, near=0.6, held_out=0)
    prepare(chosen, tmp_path, out, 7)
    gone = json.loads((out / "dropped.json").read_text())
    assert sorted(why.split(":")[0] for why in gone.values()) == sorted(bad)
    assert len(read(out / "train.jsonl")) == len(good)


def test_personal_data_is_masked_or_takes_its_row_away(tmp_path: Path) -> None:
    rows = [row(topic, n) for n, topic in enumerate(TOPICS)]
    rows[0]["answer"] = "Пишите на sales@example.org, ответим за день."
    write(tmp_path / "rows.jsonl", rows)
    prepare(settings("rows.jsonl", held_out=0), tmp_path, tmp_path / "masked", 7)
    assert "<EMAIL>" in (tmp_path / "masked" / "train.jsonl").read_text("utf-8")
    dropping = settings("rows.jsonl", held_out=0, privacy={"action": "drop"})
    prepare(dropping, tmp_path, tmp_path / "dropped", 7)
    assert len(read(tmp_path / "dropped" / "train.jsonl")) == len(rows) - 1


def test_personal_data_is_told_by_column_before_a_run(tmp_path: Path) -> None:
    rows = [row(topic, n) | {"note": "a@b.ru"} for n, topic in enumerate(TOPICS)]
    rows[0]["answer"] = "Пишите на sales@example.org или звоните 8 (495) 123-45-67."
    rows[1]["question"] = "Что значит git clone git@example.org:a/b.git?"
    write(tmp_path / "rows.jsonl", rows)
    counts, personal = survey(settings("rows.jsonl"), tmp_path, 7)
    assert counts["rows"] == len(rows)
    assert [(of.column, of.kind, of.count, of.examples) for of in personal] == [
        ("answer", "email", 1, ("sales@example.org",)),
        ("answer", "phone", 1, ("8 (495) 123-45-67",)),
    ]
    assert survey(settings("rows.jsonl", privacy={"find": []}), tmp_path, 7)[1] == []


def test_where_no_row_is_left_the_reasons_and_their_settings_are_told(tmp_path: Path) -> None:
    write(tmp_path / "rows.jsonl", [row(topic, n) for n, topic in enumerate(TOPICS)])
    with pytest.raises(InputError) as caught:
        prepare(settings("rows.jsonl", shortest=500), tmp_path, tmp_path / "out", 7)
    assert caught.value.key == "develop.rows_none_left"
    assert "too short: 8 (data.shortest)" in str(caught.value)
    for name in SETTING.values():
        tree: Any = RowsSettings.model_fields
        for part in name.split("."):
            tree = tree[part].annotation.model_fields if part == "privacy" else tree[part]


def test_rows_under_one_instruction_are_kept(tmp_path: Path) -> None:
    instruction = (
        "Прочитайте отзыв покупателя и решите, доволен ли автор покупкой или нет. Отвечайте ровно "
        "одним словом: положительный или отрицательный, без пояснений."
    )
    rows = [
        {"instruction": instruction, "input": f"Эти {topic} {what}.", "output": answer}
        for topic in TOPICS
        for what, answer in (("сломались зимой", "отрицательный"), ("служат", "положительный"))
    ]
    copy = rows[3] | {"input": rows[3]["input"].upper()}
    write(tmp_path / "rows.jsonl", [*rows, copy])
    sources = [{"name": "rows.jsonl"}]
    prepare(settings(sources=sources, held_out=0), tmp_path, tmp_path / "out", 7)
    assert len(read(tmp_path / "out" / "train.jsonl")) == len(rows)


def test_a_copy_of_a_test_row_goes_from_training(tmp_path: Path) -> None:
    write(tmp_path / "train.jsonl", [row(topic, n) for n, topic in enumerate(TOPICS)])
    write(tmp_path / "test.jsonl", [row("насосы", 0) | {"topic": "новое"}])
    sources = [
        {"name": "train.jsonl", "group": "topic"},
        {"name": "test.jsonl", "group": "topic", "part": "test"},
    ]
    prepare(settings(sources=sources), tmp_path, tmp_path / "out", 7)
    assert [r["group"] for r in read(tmp_path / "out" / "held_out.jsonl")] == ["новое"]
    assert len(read(tmp_path / "out" / "train.jsonl")) == len(TOPICS) - 1


def test_a_leak_stops_and_is_told(tmp_path: Path) -> None:
    leaked = row("насосы", 0) | {"topic": "новое"}
    leaked["question"] = "Скажите нам, пожалуйста: " + leaked["question"].lower() + " Спасибо."
    leaked["answer"] = "Об этом написано в паспорте изделия, страница четыре."
    write(tmp_path / "train.jsonl", [row(topic, n) for n, topic in enumerate(TOPICS)])
    write(tmp_path / "test.jsonl", [leaked])
    sources = [
        {"name": "train.jsonl", "group": "topic"},
        {"name": "test.jsonl", "group": "topic", "part": "test"},
    ]
    with pytest.raises(InputError) as caught:
        prepare(settings(sources=sources), tmp_path, tmp_path / "out", 7)
    assert "leaks.json" in str(caught.value)
    assert json.loads((tmp_path / "out" / "leaks.json").read_text())["blocking"]


def test_order_does_not_matter(tmp_path: Path) -> None:
    rows = [row(topic, n) for n, topic in enumerate(TOPICS * 2)]
    write(tmp_path / "rows.jsonl", [*rows, rows[3] | {"answer": rows[3]["answer"] + " Да."}])
    found = [
        Sourced(
            ChatRow(id=f"{n:02}", messages=chat("", r["question"], r["answer"]), group=r["topic"]),
            False,
        )
        for n, r in enumerate(read(tmp_path / "rows.jsonl"))
    ]
    chosen = settings("rows.jsonl")
    assert reasons(found, chosen, 7) == reasons(found[::-1], chosen, 7)
    assert split(found, 0.25, 7) == split(found[::-1], 0.25, 7)


@pytest.mark.parametrize(
    ("changes", "key"),
    [
        ({"rights": {}}, "rights.accept"),
        ({"sources": [{"name": "none.jsonl"}]}, "none.jsonl"),
        ({"sources": [{"name": "rows.jsonl", "group": "author"}]}, "author"),
        ({"sources": [{"name": "rows.jsonl", "count": 99}]}, "99"),
        (
            {
                "synth": {
                    "products": "p.yaml",
                    "model": "m",
                    "base_url": "https://api.example.org/v1",
                }
            },
            "leaves_machine",
        ),
    ],
)
def test_what_cannot_be_used_is_told_before_anything_is_written(
    home: Path, tmp_path: Path, changes: dict[str, Any], key: str
) -> None:
    with pytest.raises(InputError) as caught:
        survey(settings("rows.jsonl", **changes), home, 7)
    assert key in str(caught.value)


def test_a_drawn_part_is_the_same_every_time_and_grows(home: Path) -> None:
    def drawn(count: int, seed: int) -> list[str]:
        from kamerton.develop.data.rows.collect import from_source

        chosen = settings(sources=[{"name": "rows.jsonl", "count": count}])
        return [of.row.prompt for _, of in from_source(chosen.sources[0], 0, chosen, home, seed)]

    assert drawn(5, 7) == drawn(5, 7) != drawn(5, 8)
    assert set(drawn(5, 7)) < set(drawn(9, 7))


def test_a_benchmark_task_among_the_training_rows_stops_the_stage(
    home: Path, tmp_path: Path
) -> None:
    task = {"question": "A pump lifts 12 litres a minute. How many litres in 5 minutes?"}
    (home / "sets" / "gsm8k").mkdir(parents=True)
    write(home / "sets" / "gsm8k" / "test.jsonl", [task | {"answer": "60 litres. #### 60"}])
    clean = settings("rows.jsonl", held_out=0.25, benchmarks="sets")
    prepare(clean, home, tmp_path / "clean", 7)
    card = (tmp_path / "clean" / "card.md").read_text("utf-8")
    assert "gsm8k" in card and "Cyrillic" in card
    write(home / "leaky.jsonl", [task | {"answer": "Sixty.", "topic": "gsm8k"}])
    with pytest.raises(InputError, match=r"leaks\.json"):
        leaky = settings("rows.jsonl", "leaky.jsonl", held_out=0, benchmarks="sets")
        prepare(leaky, home, tmp_path / "leaky", 7)
    mended = leaky.model_copy(update={"on_leak": "drop"})
    prepare(mended, home, tmp_path / "mended", 7)
    dropped = json.loads((tmp_path / "mended" / "dropped.json").read_text())
    assert [why.split(":")[0] for why in dropped.values()] == ["leak"]
    assert len(read(tmp_path / "mended" / "train.jsonl")) == 16


def test_held_out_rows_among_the_few_shot_examples_stop_the_stage(
    home: Path, tmp_path: Path
) -> None:
    write(home / "shots.jsonl", [row(topic, n) for n, topic in enumerate(TOPICS * 2)][:8])
    with pytest.raises(InputError, match=r"leaks\.json"):
        prepare(settings("rows.jsonl", few_shot=["shots.jsonl"]), home, tmp_path / "out", 7)
    report = json.loads((tmp_path / "out" / "leaks.json").read_text())
    assert {leak["level"] for leak in report["blocking"]} == {"few_shot:exact"}
