"""Continuing from an adapter: its weights and nothing else, and only where it fits."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from kamerton.develop import hub
from kamerton.develop.settings import TuneSettings
from kamerton.develop.tune import start
from kamerton.develop.tune.adapter import attach, save
from kamerton.formats.errors import InputError

LORA = {"method": "lora", "rank": 3, "alpha": 6, "target_modules": ["q_proj", "v_proj"]}
PROMPT = {"method": "prompt", "virtual_tokens": 4}
IDS = torch.tensor([[5, 6, 7, 8]])


def settings(**changes: Any) -> TuneSettings:
    return TuneSettings.model_validate(changes)


def trained(tiny: Path, out: Path, base: str, **changes: Any) -> tuple[Path, Any]:
    """An adapter with weights of its own, saved, and its logits."""
    model = attach(hub.load_model(str(tiny)), settings(**changes), [1, 2, 3])
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.requires_grad:
                parameter.add_(torch.linspace(-0.5, 0.5, parameter.numel()).view_as(parameter))
    save(model, None, base, out)
    return out, model.eval()(input_ids=IDS).logits


@pytest.mark.parametrize("kind", [LORA, PROMPT], ids=["lora", "prompt"])
@pytest.mark.parametrize("named", ["stage", "adapter"])
def test_its_weights_are_the_start(
    tiny: Path, tmp_path: Path, kind: dict[str, Any], named: str
) -> None:
    out, before = trained(tiny, tmp_path / "old", str(tiny), **kind)
    path = out if named == "stage" else out / "adapter"
    wanted = settings(**kind, start_from=str(path))
    folder = start.folder(wanted)
    assert folder == out / "adapter"
    start.check(wanted, str(tiny), folder)
    model = attach(hub.load_model(str(tiny)), wanted, [9])
    assert not torch.equal(model.eval()(input_ids=IDS).logits, before)
    start.take_over(model, folder)
    assert torch.equal(model(input_ids=IDS).logits, before)
    assert any(p.requires_grad for p in model.parameters())


@pytest.mark.parametrize(
    ("field", "changes"),
    [
        ("tune.rank = 3", {"rank": 8}),
        ("tune.alpha = 6", {"alpha": 12}),
        ("tune.method = lora", {"method": "dora"}),
        ("tune.method = lora", {"method": "prompt"}),
        ("base = embedded", {}),
    ],
)
def test_what_differs_is_named(
    tiny: Path, tmp_path: Path, field: str, changes: dict[str, Any]
) -> None:
    base = "embedded" if field.startswith("base") else str(tiny)
    out, _ = trained(tiny, tmp_path, base, **LORA)
    with pytest.raises(InputError, match=field) as caught:
        start.check(settings(**(LORA | changes)), str(tiny), out / "adapter")
    assert caught.value.where == "tune.start_from"


def test_a_soft_prompt_of_another_length_is_named(tiny: Path, tmp_path: Path) -> None:
    out, _ = trained(tiny, tmp_path, str(tiny), **PROMPT)
    with pytest.raises(InputError, match="virtual_tokens = 4"):
        start.check(settings(**(PROMPT | {"virtual_tokens": 5})), str(tiny), out / "adapter")


def test_a_quantised_base_takes_the_adapter_of_a_whole_one(tiny: Path, tmp_path: Path) -> None:
    out, _ = trained(tiny, tmp_path, str(tiny), **LORA)
    start.check(settings(**(LORA | {"method": "qlora"})), str(tiny), out / "adapter")


def test_other_layers_are_named_before_anything_changes(tiny: Path, tmp_path: Path) -> None:
    out, _ = trained(tiny, tmp_path, str(tiny), **LORA)
    model = attach(hub.load_model(str(tiny)), settings(**(LORA | {"target_modules": ["q_proj"]})))
    before = [p.clone() for p in model.parameters()]
    with pytest.raises(InputError, match="v_proj"):
        start.take_over(model, out / "adapter")
    assert all(torch.equal(p, b) for p, b in zip(model.parameters(), before, strict=True))


def test_a_base_named_by_another_path_to_the_same_folder_is_the_same(
    tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out, _ = trained(tiny, tmp_path, str(tiny), **LORA)
    monkeypatch.chdir(tiny.parent)
    start.check(settings(**LORA), tiny.name, out / "adapter")


def test_where_there_is_no_adapter_it_says_so(tmp_path: Path) -> None:
    (tmp_path / "adapter_config.json").write_text(json.dumps({}))
    for path in (tmp_path, tmp_path / "nothing"):
        with pytest.raises(InputError, match="there is no adapter"):
            start.folder(settings(start_from=str(path)))
    assert start.folder(settings()) is None


def test_all_weights_start_from_a_base(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="recipe's base"):
        start.folder(settings(method="full", start_from=str(tmp_path)))
