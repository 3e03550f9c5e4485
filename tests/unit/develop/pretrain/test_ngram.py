"""The n-gram baseline against its formula written out slowly; sums, runs, characters."""

import argparse
import inspect
import math
import optparse
import random
from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

from kamerton.develop.pretrain.ngram import (
    FALLBACK,
    Runs,
    characters,
    fit,
    log_probabilities,
    nats_per_character,
    runs,
)
from kamerton.develop.pretrain.rows import Marks, Rows
from kamerton.formats.errors import InputError

BOS, EOS, PAD = 0, 1, 2
SIZE, CONTEXT = 14, 24
Gram = tuple[int, ...]


class Slow:
    """Chen and Goodman's equations, one dictionary look-up at a time."""

    def __init__(self, sentences: Sequence[Sequence[int]], order: int, size: int) -> None:
        self.order, self.size = order, size
        plain: Counter[Gram] = Counter()
        for sentence in sentences:
            for end in range(1, len(sentence)):
                for start in range(max(0, end - order + 1), end + 1):
                    plain[tuple(sentence[start : end + 1])] += 1
        before: dict[Gram, set[int]] = defaultdict(set)
        for gram in plain:
            before[gram[1:]].add(gram[0])
        self.counts = {
            gram: count if len(gram) == order or gram[0] == BOS else len(before[gram])
            for gram, count in plain.items()
        }
        self.after: dict[Gram, list[int]] = defaultdict(list)
        for gram, count in self.counts.items():
            self.after[gram[:-1]].append(count)
        self.discounts = {n: self._discounts(n) for n in range(1, order + 1)}

    def _discounts(self, length: int) -> tuple[float, ...]:
        many = Counter(count for gram, count in self.counts.items() if len(gram) == length)
        if not all(many[r] for r in (1, 2, 3, 4)):
            return (0.0, *FALLBACK)
        y = many[1] / (many[1] + 2 * many[2])
        found = [r - (r + 1) * y * many[r + 1] / many[r] for r in (1, 2, 3)]
        if any(not 0 < d <= r for r, d in enumerate(found, 1)):
            return (0.0, *FALLBACK)
        return (0.0, *found)

    def probability(self, context: Gram, token: int) -> float:
        lower = self.probability(context[1:], token) if context else 1 / (self.size - 2)
        after = self.after.get(context)
        if not after:
            return lower
        discount = self.discounts[len(context) + 1]
        count = self.counts.get((*context, token), 0)
        gamma = sum(discount[min(3, r)] for r in after)
        return (count - discount[min(3, count)] + gamma * lower) / sum(after)

    def logs(self, sentences: Sequence[Sequence[int]]) -> list[float]:
        return [
            math.log(self.probability(tuple(s[max(0, i - self.order + 1) : i]), s[i]))
            for s in sentences
            for i in range(1, len(s))
        ]


def packed(rows: Sequence[Sequence[Sequence[int]]], context: int = CONTEXT) -> Rows:
    """Rows of runs, each row filled up with padding."""
    matrix = np.full((len(rows), context), PAD, np.uint16)
    for row, of in zip(matrix, rows, strict=True):
        joined = [token for run in of for token in run]
        row[: len(joined)] = joined
    return Rows(matrix, Marks(BOS, EOS, PAD))


def read(rows: Rows) -> Runs:
    return runs(rows.ids, BOS, PAD)


def sentences(rng: random.Random, count: int) -> list[list[int]]:
    """Tokens that follow from the one before them more often than not; many repeat."""
    found = []
    for _ in range(count):
        run = [BOS]
        for _ in range(rng.randint(1, 7)):
            run.append(3 + (run[-1] * 5 + min(rng.randint(0, 4), rng.randint(0, 9))) % (SIZE - 5))
        found.append([*run, EOS])
    return found


def in_rows(of: Sequence[list[int]]) -> list[list[list[int]]]:
    """Two runs a row."""
    return [list(of[i : i + 2]) for i in range(0, len(of), 2)]


@pytest.mark.parametrize("order", [1, 2, 3, 4, 5, 6])
@pytest.mark.parametrize(("seed", "count"), [(1, 300), (2, 60), (3, 3), (4, 1)])
def test_every_target_has_the_probability_of_the_formula(seed: int, count: int, order: int) -> None:
    rng = random.Random(seed)
    learnt, tried = sentences(rng, count), sentences(rng, 40)
    tried.append([BOS, 12, 13, 12, 13, EOS])  # tokens that training never has
    learnt.append([BOS, 3, 11, 3, 11, 3])  # a context that nothing follows
    tried.append([*learnt[-1], 4, EOS])
    model = fit(read(packed(in_rows(learnt))), SIZE, order)
    slow = Slow(learnt, order, SIZE)
    assert not {12, 13} & {token for run in learnt for token in run}
    logs = log_probabilities(model, read(packed(in_rows(tried))))
    np.testing.assert_allclose(logs, slow.logs(tried), rtol=1e-9)
    if count == 300 and order >= 3:  # both kinds of discounts are tried
        fallen = {slow.discounts[n][1:] == FALLBACK for n in range(1, order + 1)}
        assert fallen == {False, True}


def test_discounts_that_are_none_are_not_taken() -> None:
    """Many tokens thrice and few twice: the formula's discount of two would be negative."""
    often = {3: 1, 4: 1, 5: 1, 6: 1, 7: 2, 8: 3, 9: 3, 10: 3, 11: 3, EOS: 4}
    learnt = [[BOS, token] for token, times in often.items() for _ in range(times)]
    model = fit(read(packed(in_rows(learnt))), SIZE, 1)
    tried = [[BOS, token] for token in (*often, 12)]
    logs = log_probabilities(model, read(packed(in_rows(tried))))
    np.testing.assert_allclose(logs, Slow(learnt, 1, SIZE).logs(tried), rtol=1e-12)
    once = (1 - FALLBACK[0] + (4 * 0.5 + 1 + 5 * 1.5) / (SIZE - 2)) / sum(often.values())
    assert logs[0] == pytest.approx(math.log(once))


@pytest.mark.parametrize("order", [1, 3, 5])
@pytest.mark.parametrize(
    "context",
    [[], "seen", [12], [13, 12, 13, 12, 13], [3, 13, 4], [12, 3, 4], "short"],
)
def test_probabilities_of_all_tokens_sum_to_one(context: list[int] | str, order: int) -> None:
    learnt = sentences(random.Random(5), 200)
    model = fit(read(packed(in_rows(learnt))), SIZE, order)
    named = {"seen": max(learnt, key=len)[1:-1], "short": learnt[0][1:2]}
    before = named[context] if isinstance(context, str) else context
    every = [token for token in range(SIZE) if token not in (BOS, PAD)]
    rows = packed([[[BOS, *before, token]] for token in every])
    logs = log_probabilities(model, read(rows)).reshape(len(every), -1)[:, -1]
    assert (logs < 0).all()
    assert math.fsum(np.exp(logs)) == pytest.approx(1, abs=1e-12)


def test_contexts_do_not_cross_runs_and_padding_is_nothing() -> None:
    rng = random.Random(6)
    learnt, tried = sentences(rng, 100), sentences(rng, 20)
    together = read(packed(in_rows(learnt)))
    apart = read(packed([[run] for run in learnt], CONTEXT + 3))
    held = read(packed(in_rows(tried)))
    alone = [read(packed([[run]])) for run in tried]
    one, two = (log_probabilities(fit(of, SIZE, 5), held) for of in (together, apart))
    np.testing.assert_array_equal(one, two)
    each = [log_probabilities(fit(together, SIZE, 5), of) for of in alone]
    np.testing.assert_array_equal(np.concatenate(each), one)
    assert len(one) == sum(len(run) - 1 for run in tried)


def test_a_mark_of_beginning_is_learnt_from_as_context_only() -> None:
    """After "<bos>" a token that begins every run is likelier than anywhere else."""
    learnt = [[BOS, 5, token, EOS] for token in (6, 7, 8, 9)]
    model = fit(read(packed(in_rows(learnt))), SIZE, 3)
    logs = log_probabilities(model, read(packed([[[BOS, 5, 5]]])))
    assert logs[0] > logs[1] + 1


def test_no_order_at_all_is_refused() -> None:
    with pytest.raises(ValueError, match="order"):
        fit(read(packed([[[BOS, 5, EOS]]])), SIZE, 0)


def folder(path: Path, kind: str, texts: list[str]) -> Path:
    """A tokenizer of texts as the corpus stage writes it, made without it."""
    tokenizer = Tokenizer(models.BPE())
    if kind == "byte_level":
        tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
        tokenizer.decoder = decoders.ByteLevel()
        alphabet = pre_tokenizers.ByteLevel.alphabet()
        trainer = trainers.BpeTrainer(
            vocab_size=320, special_tokens=["<bos>", "<eos>", "<pad>"], initial_alphabet=alphabet
        )
        tokenizer.train_from_iterator(texts, trainer)
    else:
        every = ["<bos>", "<eos>", "<pad>", *(f"<0x{i:02X}>" for i in range(256)), "▁", *"абвab"]
        vocabulary = {token: i for i, token in enumerate([*every, "▁а", "▁аб"])}
        merges = [("▁", "а"), ("▁а", "б")]
        tokenizer.model = models.BPE(vocab=vocabulary, merges=merges, byte_fallback=True)
        tokenizer.pre_tokenizer = pre_tokenizers.Metaspace("▁", prepend_scheme="never")
        tokenizer.decoder = decoders.Sequence(
            [decoders.ByteFallback(), decoders.Fuse(), decoders.Replace("▁", " ")]
        )
        tokenizer.add_special_tokens(["<bos>", "<eos>", "<pad>"])
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, bos_token="<bos>", eos_token="<eos>", pad_token="<pad>"
    ).save_pretrained(path)
    return path


def cut(tokenizer: Path, text: str, room: int) -> list[list[list[int]]]:
    """One run a row, as the corpus stage cuts them: anywhere, inside a character too."""
    ids = Tokenizer.from_file(str(tokenizer / "tokenizer.json")).encode(text).ids
    return [[[BOS, *ids[i : i + room], EOS]] for i in range(0, len(ids), room)]


STRANGE = "аб аба ваб\nab €uro 👍🏽 — żółw, 面白い ёж\ttab  ▁ été " * 7


@pytest.mark.parametrize("kind", ["byte_level", "metaspace"])
@pytest.mark.parametrize("room", [1, 2, 7, 1000])
def test_characters_are_those_of_the_text_wherever_runs_are_cut(
    kind: str, room: int, tmp_path: Path
) -> None:
    tokenizer = folder(tmp_path / kind, kind, [STRANGE])
    rows = packed(cut(tokenizer, STRANGE, room), room + 4).ids
    assert characters(rows, tokenizer) == len(STRANGE)
    assert characters(rows.astype(np.int64).ravel(), tokenizer) == len(STRANGE)


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Two modules of the standard library: text that people wrote, one like the other."""
    home = tmp_path_factory.mktemp("real")
    texts = {"train": inspect.getsource(argparse), "held": inspect.getsource(optparse)}
    tokenizer = folder(home / "tokenizer", "byte_level", [texts["train"]])
    made = {n: packed(cut(tokenizer, t, 62), 64) for n, t in texts.items()}
    return made | {"tokenizer": tokenizer}


def nats(real: dict[str, Any], held_out: Rows, order: int) -> float:
    return nats_per_character(real["train"], held_out, real["tokenizer"], 320, order)


def test_a_longer_context_helps_on_real_text(real: dict[str, Any]) -> None:
    found = [nats(real, real["held"], order) for order in (1, 2, 3, 5)]
    assert found[0] > 1.1 * found[1] > 1.1 * found[2]
    assert found[3] < found[1]
    assert 0.5 < found[3] < math.log(256)


def test_nats_are_those_of_all_targets_over_all_characters(real: dict[str, Any]) -> None:
    learnt, held = (
        [row[: row.index(PAD)] if PAD in row else row for row in real[name].ids.tolist()]
        for name in ("train", "held")
    )
    few = held[:40]
    total = -sum(Slow(learnt, 3, 320).logs(few))
    text = Tokenizer.from_file(str(real["tokenizer"] / "tokenizer.json")).decode(
        [token for run in few for token in run]
    )
    found = nats(real, packed([[run] for run in few], 64), 3)
    assert found == pytest.approx(total / len(text), rel=1e-9)


@pytest.mark.parametrize("rows", [[[[BOS]]], []])
def test_rows_without_a_target_are_refused(
    rows: list[list[list[int]]], real: dict[str, Any]
) -> None:
    with pytest.raises(InputError) as caught:
        nats(real, packed(rows), 2)
    assert caught.value.key == "develop.ngram_no_runs" and str(caught.value)
