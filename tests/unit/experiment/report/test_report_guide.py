"""The page, the card and the table from made-up figures, in both languages."""

import json
import re
from pathlib import Path

import pytest
import yaml
from made_up import make_run
from pages import alone, visible

from kamerton.experiment.report import figures, guide, plot, words
from kamerton.experiment.report.blocks import html
from kamerton.experiment.report.card import model_card
from kamerton.experiment.report.guide import GuideRun
from kamerton.experiment.report.run import ReportInputs, report
from kamerton.experiment.report.sections import closing_words
from kamerton.experiment.report.table import plain_table
from kamerton.formats.jsonl import write_rows
from kamerton.formats.scores import Interval

EVIL = "<script>alert('x')</script> & <img src=x onerror=alert(1)>"
WORSE = {"base": 0.9, "base+rag": 0.9, "museum": 0.1, "museum+rag": 0.5}


def page(run: GuideRun) -> str:
    return html(guide.page(run))


def card(run: GuideRun) -> str:
    return model_card(guide.card(run))


def test_the_page_is_well_formed_and_asks_for_no_other_file() -> None:
    alone(page(make_run()))


def test_the_verdict_comes_first_and_everything_is_there() -> None:
    run = make_run(known=24)
    text = page(run)
    assert "<h1>Tuning helped; retrieval" in text
    for part in ("base+rag", "museum+rag", "8:11", "00000000000c", "ab" * 32, run.command):
        assert part in text
    assert text.count('class="asked') == len(run.questions)


def test_differing_questions_come_first() -> None:
    kinds = re.findall(r'class="asked( differs)?"', page(make_run()))
    assert kinds == sorted(kinds, reverse=True)
    assert len(set(kinds)) == 2


def test_what_models_and_users_wrote_is_escaped() -> None:
    plain = make_run()
    evil = plain.samples[0].model_copy(
        update={"answer": EVIL, "question": EVIL, "why": {"factual_accuracy": f"lacks: {EVIL}"}}
    )
    run = GuideRun(
        **{**vars(plain), "samples": [evil, *plain.samples[1:]], "command": f"kamerton run {EVIL}"}
    )
    text = page(run)
    assert "<script>alert" not in text and "<img" not in text
    assert text.count("&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;") == 4
    assert alone(text).names().count("script") == 1


def test_harm_is_told_first_and_in_the_table() -> None:
    run = make_run(WORSE, known=24)
    text = page(run)
    assert "<h1>Tuning made it worse" in text
    assert text.index('class="harm"') < text.index("What was compared")
    assert "museum is proved worse than base in factual accuracy" in text
    assert "museum is proved worse" in closing_words(guide.outcome(run)).replace("\n", " ")
    assert "museum is proved worse" in card(run)


@pytest.mark.parametrize(
    ("rate", "kinds"),
    [(0.0, {"constant", "wilson"}), (0.5, {"bootstrap", "wilson", "constant"})],
)
def test_every_interval_says_how_it_was_made(rate: float, kinds: set[str]) -> None:
    """0 % of 0 to 14 is no bootstrap, and a reader sees it beside the figure."""
    run = make_run({"base": rate, "base+rag": 1.5, "museum": 1.5, "museum+rag": 1.5}, known=24)
    marks = figures.interval_marks(cell.score for cell in run.summary.cells)
    assert marks.keys() - {""} >= kinds
    text, table = visible(page(run)), plain_table(run.summary)
    for kind, mark in marks.items():
        if kind:
            assert f"{mark} {figures.text(f'interval_{kind}')}".strip() in text
            assert f"]{mark}" in table
    assert "BCa" in text or rate == 0.0, "the difference has a kind of its own"


def test_what_to_mind_stands_beside_the_verdict() -> None:
    text = page(make_run(known=24))
    order = [text.index(part) for part in ("<h1>", "What to mind", "What was compared", "Scores<")]
    assert order == sorted(order)


def test_without_harm_nothing_is_said_of_it() -> None:
    assert "Something got worse" not in page(make_run(known=24))


def test_too_few_groups_and_cut_answers_are_told_beside_the_verdict() -> None:
    run = make_run(known=4)
    few = "with 4 groups no difference can be shown, at least 7 are needed"
    table = " ".join(closing_words(guide.outcome(run)).split())
    assert few in table and few in page(run) and few in card(run)
    assert "find differences from about 100 points" not in page(run)
    assert "at the limit of" not in table
    first = run.summary.comparisons[0].model_copy(update={"cut": 0.25, "cut_against": 0.5})
    summary = run.summary.model_copy(update={"comparisons": [first], "max_tokens": 40})
    cut = GuideRun(**{**vars(run), "summary": summary})
    table = " ".join(closing_words(guide.outcome(cut)).replace("\u00a0", " ").split())
    assert "at the limit of 40 tokens: 25 % of the answers of museum, 50 % of base" in table


def test_a_blocked_verdict_says_why_everywhere() -> None:
    run = make_run(claim=False)
    why = "No verdict is claimed: 2 test questions were seen in training or in the index"
    assert f"<h1>{why}.</h1>" in page(run)
    assert why in card(run)
    assert why in closing_words(guide.outcome(run)).replace("\n", " ")
    assert "Tuning helped" not in page(run)


def test_in_russian(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KAMERTON_LANG", "ru")
    run = make_run(known=24)
    text = page(run)
    assert '<html lang="ru">' in text
    assert "<h1>Дообучение помогло; " in text
    left = re.sub(r"<(style|script)>.*?</\1>|<[^>]+>", " ", text, flags=re.S)
    head = left.split("Что сказала")[0]
    assert not re.search(r"\b(the|verdict|questions|interval|points|better)\b", head)
    assert "верность фактов" in plain_table(run.summary)
    assert "Карточка модели: museum" in card(run)


def test_the_card_has_front_matter_with_the_same_figures() -> None:
    run = make_run(known=24)
    _, front, body = card(run).split("---\n", 2)
    matter = yaml.safe_load(front)
    assert matter["base_model"] == "SmolLM2-135M-Instruct"
    assert matter["language"] == ["en"]
    shown = matter["model-index"][0]["results"][0]["metrics"][0]
    cell = next(c for c in run.summary.cells if c.arm == "museum")
    assert shown == {
        "type": cell.criterion,
        "name": cell.criterion,
        "value": round(cell.score.mean, 4),
    }
    assert plain_table(run.summary) in body
    assert words.verdict_sentence(run.summary) in body


def test_the_table_is_aligned_and_whole() -> None:
    run = make_run()
    table, legend = plain_table(run.summary).split("\n\n")
    lines = table.splitlines()
    assert len(lines) == 2 + 4 + 4 + 2
    assert legend.startswith("How the interval is made: ")
    assert len({len(line) for line in lines}) == 1
    assert lines[0].split()[-4:] == ["base", "base+rag", "museum", "museum+rag"]


def test_report_reads_the_stages_and_writes_three_files(tmp_path: Path) -> None:
    run = make_run()
    stages = {name: tmp_path / name for name in run.manifests}
    for name, manifest in run.manifests.items():
        manifest.write(stages[name])
    write_rows(stages["data"] / "known.jsonl", run.questions)
    (stages["data"] / "leaks.json").write_text('{"blocking": []}')
    write_rows(stages["compare"] / "samples.jsonl", run.samples)
    (stages["compare"] / "summary.json").write_text(run.summary.model_dump_json())
    (stages["tune"] / "training.json").write_text(json.dumps({"rows": 287654}))
    inputs = ReportInputs(
        kind="guide",
        name="museum",
        recipe=run.recipe,
        command=run.command,
        stages={name: str(folder) for name, folder in stages.items()},
    )
    report(inputs, tmp_path / "report")
    written = {p.name: p.read_text() for p in (tmp_path / "report").iterdir()}
    assert set(written) == {"report.html", "model_card.md", "table.txt"}
    assert "287654" in written["report.html"]
    assert written["table.txt"] == closing_words(guide.outcome(run))


def test_figures_in_words() -> None:
    assert figures.percent(0.694) == "69\u00a0%"
    assert [figures.points(x) for x in (0.556, -0.2, 0.001, -0.004)] == ["+56", "−20", "0", "0"]
    assert (figures.p_value(0.0123), figures.p_value(0.0001)) == ("=\u00a00.012", "<\u00a00.001")
    assert (figures.duration(491), figures.duration(3723)) == ("8:11", "1:02:03")


def test_an_interval_lies_inside_the_drawing_and_the_scale_holds_all() -> None:
    wide = [Interval(mean=0.1, low=-0.3, high=0.4), Interval(mean=0, low=-0.01, high=0.01)]
    scale = plot.differences(wide)
    assert (scale.low, scale.high) == (-0.5, 0.5)
    low, mean, high = (scale.at(v) for v in (wide[0].low, wide[0].mean, wide[0].high))
    assert 0 <= low < mean < high <= 100
    assert scale.at(0) == 50.0
    assert [label for _, label in scale.ticks()] == ["−50", "−25", "0", "+25", "+50"]
