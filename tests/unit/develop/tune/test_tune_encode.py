"""Chats to tokens with a mask of what is learnt; rows that do not fit; what it will cost."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from kamerton.develop import hub
from kamerton.develop.settings import TuneSettings
from kamerton.develop.training.checks import spans
from kamerton.develop.tune.batches import collate, columns
from kamerton.develop.tune.encode import encode, encode_all
from kamerton.develop.tune.estimate import estimate, parameters
from kamerton.formats.chat import ChatRow, Message, chat
from kamerton.formats.errors import InputError
from tune_chats import ROWS, encoded


def test_only_the_assistant_and_its_end_of_turn_are_learnt(tiny: Path) -> None:
    tokenizer = hub.load_tokenizer(str(tiny))
    shown = spans(encode(ROWS[2], tokenizer), tokenizer)
    assert "⟦Yes.<|im_end|>⟧" in shown and "⟦No.<|im_end|>⟧" in shown
    assert shown.count("⟦") == 2 and "⟦Hi" not in shown


def test_a_row_without_an_answer_is_refused(tiny: Path) -> None:
    row = ChatRow(id="x", messages=[Message(role="user", content="Hi")])
    with pytest.raises(InputError, match="no token to learn"):
        encode(row, hub.load_tokenizer(str(tiny)))


def test_rows_that_do_not_fit_stop_or_are_cut_or_dropped(tiny: Path) -> None:
    tokenizer = hub.load_tokenizer(str(tiny))
    longest = max(len(row.ids) for row in encoded(tiny))
    stop = TuneSettings(max_length=longest - 1)
    with pytest.raises(InputError, match=r"longer than tune\.max_length"):
        encode_all(ROWS, tokenizer, stop)
    cut, count = encode_all(ROWS, tokenizer, stop.model_copy(update={"on_overflow": "cut"}))
    kept, _ = encode_all(ROWS, tokenizer, stop.model_copy(update={"on_overflow": "drop"}))
    assert count >= 1 and max(len(row.ids) for row in cut) == longest - 1
    assert len(kept) == len(ROWS) - count


def test_a_row_cut_before_its_answer_is_dropped_and_counted(tiny: Path) -> None:
    tokenizer = hub.load_tokenizer(str(tiny))
    answers = [row.supervised.index(True) for row in encoded(tiny)]
    settings = TuneSettings(max_length=max(answers), on_overflow="cut")
    cut, count = encode_all(ROWS, tokenizer, settings)
    assert all(any(row.supervised) for row in cut) and len(cut) < len(ROWS)
    assert count >= len(ROWS) - len(cut)
    with pytest.raises(InputError, match="no training row fits"):
        encode_all(ROWS, tokenizer, TuneSettings(max_length=16, on_overflow="drop"))


@pytest.mark.parametrize("method", ["lora", "full"])
def test_the_estimate_counts_exactly(tiny: Path, method: str) -> None:
    settings = {"batch_size": 2, "epochs": 3, "method": method}
    figures = estimate(TuneSettings.model_validate(settings), str(tiny), ROWS)
    assert figures.rows == 3 and figures.steps == 6
    batch = collate(columns(encoded(tiny)))
    assert figures.tokens == int(batch["attention_mask"].sum())
    assert figures.supervised_tokens == int(batch["supervised"].sum())
    model = hub.load_model(str(tiny))
    assert parameters(str(tiny)) == sum(p.numel() for p in model.parameters())


def test_methods_need_memory_and_time_in_their_order(
    tiny: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from kamerton.develop.tune import estimate as module

    monkeypatch.setattr(module, "parameters", lambda folder: 10**9)
    methods = ("qlora", "lora", "full")
    found = [estimate(TuneSettings.model_validate({"method": m}), str(tiny), ROWS) for m in methods]
    assert found[0].memory_gib < found[1].memory_gib < found[2].memory_gib
    assert found[1].seconds < found[2].seconds
    less = estimate(TuneSettings(micro_batch_size=1), str(tiny), ROWS)
    assert less.memory_gib <= found[1].memory_gib and less.steps == found[1].steps


def test_memory_is_that_of_the_longest_rows_side_by_side(
    tiny: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A short row beside the longest costs its own tokens; padded it costs the longest's."""
    from kamerton.develop.tune import estimate as module

    shape = SimpleNamespace(num_hidden_layers=30, hidden_size=57600, vocab_size=49152)
    monkeypatch.setattr(hub, "load_config", lambda base: shape)
    monkeypatch.setattr(module, "parameters", lambda folder: 135_000_000)
    rows = [ChatRow(id=str(n), messages=chat("", "a" * n, "b")) for n in (20, 200, 200)]

    def memory(**changes: Any) -> float:
        return estimate(TuneSettings(max_length=1024, **changes), str(tiny), rows).memory_gib

    one, two, three = (memory(micro_batch_size=n) for n in (1, 2, 3))
    padded = memory(micro_batch_size=3, neftune_alpha=5)
    assert two - one == pytest.approx(padded - two, abs=0.21), "each is of the longest"
    assert 0 < three - two < 0.5 * (two - one)
    assert memory(micro_batch_size="auto") == three


def test_an_unknown_model_is_an_input_error() -> None:
    with pytest.raises(InputError, match="no model"):
        hub.load_tokenizer("/no/such/model")


def test_a_multimodal_wrapper_gives_its_text_model(tmp_path: Path) -> None:
    """Ministral 3 3B comes in such a wrapper: Mistral3 around a vision tower and a text model."""
    from transformers import AutoModelForCausalLM, Mistral3Config, Mistral3ForConditionalGeneration

    from kamerton.develop.tune.adapter import attach
    from tiny_model import make_tokenizer

    tokenizer = make_tokenizer()
    text = {"model_type": "mistral", "hidden_size": 64, "intermediate_size": 128}
    text |= {"num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2}
    text |= {"vocab_size": len(tokenizer), "head_dim": 16}
    vision = {"model_type": "pixtral", "hidden_size": 32, "intermediate_size": 64}
    vision |= {"num_hidden_layers": 1, "num_attention_heads": 2, "image_size": 32, "head_dim": 16}
    vision |= {"patch_size": 16}
    config = Mistral3Config(text_config=text, vision_config=vision, image_token_index=3)
    torch.manual_seed(0)
    whole = Mistral3ForConditionalGeneration(config).eval()
    whole.save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    model = hub.load_model(str(tmp_path)).eval()
    ids = torch.tensor([[5, 6, 7, 8]])
    torch.testing.assert_close(model(input_ids=ids).logits, whole(input_ids=ids).logits)
    tuned = attach(model, TuneSettings(rank=2))
    adapted = [name for name, _ in tuned.named_parameters() if "lora_" in name]
    assert adapted and not any("vision" in name for name in adapted)
    assert isinstance(model, type(AutoModelForCausalLM.from_config(model.config)))
    with pytest.raises(InputError, match="multimodal"):
        hub.load_quantised(str(tmp_path), 4)
