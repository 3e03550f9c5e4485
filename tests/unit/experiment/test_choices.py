"""The verdict on held-out choices: figures by hand, claims in simulation, report and errors."""

import json
import math
import random
from collections.abc import Sequence
from pathlib import Path

import pytest
import yaml
from made_up_rows import RECIPE, choices, losses, manifests, rated, rows, write
from pages import alone, visible

from kamerton.experiment import likelihood
from kamerton.experiment.likelihood import CHOICE, DECLARED, LIKELIHOOD, PREFERRED
from kamerton.experiment.measures import cells, comparisons, of_rows
from kamerton.experiment.report.material import ReportInputs
from kamerton.experiment.report.run import report
from kamerton.experiment.rows import compare_rows
from kamerton.experiment.settings import ExperimentSettings
from kamerton.formats.errors import InputError
from kamerton.formats.jsonl import write_rows
from kamerton.formats.language import say
from kamerton.formats.losses import ChoiceRow, LossRow
from kamerton.formats.scores import Comparison, Summary
from kamerton.stats import holm

COIN = math.log(2)
FAST = ExperimentSettings(resamples=500)
NOWHERE = "http://127.0.0.1:9"


def choice(
    name: str, gain: float, question: str = "", right: tuple[float, float] | None = None
) -> ChoiceRow:
    sides = {"right_before": right[0], "right_after": right[1]} if right else {}
    return ChoiceRow(
        id=name, question=question or name, group="u", before=COIN, after=COIN - gain, **sides
    )


def compared(
    known: list[ChoiceRow], lost: Sequence[LossRow] = (), seed: int = 1
) -> dict[str, Comparison]:
    measures = likelihood.measures(lost, known, FAST)
    return {c.criterion: c for c in comparisons(of_rows(measures, "ru", "base"), FAST, seed, True)}


def test_figures_by_hand() -> None:
    known = [
        choice("a", 0.3, right=(0, 1)),
        choice("b", 0.2, right=(1, 1)),
        choice("c", -0.2, right=(0.5, 0)),
    ]
    found = compared(known)
    assert found[CHOICE].effect.mean == pytest.approx(0.1)
    assert (found[CHOICE].better, found[CHOICE].worse) == (2, 1)
    assert found[PREFERRED].effect.mean == pytest.approx(0.5 / 3)
    assert (found[PREFERRED].better, found[PREFERRED].worse) == (1, 1)
    means = {
        (c.criterion, c.arm): c.score
        for c in cells(likelihood.measures([], known, FAST), "ru", "base", FAST, 1)
    }
    assert means[CHOICE, "base"].low == means[CHOICE, "base"].high == -COIN
    assert means[CHOICE, "ru"].mean == pytest.approx(0.1 - COIN)
    assert means[PREFERRED, "base"].mean == 0.5 and means[PREFERRED, "ru"].mean == 2 / 3


def test_the_question_is_the_unit_and_not_the_vote_or_the_person() -> None:
    gains = {"where?": 0.5, "when?": 0.4, "who?": -0.2}
    few = [choice(q, gain) for q, gain in gains.items()]
    many = [choice(f"{q}{n}", gain, q) for q, gain in gains.items() for n in range(50)]
    found = compared(many)[CHOICE]
    assert (found.questions, found.groups) == (150, 3)
    assert found.p == pytest.approx(compared(few)[CHOICE].p)
    assert found.verdict == "not enough evidence"
    apart = [row.model_copy(update={"question": row.id}) for row in many]
    assert compared(apart)[CHOICE].verdict == "better"


def test_every_hypothesis_of_the_family_is_corrected() -> None:
    known = rows()
    found = compared(choices(known, gain=0.05), losses(known, gain=0.05))
    assert list(found) == [LIKELIHOOD, CHOICE, PREFERRED]
    assert len({c.name for c in found.values()}) == 3
    ps = [c.p for c in found.values()]
    assert [c.p_holm for c in found.values()] == pytest.approx(holm(ps))
    assert all(c.family == "primary" for c in found.values())


def test_votes_without_a_rival_make_no_pairs() -> None:
    assert list(compared(choices(rows(), pairs=False))) == [CHOICE]
    assert set(DECLARED) == {"sft", "dpo", "kto"}
    for criterion in {name for names in DECLARED.values() for name in names}:
        assert "before the run" in say(f"experiment.declared_{criterion}")


def test_of_200_trainings_that_help_as_often_as_they_harm_at_least_180_claim_nothing() -> None:
    claimed = 0
    for seed in range(200):
        chance = random.Random(seed)
        known = []
        for question in range(20):
            gain, turned = chance.gauss(0, 0.2), chance.random() < 0.5
            sides = (float(turned), float(not turned)) if chance.random() < 0.3 else (1.0, 1.0)
            known += [choice(f"{question}.{n}", gain, str(question), sides) for n in range(3)]
        verdicts = {c.verdict for c in compared(known, seed=seed).values()}
        claimed += bool(verdicts & {"better", "worse"})
    assert claimed <= 20


@pytest.mark.parametrize(
    ("field", "value", "told"),
    [("after", "NaN", "cannot be a loss"), ("right_after", "2", "right_after")],
)
def test_an_impossible_choice_names_its_line(
    tmp_path: Path, field: str, value: str, told: str
) -> None:
    good = '{"id": "a", "question": "q", "before": 0.6, "after": 0.5}'
    bad = good.replace('"after": 0.5', f'"after": {value}') if field == "after" else ""
    bad = bad or good.replace("}", f', "{field}": {value}}}')
    (tmp_path / "choices.jsonl").write_text(f"{good}\n{bad}\n")
    with pytest.raises(InputError, match=rf"choices\.jsonl:2: .*{told}"):
        likelihood.choices(tmp_path)


def trip(folder: Path, known: list[ChoiceRow], both: bool = False) -> ReportInputs:
    """Finished stages of a trip that learnt from ratings; nothing is asked."""
    data, tune = write(folder, rows(), losses(rows()))
    lost = (tune / "losses.jsonl").read_bytes()
    rated(tune, known)
    if both:
        (tune / "losses.jsonl").write_bytes(lost)
    (data / "held_out.jsonl").unlink()
    settings = ExperimentSettings(resamples=500)
    compare_rows(settings, "ru", data, tune, NOWHERE, folder / "compare", seed=3)
    stages = {name: folder / name for name in ("data", "tune", "compare")}
    for name, manifest in manifests(*stages).items():
        manifest.write(stages[name])
    recipe = RECIPE | {"experiment": {"resamples": 500}}
    return ReportInputs(
        "rows", "ru", recipe, "kamerton run ru", {n: str(f) for n, f in stages.items()}
    )


def written(inputs: ReportInputs, out: Path) -> dict[str, str]:
    report(inputs, out)
    return {path.name: path.read_text() for path in out.iterdir()}


def summary_of(folder: Path) -> Summary:
    return Summary.model_validate_json((folder / "compare" / "summary.json").read_text())


def test_the_same_verdict_stands_on_the_page_in_the_card_and_in_the_closing_words(
    tmp_path: Path,
) -> None:
    found = written(trip(tmp_path, choices(rows())), tmp_path / "out")
    assert {c.verdict for c in summary_of(tmp_path).comparisons} == {"better"}
    alone(found["report.html"])
    shown = visible(found["report.html"]), found["model_card.md"], found["table.txt"]
    for text in shown:
        told = " ".join(text.split())
        assert (
            "Tuning made the model foresee held-out choices of people better; tuning made" in told
        )
        assert "0.693, a coin, under base" in told and "nats per choice" in told
        assert "of 30 held-out pairs" in told.lower() and "in 50" in told
        assert "nats per token" not in told and "perplexity" not in told
    assert "30 questions as units" in shown[0] and "Another seed may learn" in shown[0]
    assert all("1.25 nats per answer" in text for text in shown[:2])
    rows_of_table = [line.split() for line in found["table.txt"].splitlines()]
    (pairs_row,) = [cells for cells in rows_of_table if cells[:1] == ["preferred"]]
    assert pairs_row[6] == "50", "the share of pairs under the base, in per cent"
    matter = yaml.safe_load(found["model_card.md"].split("---\n", 2)[1])
    (of_rows,) = matter["model-index"][0]["results"]
    metrics = {metric["type"]: metric for metric in of_rows["metrics"]}
    assert 0 < metrics["choice_loss"]["value"] < COIN
    assert metrics[PREFERRED]["value"] == 1.0


def test_losses_and_choices_together_are_both_told(tmp_path: Path) -> None:
    found = written(trip(tmp_path, choices(rows()), both=True), tmp_path / "out")
    assert [c.criterion for c in summary_of(tmp_path).comparisons] == [
        LIKELIHOOD,
        CHOICE,
        PREFERRED,
    ]
    assert "held-out answers" in found["table.txt"] and "held-out choices" in found["table.txt"]
    assert "nats per token" in found["report.html"] and "nats per choice" in found["report.html"]


def test_choices_that_became_less_likely_are_told_as_harm(tmp_path: Path) -> None:
    found = written(trip(tmp_path, choices(rows(), gain=-0.3)), tmp_path / "out")
    told = " ".join(found["table.txt"].split())
    assert "ru is proved to foresee held-out choices worse than base" in told
    assert "ru is proved to find the preferred answer the likelier one less often" in told
    assert 'class="harm"' in found["report.html"] and "is proved" in found["model_card.md"]


def test_thumbs_alone_say_that_there_are_no_pairs(tmp_path: Path) -> None:
    found = written(trip(tmp_path, choices(rows(), pairs=False)), tmp_path / "out")
    assert "no pairs to put in order" in found["report.html"]
    assert (
        "held-out pairs, on" not in found["report.html"] and "% of pairs" not in found["table.txt"]
    )


def test_one_question_alone_has_no_interval(tmp_path: Path) -> None:
    known = [row.model_copy(update={"question": "one?"}) for row in choices(rows(), pairs=False)]
    found = written(trip(tmp_path, known), tmp_path / "out")
    assert "so there is no interval" in " ".join(found["table.txt"].split())
    assert summary_of(tmp_path).comparisons[0].verdict == "not enough evidence"


def test_a_leak_leaves_the_figures_and_takes_the_verdict(tmp_path: Path) -> None:
    inputs = trip(tmp_path, choices(rows()))
    leaks = {"blocking": [{"held_out": "r1"}], "printed": []}
    (tmp_path / "data" / "leaks.json").write_text(json.dumps(leaks))
    data, tune = tmp_path / "data", tmp_path / "tune"
    compare_rows(FAST, "ru", data, tune, NOWHERE, tmp_path / "compare", seed=3)
    summary = summary_of(tmp_path)
    assert {c.verdict for c in summary.comparisons} == {"not enough evidence"}
    assert summary.comparisons[0].effect.low > 0
    told = written(inputs, tmp_path / "out")["table.txt"]
    assert "Tuning made" not in told and "nats per choice" in told


def test_in_russian(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KAMERTON_LANG", "ru")
    found = written(trip(tmp_path, choices(rows())), tmp_path / "out")
    assert "лучше угадывает выбор людей" in found["report.html"]
    assert "ната на выбор" in found["model_card.md"]
    head = visible(found["report.html"]).split("Как это получено")[0]
    for word in ("the", "choice", "choices", "interval", "better", "held", "pairs"):
        assert f" {word} " not in head


def test_empty_choices_are_none(tmp_path: Path) -> None:
    assert likelihood.choices(tmp_path) == []
    write_rows(tmp_path / "choices.jsonl", [])
    assert likelihood.choices(tmp_path) == []
