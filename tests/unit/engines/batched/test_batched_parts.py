"""The parts of the batched engine: attention in parts, shared prefixes, slots, drawing."""

import pytest
import torch

from kamerton.engines.batched.attention import PrefixNode, merged, partial_attention
from kamerton.engines.batched.kv_cache import KVSlots, PrefixTree, best_prefix, common_prefix
from kamerton.engines.batched.requests import SamplingParams, draw_tokens, sample_tokens, uniform


def node(ids: tuple[int, ...], start: int = 0) -> PrefixNode:
    return PrefixNode(
        ids, start, torch.arange(len(ids)).float().view(1, 1, 1, -1, 1).expand(2, 2, 1, -1, 3)
    )


def test_attention_in_two_parts_is_attention() -> None:
    torch.manual_seed(0)
    q, k, v = (torch.randn(2, 3, n, 16) for n in (5, 40, 40))
    whole = torch.nn.functional.scaled_dot_product_attention(q, k, v, scale=0.3)
    one = partial_attention(q, k[:, :, :33], v[:, :, :33], 0.3)
    other = partial_attention(q, k[:, :, 33:], v[:, :, 33:], 0.3)
    assert torch.allclose(merged(one, other)[0], whole, atol=1e-6)
    assert not torch.allclose(one[0], whole, atol=1e-3)
    total = torch.logsumexp(q @ k.transpose(2, 3) * 0.3, -1)
    assert torch.allclose(merged(one, other)[1], total, atol=1e-5)


def test_prompts_follow_and_cut_nodes() -> None:
    tree, common_part = PrefixTree(), tuple(range(100))
    tree.add((), node(common_part))
    assert [len(n.ids) for n in tree.path((*common_part, 7, 8))] == [100]
    assert tree.path((*common_part[:20], 500, 501)) == ()  # 20 tokens are not worth a cut
    held = tree.path((*common_part, 7, 8))
    assert [len(n.ids) for n in tree.path((*common_part[:60], 500, 501))] == [60]
    after = tree.path((*common_part, 7, 8))
    assert [(n.start, len(n.ids)) for n in after] == [(0, 60), (60, 40)]
    assert len(held[0].ids) == 100  # who runs on it keeps the whole
    assert after[1].kv[0, 0, 0, 0, 0] == 60
    # One token is left over for the logits.
    assert sum(len(n.ids) for n in tree.path(common_part)) == 99


def test_nodes_unused_for_longest_are_dropped() -> None:
    tree = PrefixTree(most=100)
    for start in (0, 1000, 2000):
        tree.add((), node(tuple(range(start, start + 40))))
        tree.path((*range(40), 9999))
    assert sorted(n.ids[0] for n in tree.roots) == [0, 2000]


def test_where_a_node_is_worth_it() -> None:
    ids = tuple(range(200))
    few, some = (*ids[:150], 7), [(*ids[:80], 1000 + i) for i in range(5)]
    assert best_prefix(ids, 0, [ids, ids]) == 0  # the same prompt again is no other prompt
    assert best_prefix(ids, 0, [few, ids]) == 150
    assert best_prefix(ids, 0, [few, *some]) == 80  # five times 80 and once more are most
    assert best_prefix(ids, 80, [few, *some]) == 150
    assert best_prefix(ids, 140, [few, *some]) == 140
    assert common_prefix(ids, few) == 150 and common_prefix((), ids) == 0


def test_slots_stay_side_by_side() -> None:
    slots = KVSlots(3)
    for value, length in ((1.0, 4), (2.0, 6), (3.0, 2)):
        assert slots.take(torch.full((2, 2, 1, length, 3), value), 5) == int(value) - 1
    assert slots.free == 0 and slots.kv.shape[-2] >= 11
    assert slots.release(0) == 2
    assert slots.lengths == [2, 6]
    assert slots.kv[0, 0, 0, 0, :2].eq(3).all() and slots.kv[1, 1, 1, 0, :6].eq(2).all()
    slots.take(torch.full((2, 2, 1, 90, 3), 4.0), 5)
    assert slots.kv[0, 0, 0, 0, :2].eq(3).all() and slots.kv[1, 1, 1, 0, :6].eq(2).all()


def test_draws_follow_probabilities() -> None:
    torch.manual_seed(0)
    shares = torch.softmax(torch.randn(1, 700) * 2, -1)
    places = torch.linspace(0, 1, 5001, dtype=torch.float64)[:-1]
    found = torch.tensor(draw_tokens(shares.expand(5000, -1), places))
    counts = torch.bincount(found, minlength=700) / 5000
    assert (counts - shares[0]).abs().max() < 3 / 5000
    assert found.diff().min() >= 0


@pytest.mark.parametrize("draw", [0.0, 0.5, 1 - 2**-53])
def test_what_has_no_probability_is_never_drawn(draw: float) -> None:
    shares = torch.zeros(1, 1000)
    shares[0, [300, 700]] = torch.tensor([0.3, 0.7])
    (token,) = draw_tokens(shares, torch.tensor([draw], dtype=torch.float64))
    assert token == (300 if draw < 0.3 else 700)


def test_greedy_and_sampled_rows_beside_each_other() -> None:
    logits = torch.tensor([[0.0, 2.0, 1.0, 1.9]] * 4)
    how = [
        SamplingParams(),
        SamplingParams(temperature=1.0),
        SamplingParams(temperature=1.0, top_k=1),
        SamplingParams(temperature=1.0, top_p=0.1),
    ]
    assert sample_tokens(logits, how, [0.99, 0.99, 0.99, 0.99]) == [1, 3, 1, 1]


def test_numbers_come_from_draw_and_step_alone() -> None:
    numbers = [uniform(f"{draw}", step) for draw in range(40) for step in range(50)]
    assert numbers == [uniform(f"{draw}", step) for draw in range(40) for step in range(50)]
    assert len(set(numbers)) == 2000 and min(numbers) >= 0 and max(numbers) < 1
    assert abs(sum(numbers) / 2000 - 0.5) < 0.03
