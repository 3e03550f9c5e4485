"""Models from scratch: what may be asked for, what is refused, and the first weights."""

import math
from typing import Any

import pytest
import torch

from kamerton.develop.pretrain.model import (
    build,
    check_causal,
    computes_bf16,
    computing,
    configure,
    parameters,
)
from kamerton.develop.settings import PretrainSettings
from kamerton.formats.errors import InputError
from packed_corpus import ARCHITECTURE

SMALL = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2}


class Tokenizer:
    """As much of a tokenizer as a configuration needs."""

    bos_token_id, eos_token_id, pad_token_id = 0, 1, 2

    def __init__(self, size: int) -> None:
        self.size = size

    def __len__(self) -> int:
        return self.size


def made(architecture: dict[str, Any], vocabulary: int = 400, context: int = 64) -> Any:
    torch.manual_seed(7)
    return build(configure(architecture, Tokenizer(vocabulary), context))


@pytest.mark.parametrize(("tied", "millions"), [(True, 129), (False, 132)])
def test_the_default_has_the_parameters_that_are_promised(tied: bool, millions: int) -> None:
    architecture = PretrainSettings().architecture | {"tie_word_embeddings": tied}
    with torch.device("meta"):
        model = made(architecture, vocabulary=3000, context=512)
    assert round(parameters(model) / 1e6) == millions
    embeddings = 3000 * 1024 * (1 if tied else 2)
    attention, feed_forward = 2 * 1024 * 1024 + 2 * 1024 * 512, 3 * 1024 * 1536
    layer = attention + feed_forward + 2 * 1024
    assert parameters(model) == embeddings + 16 * layer + 1024


@pytest.mark.parametrize("name", ["llama", "gpt2", "qwen3", "mistral", "gpt_neox", "opt"])
def test_any_decoder_can_be_made_and_looks_back_only(name: str) -> None:
    model = made({"model_type": name} | SMALL)
    check_causal(model)
    config = model.config
    assert config.vocab_size == 400 and config.max_position_embeddings == 64
    assert (config.bos_token_id, config.eos_token_id, config.pad_token_id) == (0, 1, 2)
    assert model.training and next(model.parameters()).dtype == torch.float32


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"model_type": "lama"}, "Did you mean llama"),
        ({"model_type": "bart"}, "no decoder-only"),
        ({"model_type": "t5"}, "no decoder-only"),
        ({"hiden_size": 64}, "Did you mean hidden_size"),
        ({"vocab_size": 5000}, "follows from the data"),
        ({"max_position_embeddings": 5000}, "data.context"),
        ({"num_attention_heads": 5}, "not a multiple"),
        ({"hidden_size": "large"}, "expected int"),
        ({"num_key_value_heads": 3}, "not a multiple of num_key_value_heads (3)"),
    ],
)
def test_what_cannot_be_made_is_named(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError) as caught:
        made(ARCHITECTURE | changes)
    assert said in str(caught.value)
    assert str(caught.value).startswith("pretrain.architecture")


def test_an_architecture_without_a_type_is_refused() -> None:
    with pytest.raises(InputError, match="no model type"):
        made({"hidden_size": 64})


def test_an_encoder_with_a_causal_head_is_found_out() -> None:
    bert = {"model_type": "bert", "intermediate_size": 64} | SMALL
    with pytest.raises(InputError, match="no decoder-only"):
        check_causal(made(bert))
    check_causal(made(bert | {"is_decoder": True}))


def test_a_model_that_cannot_run_is_found_before_training() -> None:
    with pytest.raises(InputError, match="no model can be made"):
        check_causal(made({"model_type": "qwen3", "head_dim": 15} | SMALL))


def test_looking_leaves_model_and_chance_as_they_were() -> None:
    model = made({"model_type": "gpt2"} | SMALL)
    before = torch.random.get_rng_state()
    check_causal(model)
    assert model.training and torch.equal(torch.random.get_rng_state(), before)
    assert all(parameter.grad is None for parameter in model.parameters())


def first_loss(architecture: dict[str, Any]) -> float:
    ids = torch.randint(3, 400, (4, 64), generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        return float(made(architecture).eval()(input_ids=ids, labels=ids).loss)


@pytest.mark.parametrize("width", [32, 256])
def test_the_first_loss_is_that_of_a_uniform_guess_at_any_width(width: int) -> None:
    sizes = {"hidden_size": width, "intermediate_size": 2 * width}
    assert abs(first_loss(ARCHITECTURE | sizes) - math.log(400)) < 0.3
    assert first_loss(ARCHITECTURE | sizes | {"initializer_range": 0.5}) > math.log(400) + 1


def test_what_writes_into_the_residual_stream_starts_smaller() -> None:
    model = made(ARCHITECTURE | {"hidden_size": 128, "num_hidden_layers": 8})
    layer = model.model.layers[0]
    into, other = layer.self_attn.o_proj.weight, layer.self_attn.q_proj.weight
    assert float((other.std() / into.std()).detach()) == pytest.approx(math.sqrt(2 * 8), rel=0.05)
    assert float(other.detach().std()) == pytest.approx(math.sqrt(2 / (5 * 128)), rel=0.05)


def test_bfloat16_is_used_only_where_the_processor_has_it(monkeypatch: pytest.MonkeyPatch) -> None:
    for able in ({}, {"avx512_f": True}, {"avx512_bf16": True}, {"amx_bf16": True}):
        monkeypatch.setattr(torch.cpu, "get_capabilities", lambda able=able: able)
        assert computes_bf16("cpu") is any("bf16" in name for name in able)
    assert not computes_bf16("mps")
    one = torch.ones(2, 2)
    with computing("cpu", True):
        assert (one @ one).dtype == torch.bfloat16
    with computing("cpu", False):
        assert (one @ one).dtype == torch.float32
