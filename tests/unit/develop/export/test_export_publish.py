"""What leaves says on which weights an adapter was trained, and on which it is served."""

import json
from pathlib import Path
from typing import Any

import pytest

from kamerton.develop.export.publish import README, publish

CARD = "---\nbase_model: x\n---\n\n# Museum\n"
QLORA = {
    "method": "qlora",
    "trained_on_bits": 4,
    "served_on": "the base as it is, not quantised",
    "quantised_trainer": {"positions": 96, "same_tokens": 91, "kl_mean": 0.01234},
}


def readme(folder: Path, **adaptations: Any) -> str:
    parity = folder / "parity.json"
    parity.write_text(json.dumps({"quantisation": "q8_0", "adaptations": adaptations}), "utf-8")
    publish({"parity.json": parity}, CARD, folder / "out")
    return (folder / "out" / README).read_text("utf-8")


@pytest.mark.parametrize(("bits", "kind"), [(4, "4 bits (NF4)"), (8, "8 bits (int8)")])
def test_the_card_tells_of_both_weights_of_a_qlora_adapter(
    bits: int, kind: str, tmp_path: Path
) -> None:
    found = readme(tmp_path, museum=QLORA | {"trained_on_bits": bits})
    assert found.startswith(CARD)
    (line,) = [line for line in found.removeprefix(CARD).splitlines() if line.startswith("- ")]
    assert "`museum`" in line and kind in line and "q8_0" in line
    assert "91 of 96" in line and "0.0123" in line


def test_where_it_was_not_measured_no_figure_is_told(tmp_path: Path) -> None:
    unmeasured = {k: v for k, v in QLORA.items() if k != "quantised_trainer"}
    found = readme(tmp_path, museum=unmeasured)
    assert "4 bits (NF4)" in found and "not measured" in found and "KL" not in found


def test_one_line_for_each_and_none_for_other_methods(tmp_path: Path) -> None:
    found = readme(tmp_path, one=QLORA, plain={"method": "lora"}, two=QLORA)
    lines = [line for line in found.splitlines() if line.startswith("- ")]
    assert ["`one`" in lines[0], "`two`" in lines[1], len(lines)] == [True, True, 2]


def test_the_card_of_other_methods_stays_as_it_is(tmp_path: Path) -> None:
    assert readme(tmp_path, museum={"method": "lora"}) == CARD


def test_it_speaks_the_language_in_force(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KAMERTON_LANG", "ru")
    assert "## Веса" in readme(tmp_path, museum=QLORA)
