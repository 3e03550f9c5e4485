"""What is trained, what is frozen, and what a soft prompt begins as."""

from pathlib import Path
from typing import Any

import pytest
import torch

from kamerton.develop import hub
from kamerton.develop.settings import TuneSettings
from kamerton.develop.tune.adapter import METHODS, attach, save, stop_at_end_of_turn, targets
from kamerton.develop.tune.adapter import trainable as count
from kamerton.develop.tune.batches import collate, columns
from kamerton.develop.tune.encode import end_of_turn
from kamerton.develop.tune.loss import supervised_loss
from kamerton.formats.errors import InputError
from tune_chats import encoded

TRAINED = {"lora": "lora_", "dora": "lora_", "prompt": "prompt_encoder", "full": ""}


@pytest.mark.parametrize("method", sorted(TRAINED))
def test_gradients_reach_what_the_method_trains_and_nothing_else(tiny: Path, method: str) -> None:
    settings = TuneSettings.model_validate({"method": method, "rank": 4, "virtual_tokens": 3})
    model = attach(hub.load_model(str(tiny)), settings, [1, 2])
    supervised_loss(model, collate(columns(encoded(tiny)))).backward()
    touched = {name for name, p in model.named_parameters() if p.grad is not None}
    assert touched and all(TRAINED[method] in name for name in touched)
    assert count(model) == sum(p.numel() for n, p in model.named_parameters() if n in touched)
    if method == "dora":
        assert any("magnitude" in name for name in touched)


def test_every_method_of_a_recipe_is_there() -> None:
    assert set(METHODS) == set(TuneSettings.model_fields["method"].annotation.__args__)  # type: ignore[union-attr]


def test_unknown_target_modules_name_those_there_are(tiny: Path) -> None:
    model = hub.load_model(str(tiny))
    assert targets(model, ["all-linear"]) == sorted(
        ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
    )
    with pytest.raises(InputError) as caught:
        targets(model, ["q_porj"])
    assert "q_porj" in str(caught.value) and "q_proj" in str(caught.value)


def test_a_soft_prompt_begins_as_its_text_repeated(tiny: Path) -> None:
    base = hub.load_model(str(tiny))
    settings = TuneSettings(method="prompt", virtual_tokens=5)
    ids, text = torch.tensor([[9, 10]]), [7, 8]
    spelled = base(input_ids=torch.tensor([[7, 8, 7, 8, 7, 9, 10]])).logits[:, 5:].detach()
    model = attach(base, settings, text).eval()
    torch.testing.assert_close(model(input_ids=ids).logits[:, 5:], spelled, rtol=1e-4, atol=1e-4)


def test_dora_begins_as_its_base(tiny: Path) -> None:
    ids = torch.tensor([[9, 10, 11]])
    before = hub.load_model(str(tiny)).eval()(input_ids=ids).logits
    model = attach(hub.load_model(str(tiny)), TuneSettings(method="dora", rank=2)).eval()
    torch.testing.assert_close(model(input_ids=ids).logits, before, rtol=1e-4, atol=1e-4)


def saved(tiny: Path, out: Path, **settings: Any) -> list[str]:
    model = attach(hub.load_model(str(tiny)), TuneSettings.model_validate(settings), [1])
    save(model, hub.load_tokenizer(str(tiny)), "embedded", out)
    return sorted(str(p.relative_to(out)) for p in out.rglob("*") if p.is_file())


def test_an_adapter_names_its_base_as_the_recipe_does(tiny: Path, tmp_path: Path) -> None:
    for method in ("lora", "prompt"):
        out = tmp_path / method
        assert saved(tiny, out, method=method) == [
            "adapter/adapter_config.json",
            "adapter/adapter_model.safetensors",
        ]
        assert str(tiny) not in (out / "adapter" / "adapter_config.json").read_text()


def test_a_whole_model_is_saved_with_its_tokenizer(tiny: Path, tmp_path: Path) -> None:
    found = saved(tiny, tmp_path, method="full")
    assert {"model/model.safetensors", "model/tokenizer.json", "model/config.json"} <= set(found)
    texts = [(tmp_path / name).read_text() for name in found if name.endswith(".json")]
    assert not any(str(tiny) in text for text in texts)


def test_generation_stops_where_a_turn_ends(tiny: Path) -> None:
    model, tokenizer = hub.load_model(str(tiny)), hub.load_tokenizer(str(tiny))
    end = tokenizer.convert_tokens_to_ids("<|im_end|>")
    assert end_of_turn(tokenizer) == end
    model.generation_config.eos_token_id = 0
    stop_at_end_of_turn(model, tokenizer)
    assert model.generation_config.eos_token_id == [0, end]
    stop_at_end_of_turn(model, tokenizer)
    assert model.generation_config.eos_token_id == [0, end]
