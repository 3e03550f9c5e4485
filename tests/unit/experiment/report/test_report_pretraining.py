"""The report of a pretraining, from folders to page, card and closing words."""

import math
from pathlib import Path
from typing import Any

import pytest
import yaml
from made_up_pretraining import PROMPTS, RECIPE, STAGES, pretraining, write
from made_up_rows import manifests
from pages import alone, visible

from kamerton.experiment.report import pretraining as pretraining_report
from kamerton.experiment.report.blocks import Figures, Table, html
from kamerton.experiment.report.plot import curve
from kamerton.experiment.report.pretraining import PretrainedRun, last, learning_of, load
from kamerton.experiment.report.run import ReportInputs, report
from kamerton.experiment.report.sections import blocks_of
from kamerton.formats.jsonl import write_rows
from kamerton.formats.pretraining import Continuation, Pretraining

EVIL = "<script>alert('x')</script> & <img src=x onerror=alert(1)>"


def page(run: PretrainedRun) -> str:
    return html(pretraining_report.page(run))


def made(folder: Path, figures: Pretraining | None = None, tokenizer: bool = True) -> ReportInputs:
    stages = write(folder, figures or pretraining(), tokenizer)
    for name, manifest in manifests("check", "data", "pretrain").items():
        if name in stages:
            manifest.write(Path(stages[name]))
    return ReportInputs("corpus", "novels", RECIPE, "kamerton run novels", stages)


def written(inputs: ReportInputs, out: Path) -> dict[str, str]:
    report(inputs, out)
    return {path.name: path.read_text() for path in out.iterdir()}


def test_the_door_chooses_the_page_of_pretraining_and_needs_no_script(tmp_path: Path) -> None:
    files = written(made(tmp_path / "run"), tmp_path / "out")
    assert set(files) == {"report.html", "model_card.md", "table.txt"}
    assert "script" not in alone(files["report.html"]).names()
    for part in ("129\u202f378\u202f304", "1:28:41", "1:30:00", "00000000000c", "vocabulary: 3000"):
        assert part in files["report.html"]


@pytest.mark.parametrize(
    ("ngram", "said"), [(1.12, "better than"), (0.5, "worse than"), (0.8565, "about as well as")]
)
def test_the_ratio_to_the_n_gram_is_told_in_words_and_figures(
    tmp_path: Path, ngram: float, said: str
) -> None:
    figures = pretraining(ngram=ngram)
    files = written(made(tmp_path / "run", figures), tmp_path / "out")
    assert figures.ratio_to_ngram is not None
    expected = f"The model reads held-out text {said} the 5-gram."
    figure = f"{math.exp(ngram):.3f}: the model's is {figures.ratio_to_ngram:.3f} of that"
    for text in (visible(files["report.html"]), files["model_card.md"], files["table.txt"]):
        assert expected in " ".join(text.split())
        assert figure in " ".join(text.split())


def test_without_an_n_gram_nothing_is_said_of_one(tmp_path: Path) -> None:
    files = written(made(tmp_path / "run", pretraining(ngram=None)), tmp_path / "out")
    assert "<h1>Held-out perplexity per character: 2.355.</h1>" in files["report.html"]
    for text in files.values():
        assert "-gram" not in text and "Kneser" not in text


def test_every_prompt_is_a_row_and_every_evaluation_a_column(tmp_path: Path) -> None:
    run = load(made(tmp_path))
    learning = learning_of(run)
    assert learning is not None
    assert [step for step, _, _ in learning.steps] == list(range(0, 1500, 100))
    assert [prompt for prompt, _ in learning.prompts] == PROMPTS
    assert {len(texts) for _, texts in learning.prompts} == {15}
    text = page(run)
    tags = alone(text)
    links = {attributes["href"] for tag, attributes in tags.found if tag == "a"}
    places = {f"#{attributes['id']}" for _, attributes in tags.found if "id" in attributes}
    assert links == {f"#step-{step}" for step, _, _ in learning.steps} <= places
    strip = next(a for _, a in tags.found if a.get("class") == "learning")
    assert strip["tabindex"] == "0" and strip["role"] == "region" and strip["aria-label"]
    shown = visible(text)
    assert shown.index("ннннее оооаи") < shown.index(STAGES[-1].strip())


def test_of_a_step_made_twice_the_later_continuation_counts_and_gaps_are_shown(
    tmp_path: Path,
) -> None:
    inputs = made(tmp_path)
    continuations = [
        Continuation(step=0, prompt="А", text="раз"),
        Continuation(step=100, prompt="А", text="два"),
        Continuation(step=100, prompt="Б", text=" "),
        Continuation(step=100, prompt="А", text="три"),
    ]
    write_rows(inputs.folders["pretrain"] / "continuations.jsonl", continuations)
    run = load(inputs)
    learning = learning_of(run)
    assert learning is not None
    assert learning.prompts == [("А", ["раз", "три"]), ("Б", [None, " "])]
    assert "(empty answer)" in page(run) and ">—</span>" in page(run)


def test_without_continuations_or_tokenizer_the_page_is_whole(tmp_path: Path) -> None:
    inputs = made(tmp_path / "run", tokenizer=False)
    (inputs.folders["pretrain"] / "continuations.jsonl").unlink()
    files = written(inputs, tmp_path / "out")
    alone(files["report.html"])
    assert "How the model learnt" not in files["report.html"] + files["model_card.md"]
    assert "Tokenizer" not in files["report.html"]


def test_without_evaluations_nothing_is_claimed(tmp_path: Path) -> None:
    blind = pretraining(ngram=None).model_copy(update={"evaluations": []})
    inputs = made(tmp_path / "run", blind)
    files = written(inputs, tmp_path / "out")
    alone(files["report.html"])
    assert "No text was held out" in files["report.html"]
    assert "perplexity per character," not in files["table.txt"]


def test_the_tokenizers_report_is_shown_in_the_readers_words(tmp_path: Path) -> None:
    text = visible(page(load(made(tmp_path))))
    for part in (
        "tokens in all 3 000",
        "training 98 71 000 000 20 800 000 3.412",
        "Longest tokens обстоятельства , удовольствием",
        "Bereg.txt 812",
    ):
        assert part in text


def test_a_report_of_any_form_can_be_told() -> None:
    shown = blocks_of(
        {
            "round_trip": True,
            "pairs": [[1, 2]],
            "mixed": {"a": {"b": 1}, "c": 2, "d": None},
            "same": {"x": {"n": 1, "deep": {}}, "y": {"n": 2.5, "deep": {}}},
            "none": None,
            "empty": [],
        },
        "nothing",
    )
    assert shown == [
        Figures([("round trip", "True"), ("mixed: c", "2")]),
        Table(["n"], [("x", ["1"]), ("y", ["2.5"])], caption="same"),
    ]
    assert blocks_of({}, "nothing") == []


def test_a_model_that_begins_to_learn_by_heart_is_told_of(tmp_path: Path) -> None:
    inputs = made(tmp_path / "run", pretraining(rise=True))
    files = written(inputs, tmp_path / "out")
    assert "The held-out loss was lowest at step 1\u202f100" in files["report.html"]
    assert "by heart" in files["model_card.md"]
    assert "by heart" not in page(load(made(tmp_path / "other")))


def test_what_models_and_users_wrote_is_escaped(tmp_path: Path) -> None:
    inputs = made(tmp_path)
    continuations = [Continuation(step=0, prompt=EVIL, text=EVIL)]
    write_rows(inputs.folders["pretrain"] / "continuations.jsonl", continuations)
    token = '{"longest": ["<script>alert(2)</script>"]}'
    (inputs.folders["data"] / "tokenizer" / "report.json").write_text(token)
    text = page(load(inputs))
    assert "<script" not in text and "<img" not in text
    assert text.count("&lt;script&gt;alert(&#39;x&#39;)") == 2
    assert "&lt;script&gt;alert(2)" in text
    alone(text)


def test_the_card_has_front_matter_with_the_perplexity(tmp_path: Path) -> None:
    inputs = made(tmp_path / "run")
    _, front, body = written(inputs, tmp_path / "out")["model_card.md"].split("---\n", 2)
    matter: dict[str, Any] = yaml.safe_load(front)
    end = last(pretraining())
    assert end is not None
    metric = matter["model-index"][0]["results"][0]["metrics"][0]
    assert metric["value"] == round(math.exp(end.nats_per_character), 4)
    assert (matter["library_name"], matter["language"]) == ("transformers", ["ru"])
    assert f"{PROMPTS[0]} → {STAGES[-1]}" in body


def test_in_russian(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KAMERTON_LANG", "ru")
    files = written(made(tmp_path / "run"), tmp_path / "out")
    assert '<html lang="ru">' in files["report.html"]
    assert "<h1>Модель читает отложенный текст лучше, чем 5-граммы.</h1>" in files["report.html"]
    head = visible(files["report.html"]).split("Токенизатор")[0]
    for word in ("the", "step", "loss", "steps", "held", "training", "perplexity"):
        assert f" {word} " not in head
    assert "перплексия на символ, эта модель" in files["table.txt"]
    assert "стадия" not in files["report.html"] and "предобучение" in files["report.html"]


def test_a_curve_lies_inside_its_drawing_and_goes_through_its_values() -> None:
    chart = curve([("one", "held", [(0, 8.0), (50, 4.0), (100, 2.0)])])
    assert chart is not None
    (line,) = chart.lines
    assert [x for x, _, _ in line.dots] == [0, 50, 100]
    heights = [y for _, y, _ in line.dots]
    assert 0 < heights[0] < heights[1] < heights[2] < 100
    assert heights[1] - heights[0] == pytest.approx(2 * (heights[2] - heights[1]), abs=0.05)
    assert all(0 <= place <= 100 for place, _ in [*chart.across, *chart.up])
    equal = curve([("one", "held", [(0, 8.0), (50, 4.0), (100, 2.0)])], ratios=True)
    assert equal is not None
    places = [y for _, y, _ in equal.lines[0].dots]
    assert places[1] - places[0] == pytest.approx(places[2] - places[1], abs=0.05)
    assert [label for _, label in equal.up] == ["2", "3", "5"]


def test_a_long_curve_is_thinned_and_keeps_its_mean() -> None:
    points = [(float(step), 3.0 + math.sin(step)) for step in range(10_000)]
    chart = curve([("one", "train", points)])
    assert chart is not None
    drawn = [tuple(map(float, p.split(","))) for p in chart.lines[0].points.split()]
    assert len(drawn) <= 300 and chart.lines[0].dots == ()


def test_a_level_curve_and_one_of_a_single_point_can_be_drawn() -> None:
    for points in ([(0.0, 2.0), (10.0, 2.0)], [(0.0, 2.0)]):
        chart = curve([("one", "held", points)])
        assert chart is not None
        assert {y for _, y, _ in chart.lines[0].dots} == {50.0}
    assert curve([("one", "held", [])]) is None
