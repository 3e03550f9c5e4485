"""The loss on supervised positions is the model's own, however rows are put together."""

from pathlib import Path
from typing import Any

import pytest
import torch

from kamerton.develop import hub
from kamerton.develop.settings import TuneSettings
from kamerton.develop.training import attention
from kamerton.develop.tune import loss
from kamerton.develop.tune.adapter import attach
from kamerton.develop.tune.batches import collate, columns, targets
from kamerton.develop.tune.loss import check_head, row_losses, supervised_loss
from kamerton.formats.chat import ChatRow
from kamerton.formats.errors import InputError
from kamerton.formats.losses import LOSSES, LossRow
from tiny_model import make_model
from tune_chats import ROWS, encoded, plain_losses


def batch(tiny: Path, rows: list[ChatRow] = ROWS) -> dict[str, Any]:
    return collate(columns(encoded(tiny, rows)))


def soft(tiny: Path) -> Any:
    """A model with a soft prompt that says something."""
    settings = TuneSettings(method="prompt", virtual_tokens=5)
    return attach(hub.load_model(str(tiny)), settings, [7, 8, 9]).eval()


def labels_of(data: dict[str, Any]) -> Any:
    return data["input_ids"].masked_fill(~data["supervised"], -100)


def test_the_loss_on_supervised_positions_is_the_loss_with_masked_labels(tiny: Path) -> None:
    model, data = hub.load_model(str(tiny)).eval(), batch(tiny)
    plain = model(
        input_ids=data["input_ids"], attention_mask=data["attention_mask"], labels=labels_of(data)
    ).loss
    torch.testing.assert_close(supervised_loss(model, data), plain, rtol=1e-5, atol=1e-6)


def test_virtual_tokens_in_front_shift_no_target(tiny: Path) -> None:
    model, data = soft(tiny), batch(tiny)
    plain = model(
        input_ids=data["input_ids"], attention_mask=data["attention_mask"], labels=labels_of(data)
    ).loss
    ours = supervised_loss(model, data)
    torch.testing.assert_close(ours, plain, rtol=1e-5, atol=1e-6)
    with_none = supervised_loss(model.get_base_model(), data)
    assert abs(float((ours - with_none).detach())) > 1e-3, "the soft prompt does nothing"


def test_flattened_rows_have_the_loss_of_padded_ones(tiny: Path) -> None:
    model = hub.load_model(str(tiny)).eval()
    padded = supervised_loss(model, batch(tiny))
    attention.use(model, 64)
    flat = attention.flatten(columns(encoded(tiny)))
    assert targets([flat]) == targets([batch(tiny)])
    torch.testing.assert_close(supervised_loss(model, flat), padded, rtol=1e-5, atol=1e-6)


def test_three_micro_batch_size_equal_one_row_three_times(tiny: Path) -> None:
    model = hub.load_model(str(tiny)).eval()
    items = targets([batch(tiny)])
    together = supervised_loss(model, batch(tiny), items)
    apart = sum(supervised_loss(model, batch(tiny, [row]), items) for row in ROWS)
    torch.testing.assert_close(together, apart, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("kind", ["base", "soft prompt"])
def test_each_row_has_its_own_mean(tiny: Path, kind: str) -> None:
    model = soft(tiny) if kind == "soft prompt" else hub.load_model(str(tiny)).eval()
    with torch.no_grad():
        ours = row_losses(model, batch(tiny)).tolist()
    assert ours == pytest.approx(plain_losses(model, encoded(tiny)), rel=1e-5)


def test_held_out_losses_do_not_depend_on_their_neighbours_and_draw_nothing(
    tiny: Path, tmp_path: Path
) -> None:
    model, rows = hub.load_model(str(tiny)).train(), encoded(tiny)
    state = torch.random.get_rng_state()
    found = loss.measure(model, rows)
    assert torch.equal(state, torch.random.get_rng_state()) and model.training
    assert found == pytest.approx(plain_losses(model.eval(), rows), rel=1e-5)
    totals = loss.write(rows, found, [one / 2 for one in found], tmp_path)
    lines = (tmp_path / LOSSES).read_text().splitlines()
    read = [LossRow.model_validate_json(line) for line in lines]
    assert [row.id for row in read] == ["a", "b", "c"]
    tokens = [sum(row.supervised) for row in rows]
    assert [row.tokens for row in read] == tokens and totals["tokens"] == sum(tokens)
    mean = sum(t * one for t, one in zip(tokens, found, strict=True)) / sum(tokens)
    assert totals["before"] == pytest.approx(mean, rel=1e-4)
    assert totals["after"] == pytest.approx(mean / 2, rel=1e-4)


def test_an_architecture_that_does_more_after_its_output_layer_is_refused(
    tiny: Path, tmp_path: Path
) -> None:
    """Gemma 2 caps its logits: a loss that knows nothing of it would train another model."""
    from transformers import Gemma2Config, Gemma2ForCausalLM

    from tiny_model import make_tokenizer

    torch.manual_seed(0)
    sizes = {"hidden_size": 64, "intermediate_size": 64, "num_hidden_layers": 2, "head_dim": 16}
    heads = {"num_attention_heads": 4, "num_key_value_heads": 2}
    config = Gemma2Config(vocab_size=len(make_tokenizer()), **sizes, **heads)
    config.final_logit_softcapping = 0.5
    capped = Gemma2ForCausalLM(config).eval()
    with pytest.raises(InputError, match="gemma2"):
        check_head(capped, batch(tiny))
    plain = make_model(tmp_path / "plain", seed=1)
    assert check_head(hub.load_model(str(plain)), batch(tiny)).largest_logit_difference < 1e-4
    assert check_head(soft(tiny), batch(tiny)).largest_logit_difference < 1e-4
