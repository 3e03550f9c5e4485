"""Every card says on which weights a QLoRA adapter was trained, and on which it is served."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from huggingface_hub import ModelCard
from made_up import make_run
from made_up_rows import RECIPE, losses, manifests, rows, write

from kamerton.experiment.report import guide
from kamerton.experiment.report.card import model_card, weights
from kamerton.experiment.report.material import ReportInputs
from kamerton.experiment.report.run import report
from kamerton.experiment.rows import compare_rows
from kamerton.experiment.settings import ExperimentSettings
from kamerton.formats.jsonl import write_text

QLORA = {
    "method": "qlora",
    "trained_on_bits": 4,
    "quantised_trainer": {"positions": 96, "same_tokens": 91, "kl_mean": 0.01234},
}


def card_of(**adaptations: Any) -> str:
    """A guide's card, its export proven with these adaptations."""
    parity = {"quantisation": "q8_0", "adaptations": adaptations}
    return model_card(guide.card(replace(make_run(), parity=parity)))


@pytest.mark.parametrize(("bits", "kind"), [(4, "4 bits (NF4)"), (8, "8 bits (int8)")])
def test_both_weights_are_told(bits: int, kind: str) -> None:
    card = card_of(museum=QLORA | {"trained_on_bits": bits})
    (line,) = [line for line in card.splitlines() if line.startswith("- `museum`: trained on")]
    assert kind in line and "stored as q8_0" in line
    assert "91 of 96" in line and "0.0123" in line
    assert card.count("\n## Weights\n") == 1
    assert card.index("## Training") < card.index("## Weights") < card.index("## Results")


def test_where_it_was_not_measured_no_figure_is_told() -> None:
    card = card_of(museum={k: v for k, v in QLORA.items() if k != "quantised_trainer"})
    assert "4 bits (NF4)" in card and "not measured" in card and "KL divergence" not in card


def test_the_card_of_one_adapter_is_silent_on_the_others() -> None:
    card = card_of(museum={"method": "lora"}, other=QLORA)
    assert "## Weights" not in card and card == card_of(museum={"method": "lora"})
    both = card_of(museum=QLORA, other=QLORA | {"trained_on_bits": 8})
    assert "NF4" in both and "int8" not in both


def test_without_an_export_nothing_is_told() -> None:
    assert weights(replace(make_run(), parity={})) == []


def test_it_speaks_the_language_in_force(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KAMERTON_LANG", "ru")
    assert "## Веса" in card_of(museum=QLORA)


def test_the_card_of_rows_has_it_too(tmp_path: Path) -> None:
    chats = rows()
    data, tune = write(tmp_path, chats, losses(chats))
    (data / "held_out.jsonl").unlink()
    write_text(
        tmp_path / "export" / "parity.json",
        '{"quantisation": "q4_k_m", "adaptations": {"ru": {"trained_on_bits": 8}}}',
    )
    settings = ExperimentSettings(resamples=500)
    compare_rows(settings, "ru", data, tune, "http://127.0.0.1:9", tmp_path / "compare", seed=3)
    stages = {name: tmp_path / name for name in ("data", "tune", "export", "compare")}
    for name, manifest in manifests(*stages).items():
        manifest.write(stages[name])
    recipe = RECIPE | {"experiment": {"resamples": 500}}
    places = {name: str(folder) for name, folder in stages.items()}
    report(ReportInputs("rows", "ru", recipe, "kamerton run ru", places), tmp_path / "out")
    card = (tmp_path / "out" / "model_card.md").read_text("utf-8")
    assert "## Weights\n\n- `ru`: trained on the base rounded to 8 bits (int8)" in card
    assert "stored as q4_k_m" in card


def test_the_hub_reads_back_what_the_card_says() -> None:
    run = replace(make_run(), licence="apache-2.0", datasets=["openai/gsm8k"])
    data = ModelCard(model_card(guide.card(run))).data
    assert (data.license, data.datasets, data.language) == ("apache-2.0", ["openai/gsm8k"], ["en"])
    assert data.base_model == run.base and data.tags == ["lora", "kamerton"]
    cells = {(c.held_out, c.criterion): c for c in run.summary.cells if c.arm == run.name}
    read = {(r.dataset_split, r.metric_type): r for r in data.eval_results}
    assert read.keys() == cells.keys()
    for place, result in read.items():
        assert result.metric_value == round(cells[place].score.mean, 4)
        assert result.dataset_name == f"museum, {place[0]}"


def test_what_no_record_tells_is_no_metadata() -> None:
    data = ModelCard(model_card(guide.card(make_run()))).data.to_dict()
    assert "license" not in data and "datasets" not in data
