"""Multiple choice: tables as users have them, figures by hand, nothing scored twice."""

import json
from pathlib import Path
from typing import Any

import pytest
from completing import served
from echoing import echoing

from kamerton.client.connection import Model
from kamerton.experiment.ask.evaluate import evaluate as run
from kamerton.experiment.report.blocks import html
from kamerton.experiment.tasks import Columns, Options, choice_report
from kamerton.experiment.tasks.choice import (
    Choice,
    boundary,
    choice,
    context,
    continuations,
    likeliest,
)
from kamerton.experiment.tasks.choice_report import ChoiceResults
from kamerton.experiment.tasks.choice_table import Items, read_items
from kamerton.formats.errors import InputError

ROWS: list[dict[str, Any]] = [
    {"question": "Which is metal?", "choices": ["wood", "iron", "wool"], "answer": "iron"},
    {
        "question": "Which is cloth?",
        "choices": ["rock", "sand", "a long wool"],
        "answer": "a long wool",
    },
    {"question": "Which is stone?", "choices": ["milk", "rock"], "answer": "rock"},
]


def evaluate(options: Options, items: Items, model: Model, out: Path) -> ChoiceResults:
    results = run(choice(options, items), model, out).results
    assert isinstance(results, ChoiceResults)
    return results


def table(tmp_path: Path, rows: list[dict[str, Any]], **how: Any) -> Items:
    path = tmp_path / "table.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    return read_items(path, Columns(), **how)


def csv(tmp_path: Path, text: str, **how: Any) -> Items:
    path = tmp_path / "table.csv"
    path.write_text(text, "utf-8")
    return read_items(path, Columns(), **how)


def by_first_letter(before: str, character: str) -> float:
    """Choices that begin with i or r are likely; every character costs a little."""
    if before.endswith("Answer: "):
        return -0.5 if character in "ir" else -3.0
    return -0.1


def test_figures_are_those_by_hand(tmp_path: Path) -> None:
    with echoing(by_first_letter) as there:
        items = table(tmp_path, ROWS)
        found = evaluate(Options(title="it"), items, served(there.url), tmp_path)
    figures = found.figures
    # acc: iron, rock (wrong), rock. By character: " a long wool" is -4.2 / 11, " rock" -0.9 / 4.
    assert figures.accuracy.mean == pytest.approx(2 / 3) and figures.questions == 3
    assert figures.accuracy_norm.mean == pytest.approx(2 / 3) and figures.method == "wilson"
    assert figures.chance == pytest.approx((1 / 3 + 1 / 3 + 1 / 2) / 3) and figures.ties == 0
    shares = [(one.letter, one.right, one.chosen) for one in figures.positions]
    assert shares == [
        ("A", 0.0, pytest.approx(1 / 3)),
        ("B", pytest.approx(2 / 3), pytest.approx(2 / 3)),
        ("C", pytest.approx(1 / 3), 0.0),
    ]
    assert figures.always == pytest.approx(2 / 3)
    kept = [json.loads(line) for line in (tmp_path / "scored.jsonl").read_text().splitlines()]
    assert [row["score"] for row in kept] == [1.0, 0.0, 1.0]
    # The blank before a choice is scored too, the words before it are not; the length is its own.
    iron = kept[0]["options"][1]
    assert iron["log_likelihood"] == pytest.approx(-0.1 - 0.5 - 0.3) and iron["text"] == "iron"
    assert iron["tokens"] == 5
    again = ChoiceResults.model_validate_json((tmp_path / "results.json").read_text())
    assert again == found and len(there.prompts) == 8
    assert there.prompts[0].startswith("Question: Which is ") and "\nAnswer: " in there.prompts[0]


def test_normalised_by_characters(tmp_path: Path) -> None:
    rows = [{"question": "Q?", "choices": ["aaaaaaaaaa", "bb"], "answer": "aaaaaaaaaa"}]
    with echoing(lambda before, one: -1.0) as there:
        items = table(tmp_path, rows)
        found = evaluate(Options(title="it"), items, served(there.url), tmp_path).figures
    # -11 against -3; by character -1.1 against -1.5.
    assert (found.accuracy.mean, found.accuracy_norm.mean) == (0.0, 1.0)


def test_nothing_is_scored_twice(tmp_path: Path) -> None:
    items = table(tmp_path, ROWS)
    with echoing(by_first_letter) as there:
        one = served(there.url)
        first = evaluate(Options(limit=2), items, one, tmp_path)
        assert len(there.prompts) == 6 and first.cached == 0
        path = tmp_path / "scores.jsonl"
        path.write_text(path.read_text()[:-30])  # as a kill leaves it
        there.refuse = "milk"
        with pytest.raises(InputError, match=r"table.jsonl:3: the server refused.*400"):
            evaluate(Options(title="it"), items, one, tmp_path)
        there.refuse = ""
        kept = path.read_text().count("\n")
        whole = evaluate(Options(title="it"), items, one, tmp_path)
        assert whole.cached == kept >= 5
        seen = len(there.prompts)
        again = evaluate(Options(title="it"), items, one, tmp_path)
        assert again.cached == 8 and len(there.prompts) == seen and again.figures == whole.figures
        there.shift = 1
        with pytest.raises(InputError, match="scores of"):
            evaluate(Options(title="it"), items, one, tmp_path / "other")


def test_worked_examples_and_letters(tmp_path: Path) -> None:
    items = table(tmp_path, ROWS)
    shot, asked = items.items[:2]
    assert context(asked, [shot], Options(title="it")) == (
        "Question: Which is metal?\nAnswer: iron\n\nQuestion: Which is cloth?\nAnswer:"
    )
    assert context(shot, [], Options(language="ru", letters=True)) == (
        "Вопрос: Which is metal?\nА. wood\nБ. iron\nВ. wool\nОтвет:"
    )
    assert continuations(shot, Options(letters=True)) == (" A", " B", " C")
    with echoing(lambda before, one: -0.1 if one == "A" else -2.0) as there:
        config = Options(shots=1, letters=True)
        found = evaluate(config, items, served(there.url), tmp_path)
        assert found.figures.questions == 2 and found.figures.accuracy.mean == 0
        assert all("Which is metal?" in prompt for prompt in there.prompts)
        assert sorted(prompt[-2:] for prompt in there.prompts) == [" A", " A", " B", " B", " C"]
        with pytest.raises(InputError, match="worked examples"):
            evaluate(Options(shots=3), items, served(there.url), tmp_path)


@pytest.mark.parametrize("language", ["en", "ru"])
def test_a_model_that_always_says_a_is_seen(
    tmp_path: Path, language: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KAMERTON_LANG", language)
    rows = [
        {"question": f"Which <b>{n}</b>?", "choices": ["w", "x", "y", "z"], "answer": "wxyz"[n % 4]}
        for n in range(24)
    ]
    items = table(tmp_path, rows)
    with echoing(lambda before, one: -0.1 if one == "A" else -2.0) as there:
        config = Options(title="<i>it</i>", letters=True)
        found = evaluate(config, items, served(there.url), tmp_path)
    first, *others = found.figures.positions
    assert first.chosen == 1 and first.right == 0.25 and first.leans
    assert not any(one.leans for one in others)
    remark = choice_report.lines(found)[-1]
    assert "A" in remark
    page = html(choice_report.page(found))
    assert remark in page and "<i>" not in page and page.count("<tr>") == 5
    assert ("Места вариантов" in page) == (language == "ru")


def test_a_tie_counts_its_share_and_length_may_decide() -> None:
    tied = [Choice(text=t, log_likelihood=ll, tokens=1) for t, ll in (("a", -1), ("bc", -1))]
    assert likeliest(tied) == [0, 1] and likeliest(tied, by_characters=True) == [1]


def test_where_a_choice_begins() -> None:
    assert boundary((1, 2, 3), (1, 2, 3, 4, 5)) == 3
    assert boundary((1, 2, 3), (1, 2, 9, 5)) == 2  # the last one grew together with the choice
    assert boundary((1, 2), (1, 2)) == 1


def test_a_question_longer_than_the_model_reads(tmp_path: Path) -> None:
    items = table(tmp_path, ROWS)
    with (
        echoing(by_first_letter, room=30) as there,
        pytest.raises(InputError, match=r"table.jsonl:1: .* model reads 30"),
    ):
        evaluate(Options(title="it"), items, served(there.url), tmp_path)


def test_tables_in_all_their_forms(tmp_path: Path) -> None:
    letters = csv(
        tmp_path,
        "id,Question,A,B,C,D,answer,group\nq1,One?,w,x,y,z,C,g\nq2,Two?,w,x,y,,b),g\n".replace(
            "Question", "question"
        ),
    )
    assert [item.right for item in letters.items] == [2, 1] and letters.read_as == "letter"
    assert letters.items[1].choices == ("w", "x", "y") and letters.items[0].group == "g"
    assert letters.items[0].id == "q1" and letters.items[1].where.endswith("table.csv:3")
    lists = csv(tmp_path, 'question;options;answer\nOne?;"[""w"", ""x""]";x\n')
    assert lists.items[0].choices == ("w", "x") and lists.read_as == "text"
    russian = csv(tmp_path, "question,А,Б,В,answer\nГде?,там,тут,нигде,В\n")
    assert russian.items[0].right == 2 and russian.read_as == "cyrillic"


@pytest.mark.parametrize(
    ("answers", "right", "read_as"),
    [
        ([0, 1, 2], [0, 1, 2], "from_0"),
        ([1, 3, 2], [0, 2, 1], "from_1"),
        (["a", "(B)", "c."], [0, 1, 2], "letter"),
        (["wool", "iron", "wood"], [2, 1, 0], "text"),
    ],
)
def test_answers_are_read_one_way_for_a_table(
    tmp_path: Path, answers: list[Any], right: list[int], read_as: str
) -> None:
    rows = [{"question": "Q", "choices": ["wood", "iron", "wool"], "answer": a} for a in answers]
    found = table(tmp_path, rows)
    assert [item.right for item in found.items] == right and found.read_as == read_as


def test_numbers_among_the_choices_are_texts(tmp_path: Path) -> None:
    rows = [{"question": "Q", "choices": ["3", "1", "2"], "answer": a} for a in ("1", "2")]
    assert [item.right for item in table(tmp_path, rows).items] == [1, 2]


def test_numbers_that_may_be_either(tmp_path: Path) -> None:
    rows = [{"question": "Q", "choices": ["w", "x", "y"], "answer": a} for a in (1, 2)]
    with pytest.raises(InputError, match=r"jsonl:1: “answer”: .*--count-from"):
        table(tmp_path, rows)
    assert [item.right for item in table(tmp_path, rows, count_from=0).items] == [1, 2]
    assert [item.right for item in table(tmp_path, rows, count_from=1).items] == [0, 1]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"answer": "steel"}, r"jsonl:2: “answer”: “steel” names none of the 3"),
        ({"answer": "A"}, r"jsonl:2: .*read as: texts"),
        ({"answer": ""}, r"jsonl:2: “answer” is empty"),
        ({"question": " "}, r"jsonl:2: “question” is empty"),
        ({"choices": ["one"]}, r"jsonl:2: “choices”: .* two choices"),
        ({"choices": ["one", "one"]}, r"jsonl:2: “choices”: two choices are the same"),
        ({"choices": ["one", ""]}, r"jsonl:2: “choices” must be a list"),
        ({"choices": "one"}, r"jsonl:2: “choices” must be a list"),
        ({"choices": [str(n) for n in range(11)]}, "at most 10"),
        ({"id": "0"}, r"jsonl:2: the id 0"),
    ],
)
def test_bad_rows_are_named(tmp_path: Path, change: dict[str, Any], says: str) -> None:
    rows = [ROWS[0] | {"id": "0"}, ROWS[1] | {"id": "1"} | change, ROWS[2] | {"id": "2"}]
    with pytest.raises(InputError, match=says):
        table(tmp_path, rows)


def test_bad_tables_are_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no column “answer”.*question, A, B"):
        csv(tmp_path, "question,A,B\nOne?,w,x\n")
    with pytest.raises(InputError, match=r"csv:2: “B” is empty"):
        csv(tmp_path, "question,A,B,C,answer\nOne?,w,,y,A\n")
    with pytest.raises(InputError, match="no questions"):
        csv(tmp_path, "question,A,B,answer\n")
    with pytest.raises(InputError, match=r"csv:2: “A, B, …”.*two choices"):
        csv(tmp_path, "question,answer\nOne?,A\n")
