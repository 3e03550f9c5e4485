"""Log-probabilities of prompts are those of transformers: uneven, shared, long, cut in two."""

import random
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from batched_model import batched, folder_of, plain, tokens

from kamerton.engines.batched import prefill
from kamerton.engines.batched.api import texts
from kamerton.engines.batched.requests import QueuedScoring, Request, SamplingParams, ScoredPrompt
from kamerton.engines.batched.scheduler import Scheduler

PrefillQueue = list[tuple[int, ...]]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return folder_of(tmp_path_factory.mktemp("scored"))


def questions() -> PrefillQueue:
    """Worked examples in common, questions with four choices each, and prompts that are alone."""
    draw, shots = random.Random(2), tokens(70, 0)
    found = []
    for number in range(4):
        asked = shots + tokens(draw.randrange(33, 60), 20 + number)
        found += [asked + tokens(draw.randrange(1, 9), 40 + 4 * number + i) for i in range(4)]
    return [*found, tokens(1, 90), tokens(2, 91), tokens(130, 92), shots, (*shots, 7)]


def expected(folder: Path, ids: Sequence[int]) -> Any:
    """[tokens, vocabulary]: log-softmax of the logits, the whole prompt at once."""
    model, _ = plain(folder)
    with torch.inference_mode():
        return torch.log_softmax(model(torch.tensor([ids])).logits[0].float(), -1)


def difference(folder: Path, found: Sequence[ScoredPrompt]) -> float:
    """The largest one to transformers, over scored tokens and top_token ones."""
    worst = 0.0
    for one in found:
        true = expected(folder, one.ids)
        assert len(one.scores) == len(one.ids) and one.scores[0] is None
        for place, score in enumerate(one.scores[1:], start=1):
            assert score is not None
            row = true[place - 1]
            worst = max(worst, abs(score.log_prob - float(row[one.ids[place]])))
            worst = max(worst, abs(score.top_log_prob - float(row.max())))
            # Of two that are as good as equal either may be called the top_token.
            worst = max(worst, float(row.max() - row[score.top_token]))
        worst = max(worst, abs(one.next_token.log_prob - float(true[-1].max())))
    return worst


def small(engine: Scheduler, pack: int) -> Scheduler:
    """The same engine, whose passes hold few tokens."""
    engine._scoring._pack = pack
    return engine


@pytest.mark.parametrize("pack", [512, 64, 9])
@pytest.mark.parametrize("packed_weights", [True, False])
def test_scores_are_those_of_transformers(folder: Path, pack: int, packed_weights: bool) -> None:
    engine = small(batched(folder, pack=packed_weights), pack)
    found = engine.score(questions())
    assert [one.ids for one in found] == questions()
    assert difference(folder, found) < 1e-5
    again = engine.score(questions()[::-1])[::-1]
    assert difference(folder, again) < 1e-5


def test_what_is_common_is_computed_once(folder: Path) -> None:
    engine = batched(folder)
    engine.score(questions()[:16])
    own = questions()[:16]
    asked = sum(len(shared_prefix(own[4 * i : 4 * i + 4])) - 70 for i in range(4))
    choices = sum(len(ids) - len(shared_prefix(own[i // 4 * 4 :][:4])) for i, ids in enumerate(own))
    # Worked examples, each question, each choice; and the last token of each node once more.
    least = 70 + asked + choices
    assert least < engine.counts.prefilled <= least + 16 + 4 + 4
    assert engine.counts.prefilled < sum(map(len, own)) / 2


def shared_prefix(prompts: PrefillQueue) -> tuple[int, ...]:
    """What all have in common."""
    count = min(prefill.common_prefix(prompts[0], other) for other in prompts[1:])
    return prompts[0][:count]


def test_a_long_text_goes_in_pieces(folder: Path) -> None:
    engine = small(batched(folder), 100)
    text = tokens(1024, 5)
    assert difference(folder, engine.score([text])) < 1e-5
    assert engine.counts.prefilled == 1024 + 10  # each piece but the first begins one earlier
    assert engine.counts.passes == 11
    with pytest.raises(ValueError, match="1024 positions"):
        engine.score([tokens(1025, 5)])


def test_answers_beside_scores_are_what_they_are_alone(folder: Path) -> None:
    engine = batched(folder, slots=2)
    request = Request(questions()[0], SamplingParams(max_tokens=12))
    alone = batched(folder).generate([request])[0]
    told: list[ScoredPrompt] = []
    for ids in questions():
        engine.add(QueuedScoring(ids, told.append))
    assert engine.generate([request])[0] == alone
    assert len(told) == len(questions()) and difference(folder, told) < 1e-5


def test_equal_prompts_are_computed_once_and_who_left_not_at_all(folder: Path) -> None:
    engine = batched(folder)
    one, other = tokens(40, 1), tokens(40, 2)
    found = engine.score([one, one, one])
    assert found[0] == found[1] == found[2] and engine.counts.prefilled == 40
    engine.add(QueuedScoring(other, found.append, lambda: True))
    while engine.busy:
        engine.step()
    assert len(found) == 3 and engine.counts.prefilled == 40


@pytest.mark.parametrize("fault", ["target", "kept", "position"])
def test_planted_faults_are_found(
    folder: Path, fault: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Scores of the token one further, a node with keys of the token before, a gap in positions."""
    engine = batched(folder)
    suffix, forward = prefill._scored_suffix, engine._runner.forward

    def target(ids: tuple[int, ...], *rest: Any) -> Any:
        return suffix((*ids[:1], *ids[2:], ids[-1]), *rest)

    def kept(*given: Any) -> Any:
        found = suffix(*given)
        return replace(found, kv=torch.roll(found.kv, 1, -2))

    def shifted(tokens: list[int], positions: list[int], step: Any, keep: Any) -> Any:
        return forward(tokens, [p + (p > 3) for p in positions], step, keep)

    if fault == "position":
        monkeypatch.setattr(engine._runner, "forward", shifted)
    else:
        monkeypatch.setattr(prefill, "_scored_suffix", target if fault == "target" else kept)
    assert difference(folder, engine.score(questions())) > 1e-3


def test_texts_of_tokens_join_to_the_whole(folder: Path) -> None:
    _, tokenizer = plain(folder)
    text = "Где хранится идол из Помоса? 🏺 It was made about 3000 BC…\n\n"
    ids = tokenizer(text).input_ids
    found = texts(tokenizer.decode, ids)
    assert len(found) == len(ids) and "".join(found) == text == tokenizer.decode(ids)
    assert "" in found  # a character of several tokens stands with its last one
    for seed in range(20):
        random_ids = tokens(30, seed)
        assert "".join(texts(tokenizer.decode, random_ids)) == tokenizer.decode(random_ids)
