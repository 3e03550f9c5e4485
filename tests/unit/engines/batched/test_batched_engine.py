"""The batched engine says what transformers says one by one: uneven, refilled, forked, stopped."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from batched_model import batched, folder_of, one_by_one, plain, tokens, uneven

from kamerton.engines.batched import attention
from kamerton.engines.batched import model as models
from kamerton.engines.batched.requests import QueuedRequest, Reply, Request, SamplingParams
from kamerton.engines.batched.scheduler import Scheduler


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return folder_of(tmp_path_factory.mktemp("batched"))


@pytest.fixture(scope="module")
def expected(folder: Path) -> list[list[int]]:
    return one_by_one(folder, uneven())


def ids_of(replies: list[Reply]) -> list[list[int]]:
    return [list(reply.ids) for reply in replies]


@pytest.mark.parametrize("slots", [1, 4, 32])
def test_tokens_are_those_of_transformers(
    folder: Path, expected: list[list[int]], slots: int
) -> None:
    engine = batched(folder, slots)
    assert ids_of(engine.generate(uneven())) == expected
    # The shared prefix was computed once: 90 tokens, and then only what is each prompt's own.
    own = sum(len(r.ids) - 90 for r in uneven()[:12]) + 66
    assert engine.counts.prefilled == 90 + own


def test_plain_matrices_too(folder: Path, expected: list[list[int]]) -> None:
    assert ids_of(batched(folder, pack=False).generate(uneven())) == expected


def test_a_second_call_finds_the_prefix_there(folder: Path, expected: list[list[int]]) -> None:
    engine = batched(folder)
    engine.generate(uneven())
    before = engine.counts.prefilled
    assert ids_of(engine.generate(uneven())) == expected
    assert engine.counts.prefilled - before < before - 80


def test_samples_of_one_prompt_are_forked(folder: Path) -> None:
    prompts = [tokens(20, 1), tokens(70, 2)]
    how = SamplingParams(temperature=1.0, max_tokens=12)
    many = [Request(p, how, draw=f"{p[0]}:{i}") for p in prompts for i in range(6)]
    engine = batched(folder, slots=4)
    found = engine.generate(many)
    assert engine.counts.prefilled == 90  # each prompt once, for six answers
    assert len({reply.ids for reply in found}) > 6
    # Each sample alone is the same: no answer sees what is computed beside it.
    alone = [batched(folder).generate([request])[0] for request in many[:3]]
    assert alone == found[:3]


def test_greedy_forks_are_all_the_same(folder: Path) -> None:
    request = Request(tokens(33, 4), SamplingParams(max_tokens=15))
    found = batched(folder, slots=3).generate([request] * 7)
    assert ids_of(found) == one_by_one(folder, [request]) * 7


def test_sampling_depends_on_the_draw_alone(folder: Path) -> None:
    how = SamplingParams(temperature=0.8, max_tokens=16)
    asked = [Request(tokens(10 + i, i), how, draw=f"7:{i}:0") for i in range(6)]
    first = batched(folder, slots=2).generate(asked)
    again = batched(folder, slots=6).generate(asked[::-1])[::-1]
    assert first == again
    other = batched(folder).generate([replace(one, draw="8" + one.draw) for one in asked])
    assert all(a.ids != b.ids for a, b in zip(first, other, strict=True))


def test_stop_texts_end_an_answer_early(folder: Path) -> None:
    _, tokenizer = plain(folder)
    request = Request(tokens(25, 9), SamplingParams(max_tokens=40))
    engine = batched(folder)
    whole = engine.generate([request])[0]
    stop = whole.text[12:15]
    at = whole.text.index(stop)
    stopped = replace(request, sampling=replace(request.sampling, stops=("never this", stop)))
    found, beside = engine.generate([stopped, request])
    assert found.text == whole.text[:at] and found.reason == "stop"
    assert found.ids == whole.ids[: len(found.ids)] and len(found.ids) < len(whole.ids)
    assert tokenizer.decode(found.ids).startswith(found.text)
    assert beside == whole


def test_an_end_token_is_no_text(folder: Path) -> None:
    request = Request(tokens(25, 9), SamplingParams(max_tokens=10))
    whole = batched(folder).generate([request])[0]
    model, tokenizer = models.load(str(folder)), plain(folder)[1]
    engine = Scheduler(model, tokenizer, [whole.ids[4]])
    found = engine.generate([request])[0]
    first = whole.ids.index(whole.ids[4])
    assert found.ids == whole.ids[: first + 1] and found.reason == "stop"
    assert found.text == tokenizer.decode(whole.ids[:first])


def test_the_end_of_the_models_room(folder: Path) -> None:
    engine = batched(folder)
    found = engine.generate([Request(tokens(1020, 1), SamplingParams(max_tokens=50))])[0]
    assert len(found.ids) == 4 and found.reason == "length"
    with pytest.raises(ValueError, match="1024 positions"):
        engine.generate([Request(tokens(1024, 1))])


def test_who_has_left_is_not_answered(folder: Path) -> None:
    engine, told = batched(folder, slots=2), []
    steps = iter(range(1000))
    long = SamplingParams(max_tokens=30)
    cancelled = [False, False]
    engine.add(QueuedRequest(Request(tokens(9, 1), long), told.append, lambda: cancelled[0]))
    engine.add(QueuedRequest(Request(tokens(9, 2), long), told.append, lambda: cancelled[1]))
    while engine.busy:
        engine.step()
        cancelled[0] = next(steps) > 3
    assert len(told) == 1
    assert [list(told[0].ids)] == one_by_one(folder, [Request(tokens(9, 2), long)])
    assert engine.counts.generated < 45


@pytest.mark.parametrize("fault", ["position", "kept", "node"])
def test_planted_faults_are_found(
    folder: Path, expected: list[list[int]], fault: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Keys one position off, keys of the token before, a prefix that is not attended to."""
    engine = batched(folder)
    decode, forward = attention.DecodeStep.attend, engine._runner.forward

    def kept(self: Any, layer: int, q: Any, k: Any, v: Any, scale: float) -> Any:
        return decode(replace(self, positions=self.positions - 1), layer, q, k, v, scale)

    def no_node(self: Any, layer: int, q: Any, k: Any, v: Any, scale: float) -> Any:
        return decode(replace(self, node_rows=()), layer, q, k, v, scale)

    def shifted(tokens: list[int], positions: list[int], step: Any, keep: Any) -> Any:
        return forward(
            tokens, [p + isinstance(step, attention.DecodeStep) for p in positions], step, keep
        )

    if fault == "position":
        monkeypatch.setattr(engine._runner, "forward", shifted)
    else:
        monkeypatch.setattr(attention.DecodeStep, "attend", kept if fault == "kept" else no_node)
    assert ids_of(engine.generate(uneven())) != expected


def test_models_that_would_be_computed_wrongly_are_refused(folder: Path) -> None:
    model = models.load(str(folder), pack=False)
    model.config.layer_types = ["sliding_attention"] * 4
    with pytest.raises(models.Unsupported, match="sliding_attention"):
        models.check(model)
    model.config.layer_types = None
    model.config.sliding_window = 64
    with pytest.raises(models.Unsupported, match="64 tokens"):
        models.check(model)


def test_packed_matrices_are_the_same_sums(folder: Path) -> None:
    one, other = models.load(str(folder), pack=False), plain(folder)[0]
    count = models.pack_linear(one)
    assert count == 4 * 7 + 1
    layer, same = one.model.layers[0].mlp.up_proj, other.model.layers[0].mlp.up_proj
    x = torch.randn(3, 5, 128)
    assert torch.allclose(layer(x), same(x), atol=1e-5)
    assert layer.weight.numel() == 0 and one.model.embed_tokens.weight.numel() > 0


def test_an_adapter_is_merged(folder: Path, expected: list[list[int]], tmp_path: Path) -> None:
    from peft import LoraConfig, PeftModel, get_peft_model

    model, tokenizer = plain.__wrapped__(folder)
    torch.manual_seed(0)
    config = LoraConfig(r=4, target_modules=["q_proj", "down_proj"], init_lora_weights=False)
    get_peft_model(model, config).save_pretrained(tmp_path)
    merged = models.load(str(folder), adapter=str(tmp_path))
    found = Scheduler(merged, tokenizer, [tokenizer.eos_token_id]).generate(uneven()[:4])
    tuned = PeftModel.from_pretrained(plain.__wrapped__(folder)[0], tmp_path)
    for request, reply in zip(uneven()[:4], found, strict=True):
        ids = torch.tensor([request.ids])
        most = request.sampling.max_tokens
        mask = torch.ones_like(ids)
        whole = tuned.generate(
            input_ids=ids, attention_mask=mask, max_new_tokens=most, do_sample=False
        )
        assert whole[0, len(request.ids) :].tolist() == list(reply.ids)
    assert ids_of(found) != expected[:4]


def test_an_adapter_that_weights_cannot_take_in(folder: Path, tmp_path: Path) -> None:
    from peft import PromptTuningConfig, get_peft_model

    config = PromptTuningConfig(task_type="CAUSAL_LM", num_virtual_tokens=3)
    get_peft_model(plain.__wrapped__(folder)[0], config).save_pretrained(tmp_path)
    with pytest.raises(models.Unsupported, match="PROMPT_TUNING"):
        models.load(str(folder), adapter=str(tmp_path))
