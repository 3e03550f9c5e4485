"""How answers are scored: the numbers of trl and of the model itself, at less cost."""

import math
from pathlib import Path
from typing import Any

import pytest
import torch
from preference_runs import SEED, data_of, model_of, settings, weights
from trl.trainer.utils import add_fused_lm_head

from kamerton.develop import hub
from kamerton.develop.tune.preference.figures import choices, compare, paired
from kamerton.develop.tune.preference.head import check_head, log_probs, scoring
from kamerton.develop.tune.preference.reference import as_at_start, drift, kept, put_back, start_of
from kamerton.develop.tune.preference.rows import Answered, Judged, Pair, prepare_preferences
from kamerton.formats.errors import InputError


@pytest.fixture(scope="module")
def answers(tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Answered]:
    data = data_of(tmp_path_factory.mktemp("data"), "dpo", 4)
    tokenizer = hub.load_tokenizer(str(tiny))
    rows = prepare_preferences(settings("dpo"), tokenizer, data).train.rows
    return [answer for row in rows for answer in row.answers]


def scored(model: Any, rows: list[Answered], at_once: int = 3) -> list[float]:
    with scoring(model):
        return log_probs(model, rows, at_once, lambda count: None)


def by_hand(model: Any, row: Answered) -> float:
    """Sum over the answer's positions of log softmax of the model's own logits."""
    with torch.no_grad():
        # Under a soft prompt the logits of its virtual tokens come first.
        logits = model(input_ids=torch.tensor([row.prompt + row.answer])).logits[0, -len(row) :]
    total = 0.0
    for place in range(len(row.prompt), len(row)):
        token = (row.prompt + row.answer)[place]
        total += float(torch.log_softmax(logits[place - 1], -1)[token])
    return total


@pytest.mark.parametrize("method", ["lora", "full", "prompt"])
def test_answers_score_as_by_the_models_own_logits(
    tiny: Path, answers: list[Answered], method: str
) -> None:
    model = model_of(tiny, settings("dpo", method=method))
    found = scored(model, answers)
    assert found == pytest.approx([by_hand(model, row) for row in answers], abs=1e-4)
    assert scored(model, answers, 8) == pytest.approx(found, abs=1e-4)


def test_figures_and_gradients_are_those_of_trls_own_head(
    tiny: Path, answers: list[Answered]
) -> None:
    ids = torch.zeros((2, 60), dtype=torch.long)
    labels = torch.full((2, 60), -100)
    for place, row in enumerate(answers[:2]):
        ids[place, : len(row)] = torch.tensor(row.prompt + row.answer)
        labels[place, len(row.prompt) : len(row)] = torch.tensor(row.answer)

    def figures(model: Any) -> tuple[Any, Any]:
        out = model(input_ids=ids, labels=labels, fused_lm_head=True)
        out.log_probs.sum().backward()
        return out, model.model.layers[0].mlp.up_proj.weight.grad

    theirs = hub.load_model(str(tiny))
    add_fused_lm_head(theirs, outputs=("log_probs", "entropy", "mean_logits", "is_top1"))
    wanted, gradient = figures(theirs)
    ours = hub.load_model(str(tiny))
    with scoring(ours):
        found, same = figures(ours)
    for name in ("log_probs", "entropy", "mean_logits", "is_top1"):
        torch.testing.assert_close(found[name], wanted[name], rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(same, gradient, rtol=1e-3, atol=1e-5)


def test_afterwards_the_model_is_as_it_was(tiny: Path, answers: list[Answered]) -> None:
    model = hub.load_model(str(tiny))
    with pytest.raises(RuntimeError, match="meant"), scoring(model):
        assert "forward" in vars(model)
        raise RuntimeError("meant")
    assert "forward" not in vars(model)


def test_an_architecture_that_divides_its_logits_is_scored_rightly(
    tiny: Path, answers: list[Answered]
) -> None:
    from transformers import GraniteConfig, GraniteForCausalLM

    torch.manual_seed(0)
    size = len(hub.load_tokenizer(str(tiny)))
    config = GraniteConfig(
        vocab_size=size,
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=2,
        logits_scaling=4.0,
        initializer_range=0.3,
    )
    model = GraniteForCausalLM(config).eval()
    found = scored(model, answers)
    assert found == pytest.approx([by_hand(model, row) for row in answers], abs=1e-4)


def test_a_head_that_scores_wrongly_is_found(
    tiny: Path, answers: list[Answered], monkeypatch: pytest.MonkeyPatch
) -> None:
    model = hub.load_model(str(tiny))
    with scoring(model):
        assert check_head(model, answers).largest_difference < 1e-5
    monkeypatch.setattr(model.config, "logits_scaling", 4.0, raising=False)
    with scoring(model), pytest.raises(InputError) as caught:
        check_head(model, answers)
    assert caught.value.key == "develop.preference_head" and "llama" in str(caught.value)


def test_the_reference_is_computed_once_for_each_model_and_data(
    tiny: Path, answers: list[Answered], tmp_path: Path
) -> None:
    model, calls = model_of(tiny, settings("dpo")), []

    def compute() -> list[float]:
        calls.append(1)
        return [-1.0 / (n + 3) for n in range(len(calls) * len(answers))][-len(answers) :]

    first = kept(tmp_path, model, answers, compute)
    assert kept(tmp_path, model, answers, compute) == first and len(calls) == 1
    assert kept(tmp_path, model, answers[::-1], compute) != first and len(calls) == 2
    with torch.no_grad():
        next(p for p in model.parameters() if p.requires_grad).view(-1)[0] += 1
    kept(tmp_path, model, answers, compute)
    assert len(calls) == 3
    assert len(list(tmp_path.iterdir())) == 3


def test_the_start_can_be_had_back(tiny: Path) -> None:
    model = model_of(tiny, settings("dpo"))
    start = start_of(model)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.requires_grad:
                parameter += 1
    changed = weights(model)
    with as_at_start(model, start):
        inside = weights(model)
    assert all(torch.equal(inside[name], start[name]) for name in start)
    after = weights(model)
    assert all(torch.equal(after[name], changed[name]) for name in start)
    put_back(model, start)
    with torch.no_grad():
        next(p for p in model.parameters() if p.requires_grad).add_(1)
    put_back(model, start)
    assert all(torch.equal(value, start[name]) for name, value in weights(model).items())


def test_drift_is_nothing_at_the_start_and_more_the_further_away(
    tiny: Path, answers: list[Answered]
) -> None:
    model = model_of(tiny, settings("dpo"))
    start, prompts = start_of(model), [row.prompt for row in answers]
    stop = {answers[0].answer[-1]}

    def moved(by: float) -> float:
        torch.manual_seed(1)
        put_back(model, start)
        with torch.no_grad():
            for name, parameter in model.named_parameters():
                if "lora_B" in name:
                    parameter += torch.randn_like(parameter) * by
        return drift(model, start, prompts, stop, SEED).per_answer

    assert moved(0.0) == 0.0
    assert 0 < moved(0.02) < moved(0.1)


def test_drift_sums_exact_divergences_and_leaves_the_random_state(
    tiny: Path, answers: list[Answered]
) -> None:
    model = model_of(tiny, settings("dpo", method="full"))
    start, prompt = start_of(model), answers[0].prompt
    with torch.no_grad():
        model.model.norm.weight += 0.2
    torch.manual_seed(3)
    before = torch.random.get_rng_state()
    found = drift(model, start, [prompt] * 5, {answers[0].answer[-1]}, SEED)
    assert torch.equal(torch.random.get_rng_state(), before)
    again = drift(model, start, [prompt], {answers[0].answer[-1]}, SEED)
    assert found == again and found.prompts == 1 and 1 <= found.tokens <= 64
    assert found.per_token == pytest.approx(found.per_answer / found.tokens)
    with torch.no_grad():
        now = torch.log_softmax(model(torch.tensor([prompt])).logits[0, -1], -1)
        put_back(model, start)
        then = torch.log_softmax(model(torch.tensor([prompt])).logits[0, -1], -1)
    first = float((now.exp() * (now - then)).sum())
    assert first > 0 and found.per_answer >= first - 1e-6


def answer(*tokens: int) -> Answered:
    return Answered((1,), tokens)


def test_figures_of_pairs_by_hand() -> None:
    a, b, c, d = (answer(n) for n in range(4))
    rows = [Pair("1", a, b, "u", "q"), Pair("2", c, d, "v", "r")]
    before = {a: -4.0, b: -2.0, c: -1.0, d: -3.0}
    after = {a: -1.0, b: -3.0, c: -2.0, d: -4.0}
    found: Any = compare("dpo", rows, before, after, 0.5)
    assert found["before"] == {"reward_margin": 0, "reward_accuracy": 0.5, "ranked_right": 0.5}
    # Rewards: 1.5 against -0.5, and -0.5 against -0.5.
    assert found["after"] == {"reward_margin": 1.0, "reward_accuracy": 0.75, "ranked_right": 1.0}


def test_figures_of_judged_answers_by_hand() -> None:
    a, b, c = (answer(n) for n in range(3))
    rows = [
        Judged("1", a, True, "u", "q"),
        Judged("2", b, True, "u", "r"),
        Judged("3", c, False, "v", "s"),
    ]
    before = {a: -1.0, b: -1.0, c: -1.0}
    after = {a: 1.0, b: -3.0, c: -2.0}
    found: Any = compare("kto", rows, before, after, 0.1)
    assert found["before"]["reward_accuracy"] == 0.5
    assert found["after"] == pytest.approx(
        {"reward_good": 0.0, "reward_bad": -0.1, "reward_margin": 0.1, "reward_accuracy": 0.5}
    )
    alone: Any = compare("kto", rows[:2], before, after, 0.1)["after"]
    assert alone["reward_bad"] is None and alone["reward_accuracy"] is None


def test_gains_are_tested_with_the_user_as_the_unit() -> None:
    """Eight people who each gain: p is that of eight signs, however many pairs each has."""
    answers = [answer(n, m) for n in range(16) for m in range(2)]
    rows = [
        Pair(str(n), answers[2 * n], answers[2 * n + 1], f"u{n % 8}", f"q{n}") for n in range(16)
    ]
    before = dict.fromkeys(answers, -5.0)
    after = {a: -5.0 + (1.0 if a.answer[1] == 0 else -1.0) for a in answers}
    found: Any = paired(rows, before, after)
    assert found["p"] == 2 / 2**8 and found["groups"] == 8
    assert found["mean_gain"] == pytest.approx(2.0) and found["low"] <= 2.0 <= found["high"]
    assert paired(rows[:1], before, after) is None
    swapped: Any = paired(rows, after, before)
    assert swapped["mean_gain"] == pytest.approx(-2.0)
    judged = [
        Judged("1", answers[0], True, "u", "q"),
        Judged("2", answers[1], False, "v", "r"),
    ]
    gains: Any = paired(judged, before, after)
    assert gains["mean_gain"] == pytest.approx(1.0)


def test_choices_begin_as_a_coin_and_end_as_the_rewards_say() -> None:
    a, b = answer(1), answer(2)
    rows = [
        Pair("p", a, b, "u", "q"),
        Judged("g", a, True, "g", "q"),
        Judged("b", b, False, "b", "q"),
    ]
    found = choices(rows, {a: -5.0, b: -5.0}, {a: -2.0, b: -6.0}, 0.5)
    assert {row.before for row in found} == {math.log(2)}
    by_hand = [-math.log(1 / (1 + math.exp(-odds))) for odds in (2.0, 1.5, 0.5)]
    assert [row.after for row in found] == pytest.approx(by_hand)
    far = choices(rows[:1], {a: 0.0, b: 0.0}, {a: -5000.0, b: 0.0}, 0.5)
    assert far[0].after == pytest.approx(2500)


def test_the_likelier_answer_is_told_of_pairs_and_of_votes_on_one_prompt() -> None:
    a, b, c = answer(1), answer(2), answer(3)
    alone = Answered((9,), (1,))
    before = {a: -5.0, b: -4.0, c: -5.0, alone: -3.0}
    after = {a: -2.0, b: -4.0, c: -1.0, alone: -2.0}
    (pair,) = choices([Pair("p", a, b, "u", "where?")], before, after, 0.5)
    assert (pair.question, pair.group) == ("where?", "u")
    assert (pair.right_before, pair.right_after) == (0.0, 1.0)
    votes = [
        Judged("good", a, True, "u", "where?"),
        Judged("bad", b, False, "v", "where?"),
        Judged("worse", c, False, "v", "where?"),
        Judged("alone", alone, True, "v", "when?"),
    ]
    found = {
        row.id: (row.right_before, row.right_after) for row in choices(votes, before, after, 1)
    }
    # The good answer is set against both bad ones: behind and level, then ahead and behind.
    assert found == {
        "good": (0.25, 0.5),
        "bad": (None, None),
        "worse": (None, None),
        "alone": (None, None),
    }
