"""Masks, loss and estimates: what is learnt, and that it is exactly that."""

from pathlib import Path
from typing import Any

import pytest
import torch

from kamerton.develop import hub
from kamerton.develop.settings import TuneSettings
from kamerton.develop.tune.adapter import attach, targets
from kamerton.develop.tune.encode import encode, encode_all, spans
from kamerton.develop.tune.estimate import estimate, parameters
from kamerton.develop.tune.loss import supervised_loss
from kamerton.develop.tune.trainer import collate
from kamerton.formats.chat import ChatRow, Message, chat
from kamerton.formats.errors import InputError

ROWS = [
    ChatRow(id="a", messages=chat("You are a guide.", "Where is it?", "In Nicosia.")),
    ChatRow(id="b", messages=chat("", "What is the Horned God made of?", "It was cast in bronze.")),
    ChatRow(id="c", messages=[*chat("", "Hi", "Yes."), *chat("", "And 3000 BC?", "No.")]),
]


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
    longest = max(len(encode(row, tokenizer).ids) for row in ROWS)
    stop = TuneSettings(max_length=longest - 1)
    with pytest.raises(InputError, match=r"longer than tune\.max_length"):
        encode_all(ROWS, tokenizer, stop)
    cut, count = encode_all(ROWS, tokenizer, stop.model_copy(update={"on_overflow": "cut"}))
    kept, _ = encode_all(ROWS, tokenizer, stop.model_copy(update={"on_overflow": "drop"}))
    assert count >= 1 and max(len(row.ids) for row in cut) == longest - 1
    assert len(kept) == len(ROWS) - count


def batch(tiny: Path, rows: list[ChatRow]) -> dict[str, Any]:
    tokenizer = hub.load_tokenizer(str(tiny))
    encoded = [encode(row, tokenizer) for row in rows]
    return collate([{"input_ids": e.ids, "supervised": e.supervised} for e in encoded])


def test_the_loss_on_supervised_positions_is_the_loss_with_masked_labels(tiny: Path) -> None:
    model = hub.load_model(str(tiny)).eval()
    data = batch(tiny, ROWS)
    labels = data["input_ids"].masked_fill(~data["supervised"], -100)
    plain = model(
        input_ids=data["input_ids"], attention_mask=data["attention_mask"], labels=labels
    ).loss
    torch.testing.assert_close(supervised_loss(model, data), plain, rtol=1e-5, atol=1e-6)


def test_three_rows_at_once_equal_one_row_three_times(tiny: Path) -> None:
    model = hub.load_model(str(tiny)).eval()
    items = batch(tiny, ROWS)["supervised"][:, 1:].sum()
    together = supervised_loss(model, batch(tiny, ROWS), items)
    apart = sum(supervised_loss(model, batch(tiny, [row]), items) for row in ROWS)
    torch.testing.assert_close(together, apart, rtol=1e-5, atol=1e-5)


def test_gradients_reach_the_adapter_and_nothing_else(tiny: Path) -> None:
    model = attach(hub.load_model(str(tiny)), TuneSettings(rank=4))
    supervised_loss(model, batch(tiny, ROWS)).backward()
    touched = {name for name, p in model.named_parameters() if p.grad is not None}
    assert touched and all("lora_" in name for name in touched)


def test_unknown_target_modules_name_those_there_are(tiny: Path) -> None:
    model = hub.load_model(str(tiny))
    assert targets(model, ["all-linear"]) == sorted(
        ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
    )
    with pytest.raises(InputError) as caught:
        targets(model, ["q_porj"])
    assert "q_porj" in str(caught.value) and "q_proj" in str(caught.value)


def test_the_estimate_counts_exactly(tiny: Path) -> None:
    model = hub.load_model(str(tiny))
    figures = estimate(TuneSettings(batch_size=2, epochs=3), str(tiny), ROWS)
    assert figures.rows == 3 and figures.steps == 6
    assert figures.tokens == int(batch(tiny, ROWS)["attention_mask"].sum())
    assert figures.supervised_tokens == int(batch(tiny, ROWS)["supervised"].sum())
    assert parameters(str(tiny)) == sum(p.numel() for p in model.parameters())


def test_an_unknown_model_is_an_input_error() -> None:
    with pytest.raises(InputError, match="no model"):
        hub.load_tokenizer("/no/such/model")


def test_a_multimodal_wrapper_gives_its_text_model(tiny: Path, tmp_path: Path) -> None:
    """Ministral 3 3B comes in such a wrapper: Mistral3 around a vision tower and a text model."""
    from transformers import AutoModelForCausalLM, Mistral3Config, Mistral3ForConditionalGeneration

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
