"""Perplexity: each token scored once, sums by hand, intervals over documents."""

import json
import math
import random
from pathlib import Path

import pytest
from completing import served
from echoing import BEGIN, echoing

from kamerton.client.connection import Model
from kamerton.experiment.ask.evaluate import evaluate as run
from kamerton.experiment.report.blocks import html
from kamerton.experiment.tasks import Columns, Options
from kamerton.experiment.tasks.perplexity import (
    Document,
    ScoredText,
    TextResults,
    perplexity,
    rate,
    read_documents,
    text_lines,
    text_page,
    windows,
)
from kamerton.formats.errors import InputError
from kamerton.formats.scores import Interval


def documents(*texts: str) -> list[Document]:
    return [Document(str(n), text, str(n), f"t:{n}") for n, text in enumerate(texts)]


def evaluate(options: Options, texts: list[Document], model: Model, out: Path) -> TextResults:
    results = run(perplexity(options, texts), model, out).results
    assert isinstance(results, TextResults)
    return results


def cost(before: str, character: str) -> float:
    """Vowels cost 1, others 2, and the first of a text one more."""
    return -(1.0 if character in "aeiouаио" else 2.0) - (before == chr(BEGIN))


@pytest.mark.parametrize("room", [2, 3, 7, 20, 64])
@pytest.mark.parametrize("prefix", [None, 0])
def test_each_token_is_scored_once_with_as_much_before_it(room: int, prefix: int | None) -> None:
    for count in (1, 2, room - 1, room, room + 1, 3 * room, 61):
        ids = list(range(100, 100 + count))
        for overlap in {1, room // 2 or 1, room - 1}:
            cut = list(windows(ids, prefix, room, overlap))
            scored = [token for those, first in cut for token in those[first:]]
            assert scored == (ids if prefix is not None else ids[1:])
            assert all(len(those) <= room and first >= 1 for those, first in cut)
            whole = ids if prefix is None else [prefix, *ids]
            for number, (those, first) in enumerate(cut):
                at = whole.index(those[0])
                assert list(those) == whole[at : at + len(those)]
                assert number == 0 or first >= overlap
                # The last window reaches back as far as it has room.
                assert number == 0 or len(those) == room
    with pytest.raises(ValueError):
        list(windows([1, 2], prefix, room, room))


def test_windows_are_those_of_the_harness() -> None:
    """Its example: ten tokens, five at a time, one of context."""
    found = [(those[:first], those[first:]) for those, first in windows(range(10), -1, 6)]
    assert found[0] == ((-1,), (0, 1, 2, 3, 4))
    assert found[1] == ((4,), (5, 6, 7, 8, 9))
    (_, _), (before, last) = [(t[:f], t[f:]) for t, f in windows(range(8), -1, 6)]
    assert (before, last) == ((2, 3, 4), (5, 6, 7))


def test_figures_are_those_by_hand(tmp_path: Path) -> None:
    texts = documents("banana", "kit", "мир")
    with echoing(cost) as there:
        found = evaluate(Options(title="it"), texts, served(there.url), tmp_path)
        assert sorted(there.prompts) == sorted(chr(BEGIN) + one.text for one in texts)
    nats = (2 + 1) * 3 + 1 + (2 + 1 + 2 + 1) + (2 + 1 + 2 + 1)
    token, character, byte = found.figures.rates
    assert (token.count, character.count, byte.count) == (12, 12, 15)
    assert token.value == pytest.approx(nats / 12) and byte.value == pytest.approx(nats / 15)
    assert found.figures.perplexity == pytest.approx(math.exp(nats / 12))
    assert found.figures.bits_per_byte == pytest.approx(nats / 15 / math.log(2))
    assert token.interval is not None and token.interval.low < token.value < token.interval.high
    assert found.prefix == BEGIN and found.window == 400
    assert TextResults.model_validate_json((tmp_path / "results.json").read_text()) == found
    rows = [json.loads(line) for line in (tmp_path / "scored.jsonl").read_text().splitlines()]
    assert [row["nats"] for row in rows] == pytest.approx([10, 6, 6])
    page = html(text_page(found))
    assert f"{byte.value:.4f} nats per byte" in page and page.count("<circle") == 3


def test_long_texts_and_no_prefix(tmp_path: Path) -> None:
    draw = random.Random(0)
    text = "".join(draw.choice("abcdeо") for _ in range(97))
    whole = -sum(cost(text[:at], text[at]) for at in range(1, 97))
    with echoing(cost, prefix=None) as there:
        one = served(there.url)
        for window, overlap in ((10, 1), (10, 6), (96, 40), (400, 1)):
            config = Options(window=window, overlap=overlap)
            found = evaluate(config, documents(text), one, tmp_path / f"{window}-{overlap}")
            (token, _, byte) = found.figures.rates
            # The model looks back one character only: windows change nothing here.
            assert token.count == 96 and token.value * 96 == pytest.approx(whole)
            assert byte.interval is None and "no interval" in "\n".join(text_lines(found))
            assert "first token of each text" in "\n".join(text_lines(found))
        assert all(len(prompt) <= 10 for prompt in there.prompts[:10])
        with pytest.raises(InputError, match="windows of 500"):
            evaluate(Options(window=500), documents(text), one, tmp_path / "wide")
        with pytest.raises(InputError, match="t:0: this text has no token"):
            evaluate(Options(title="it"), documents("a"), one, tmp_path / "short")


def test_nothing_is_scored_twice(tmp_path: Path) -> None:
    with echoing(cost) as there:
        one = served(there.url)
        evaluate(Options(limit=1), documents("banana", "kit"), one, tmp_path)
        found = evaluate(Options(title="it"), documents("banana", "kit"), one, tmp_path)
        assert len(there.prompts) == 2 and found.cached == 1
        evaluate(Options(window=4), documents("kit"), one, tmp_path)
        assert len(there.prompts) == 2  # the same window of the same tokens


def spread(nats: list[float], counts: list[int], groups: list[str]) -> Interval | None:
    rows = [
        ScoredText(id="", group=of, nats=n, tokens=count, bytes=1, characters=1, windows=1)
        for n, count, of in zip(nats, counts, groups, strict=True)
    ]
    return rate(rows, "token", 0).interval


def test_the_interval_is_over_groups() -> None:
    draw = random.Random(1)
    level = [draw.uniform(1, 3) for _ in range(8)]
    nats = [level[n // 5] * 10 for n in range(40)]
    alone = spread(nats, [10] * 40, [str(n) for n in range(40)])
    clustered = spread(nats, [10] * 40, [str(n // 5) for n in range(40)])
    assert alone is not None and clustered is not None and alone.mean == clustered.mean
    assert clustered.high - clustered.low > 1.7 * (alone.high - alone.low)
    # Long texts weigh more: sums are divided, not shares averaged.
    weighed = spread([1.0, 30.0], [1, 10], ["a", "b"])
    assert weighed is not None and weighed.mean == pytest.approx(31 / 11)
    assert spread([1.0, 2.0], [1, 1], ["a", "a"]) is None


def test_texts_of_tables_files_and_folders(tmp_path: Path) -> None:
    (tmp_path / "b.txt").write_text("two\nlines\n", "utf-8")
    (tmp_path / "a.txt").write_text("один", "utf-8")
    found = read_documents(tmp_path, Columns())
    assert [(one.id, one.text) for one in found] == [("a.txt", "один"), ("b.txt", "two\nlines\n")]
    assert read_documents(tmp_path / "b.txt", Columns()) == found[1:]
    table = tmp_path / "t.csv"
    table.write_text("id,body,group\nx,One,g\ny,Two,g\n", "utf-8")
    rows = read_documents(table, Columns(text="body"))
    assert [(one.id, one.text, one.group) for one in rows] == [("x", "One", "g"), ("y", "Two", "g")]
    with pytest.raises(InputError, match=r"no column “text”.*id, body, group.*--text-column"):
        read_documents(table, Columns())
    table.write_text("id,text\nx,One\ny, \n", "utf-8")
    with pytest.raises(InputError, match=r"t.csv:3: “text” is empty"):
        read_documents(table, Columns())
    table.write_text("id,text\nx,One\nx,Two\n", "utf-8")
    with pytest.raises(InputError, match=r"t.csv:3: the id x"):
        read_documents(table, Columns())
    (tmp_path / "none").mkdir()
    with pytest.raises(InputError, match=r"no \.txt file"):
        read_documents(tmp_path / "none", Columns())
