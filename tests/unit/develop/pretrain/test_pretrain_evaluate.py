"""Held-out loss against the formula, its bounded part, and continuations that survive kills."""

from pathlib import Path

import numpy as np
import pytest
import torch

from kamerton.develop.pretrain import evaluate, rows
from kamerton.develop.pretrain.evaluate import (
    Prompt,
    continued,
    encode_prompts,
    read_prompts,
    record,
)
from kamerton.develop.pretrain.model import build, configure
from kamerton.develop.pretrain.run import evaluations, generation, losses
from kamerton.formats.errors import InputError
from kamerton.formats.jsonl import read_rows
from kamerton.formats.pretraining import CONTINUATIONS, Continuation
from packed_corpus import ARCHITECTURE, make_corpus

PROMPTS = ["Старый дом", "Река и море", "Тихий вечер"]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_corpus(tmp_path_factory.mktemp("corpus"))


@pytest.fixture(scope="module")
def model(data: Path) -> torch.nn.Module:
    torch.manual_seed(7)
    tokenizer = rows.load_tokenizer(data)
    found: torch.nn.Module = build(configure(ARCHITECTURE, tokenizer, 64))
    found.generation_config = generation(tokenizer)
    return found


def held_out(data: Path) -> evaluate.HeldOut:
    kept = rows.load(data / rows.HELD_OUT, rows.load_tokenizer(data))
    return evaluate.whole(kept, data / rows.TOKENIZER)


def runs(ids: "np.ndarray") -> list[list[int]]:  # type: ignore[type-arg]
    """Each run of packed rows by itself."""
    found: list[list[int]] = []
    for token in ids.ravel().tolist():
        if token == 0:
            found.append([])
        if token != 2:
            found[-1].append(token)
    return found


def test_the_loss_is_the_mean_over_each_runs_own_targets(
    data: Path, model: torch.nn.Module
) -> None:
    kept, tokenizer = held_out(data), rows.load_tokenizer(data)
    total, targets, characters = 0.0, 0, 0
    with torch.no_grad():
        for run in runs(np.load(data / rows.HELD_OUT)):
            logits = model.eval()(input_ids=torch.tensor([run])).logits[0, :-1].double()
            chosen = logits.log_softmax(-1)[torch.arange(len(run) - 1), run[1:]]
            total -= float(chosen.sum())
            targets += len(run) - 1
            characters += len(tokenizer.decode(run, skip_special_tokens=True))
    found = evaluate.evaluate(model, kept, 5, micro_batch_size=3, half=False)
    assert found.step == 5 and found.loss == pytest.approx(total / targets, rel=1e-5)
    # Runs that end inside a character decode to a sign for it on both sides of the cut.
    assert found.nats_per_character == pytest.approx(total / kept.characters, rel=1e-5)
    assert characters * 0.99 <= kept.characters <= characters


def test_evaluating_disturbs_nothing_and_depends_on_no_batch(
    data: Path, model: torch.nn.Module
) -> None:
    model.train()
    before = torch.random.get_rng_state()
    one = evaluate.evaluate(model, held_out(data), 0, micro_batch_size=1, half=False)
    told: list[int] = []
    many = evaluate.evaluate(model, held_out(data), 0, 64, half=False, done=told.append)
    assert one.loss == pytest.approx(many.loss, rel=1e-5)
    assert sum(told) == len(held_out(data).rows)
    assert model.training and torch.equal(torch.random.get_rng_state(), before)


def test_the_part_is_bounded_fixed_and_the_seeds(data: Path) -> None:
    kept, tokenizer = held_out(data), data / rows.TOKENIZER
    assert evaluate.part(kept, tokenizer, 100, 64, seed=7) is kept
    few = evaluate.part(kept, tokenizer, 5, 4, seed=7)
    assert len(few.rows) == 6 < len(kept.rows)  # a tenth of 5 steps of 4 rows, thrice the work
    again = evaluate.part(kept, tokenizer, 5, 4, seed=7)
    others = [evaluate.part(kept, tokenizer, 5, 4, seed=seed).rows.ids for seed in range(8, 12)]
    assert np.array_equal(few.rows.ids, again.rows.ids)
    assert any(not np.array_equal(few.rows.ids, other) for other in others)
    assert 0 < few.characters < kept.characters


def test_rows_of_nothing_but_marks_are_refused(data: Path, tmp_path: Path) -> None:
    np.save(tmp_path / "empty.npy", np.array([[0, 1, 2, 2]], np.uint16))
    empty = rows.load(tmp_path / "empty.npy", rows.load_tokenizer(data))
    with pytest.raises(InputError, match="no file of packed rows"):
        evaluate.whole(empty, data / rows.TOKENIZER)


def prompts(data: Path, most: int = 6) -> list[Prompt]:
    return encode_prompts(PROMPTS, Path("prompts.txt"), rows.load_tokenizer(data), 64, most)


def test_continuations_are_the_likeliest_tokens_one_by_one(
    data: Path, model: torch.nn.Module
) -> None:
    tokenizer = rows.load_tokenizer(data)
    model.train()
    found = continued(model, prompts(data), tokenizer)
    assert model.training
    for prompt, text in zip(prompts(data), found, strict=True):
        ids = list(prompt.ids)
        assert ids[0] == 0 and tokenizer.decode(ids[1:]) == prompt.text
        with torch.no_grad():
            for _ in range(prompt.room):
                ids.append(int(model.eval()(torch.tensor([ids])).logits[0, -1].argmax()))
                if ids[-1] in (1, 4):
                    break
        said = tokenizer.decode(ids[len(prompt.ids) :], skip_special_tokens=True)
        assert text == said


def test_a_prompt_keeps_within_the_context_or_is_refused(data: Path) -> None:
    tokenizer, path = rows.load_tokenizer(data), Path("prompts.txt")
    length = len(prompts(data)[0].ids)
    [short] = encode_prompts(PROMPTS[:1], path, tokenizer, length + 2, 6)
    assert short.room == 2
    with pytest.raises(InputError, match=r"prompts\.txt: prompt 1 \('Старый дом'\)"):
        encode_prompts(PROMPTS, path, tokenizer, length, 6)


def test_prompts_are_lines_of_a_file(tmp_path: Path) -> None:
    (tmp_path / "p.txt").write_text("Любовь мешает смерти \n\nЧтобы жить честно\n", "utf-8")
    assert read_prompts(tmp_path / "p.txt") == ["Любовь мешает смерти", "Чтобы жить честно"]
    with pytest.raises(InputError, match="does not exist"):
        read_prompts(tmp_path / "none.txt")


def test_the_ten_prompts_of_the_novels_are_there() -> None:
    path = Path(__file__).parents[4] / "recipes" / "novels" / "prompts.txt"
    found = read_prompts(path)
    assert len(found) == 10 and found[0].startswith("Все мысли") and "честно" in found[-1]


def test_steps_stand_in_order_and_once_however_often_they_are_said(
    data: Path, tmp_path: Path
) -> None:
    asked = prompts(data)
    for step, word in ((0, "a"), (4, "b"), (8, "killed"), (4, "b again"), (8, "c")):
        record(tmp_path, step, asked, [f"{word} {n}" for n in range(len(asked))])
    found = read_rows(tmp_path / CONTINUATIONS, Continuation)
    assert [row.step for row in found] == [0, 0, 0, 4, 4, 4, 8, 8, 8]
    assert [row.text for row in found if row.prompt == PROMPTS[0]] == ["a 0", "b again 0", "c 0"]


def test_losses_are_thinned_to_means_and_evaluations_kept_apart() -> None:
    history: list[dict[str, object]] = [{"step": n, "loss": float(n)} for n in range(1, 8)]
    looked = {"step": 4, "looked": True, "loss": 9.0, "nats_per_character": 2.0}
    history.insert(4, looked)
    assert losses(history) == [(n, float(n)) for n in range(1, 8)]
    assert losses(history, most=3) == [(3, 2.0), (6, 5.0), (7, 7.0)]
    assert [e.step for e in evaluations(history, before=8)] == [4]
    assert evaluations(history, before=4) == []
