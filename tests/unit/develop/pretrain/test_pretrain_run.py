"""The stage as a whole, small: it learns, resumes to the same bytes, and says what it did."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from kamerton.develop.pretrain import model, rows, trainer
from kamerton.develop.pretrain.run import pretrain
from kamerton.develop.pretrain.work import prepare
from kamerton.develop.settings import PretrainSettings
from kamerton.develop.training.resume import newest_checkpoint
from kamerton.develop.training.trainer import Watch
from kamerton.formats.errors import InputError
from kamerton.formats.jsonl import read_rows
from kamerton.formats.manifest import sha256
from kamerton.formats.pretraining import CONTINUATIONS, PRETRAINING, Continuation, Pretraining
from packed_corpus import ARCHITECTURE, make_corpus, settings

PROMPTS = "Старый дом\nРека и море\n"


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = make_corpus(tmp_path_factory.mktemp("corpus"))
    (folder / "prompts.txt").write_text(PROMPTS, "utf-8")
    return folder


def run(told: PretrainSettings, data: Path, out: Path, seed: int = 7) -> Pretraining:
    pretrain(told, data, data, out, seed=seed, threads=1)
    return figures(out)


def figures(out: Path) -> Pretraining:
    return Pretraining.model_validate_json((out / PRETRAINING).read_text())


def weights(out: Path) -> str:
    return sha256(out / "model" / "model.safetensors")


def told(**changes: object) -> PretrainSettings:
    return settings(prompts="prompts.txt", **changes)


@pytest.fixture(scope="module")
def whole(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One run without an accident."""
    out = tmp_path_factory.mktemp("whole")
    run(told(), data, out)
    return out


def test_the_figures_are_those_of_the_run(data: Path, whole: Path) -> None:
    found, ids = figures(whole), np.load(data / rows.TRAIN)
    assert found.steps == 8 and [step for step, _ in found.loss] == list(range(1, 9))
    assert [e.step for e in found.evaluations] == [0, 4, 8]
    assert found.evaluations[-1].loss < found.evaluations[0].loss
    assert found.train_tokens == int((ids > 2).sum())
    assert 0 < found.seen_tokens <= 8 * 4 * 63
    assert found.parameters == model.parameters(
        AutoModelForCausalLM.from_pretrained(whole / "model")
    )
    assert found.architecture["vocab_size"] == 400 and found.seconds > 0
    assert found.ngram_order == 3 and found.ngram_nats_per_character is not None
    difference = found.evaluations[-1].nats_per_character - found.ngram_nats_per_character
    assert found.ratio_to_ngram == pytest.approx(np.exp(difference))


def test_the_folder_is_a_whole_model_of_the_hub(data: Path, whole: Path) -> None:
    tokenizer = AutoTokenizer.from_pretrained(whole / "model")
    loaded = AutoModelForCausalLM.from_pretrained(whole / "model")
    assert "<|im_start|>" in tokenizer.chat_template
    assert loaded.config.use_cache and loaded.config.max_position_embeddings == 64
    ends = loaded.generation_config.eos_token_id
    assert ends == [tokenizer.eos_token_id, tokenizer.convert_tokens_to_ids("<|im_end|>")]
    chat = [{"role": "user", "content": "Где дом?"}, {"role": "assistant", "content": "Там."}]
    masked = tokenizer.apply_chat_template(
        chat, return_dict=True, return_assistant_tokens_mask=True
    )
    assert 0 < sum(masked["assistant_masks"]) < len(masked["input_ids"])
    rows_kept = read_rows(whole / CONTINUATIONS, Continuation)
    ids = tokenizer(PROMPTS.split("\n")[0], return_tensors="pt", add_special_tokens=False).input_ids
    begun = torch.cat([torch.tensor([[tokenizer.bos_token_id]]), ids], dim=1)
    said = loaded.generate(begun, max_new_tokens=6, do_sample=False)[0, begun.shape[1] :]
    assert rows_kept[-2].text == tokenizer.decode(said, skip_special_tokens=True)


def test_nothing_is_left_that_is_no_result(whole: Path) -> None:
    names = {"model", PRETRAINING, CONTINUATIONS, "checks.json"}
    assert {path.name for path in whole.iterdir()} == names
    found = json.loads((whole / "checks.json").read_text())
    assert found["isolation"]["largest_difference"] <= 1e-5
    assert found["accumulation"]["gradient_difference"] <= 1e-5


def test_the_same_seed_gives_the_same_bytes_and_another_seed_others(
    data: Path, whole: Path, tmp_path: Path
) -> None:
    run(told(), data, tmp_path / "again")
    run(told(), data, tmp_path / "other", seed=8)
    assert weights(tmp_path / "again") == weights(whole)
    assert weights(tmp_path / "other") != weights(whole)


class Killed(Exception):
    """What ends a run in a test."""


def kill_at(monkeypatch: pytest.MonkeyPatch, part: int) -> None:
    """The run ends in the `part`th part of a step that this process computes."""
    original, seen = trainer.Pretrainer.training_step, iter(range(1, 1000))

    def step(*args: Any, **kwargs: Any) -> Any:
        if next(seen) == part:
            raise Killed
        return original(*args, **kwargs)

    monkeypatch.setattr(trainer.Pretrainer, "training_step", step)


GPT2 = {"model_type": "gpt2", "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2}
# Its dropout draws random numbers in every step: they too must go on where they stopped.


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"batch_size": 16, "steps": 0, "epochs": 2, "save_steps": 3},
        {"architecture": GPT2, "micro_batch_size": 2},
    ],
)
def test_a_killed_run_ends_with_the_same_bytes_and_records(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, changes: dict[str, Any]
) -> None:
    chosen = told(**changes)
    first = run(chosen, data, tmp_path / "whole")
    per_step = 2 if "micro_batch_size" in changes else 1
    with monkeypatch.context() as patch, pytest.raises(Killed):
        kill_at(patch, per_step * (first.steps - 1))
        run(chosen, data, tmp_path / "cut")
    left = newest_checkpoint(tmp_path / "cut" / "checkpoints")
    assert left is not None and 0 < int(left.name.split("-")[1]) < first.steps
    second = run(chosen, data, tmp_path / "cut")
    assert weights(tmp_path / "cut") == weights(tmp_path / "whole")
    # `steps`, losses, evaluations, tokens: all but the seconds.
    assert second.model_dump(exclude={"seconds"}) == first.model_dump(exclude={"seconds"})
    said = (tmp_path / "cut" / CONTINUATIONS).read_text()
    assert said == (tmp_path / "whole" / CONTINUATIONS).read_text()


def test_a_run_killed_before_its_figures_trains_no_further(
    data: Path, whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(*args: Any) -> None:
        raise Killed

    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr("kamerton.develop.pretrain.run.whole_folder", killed)
        run(told(), data, tmp_path)
    kill_at(monkeypatch, 1)
    assert run(told(), data, tmp_path).loss == figures(whole).loss
    assert weights(tmp_path) == weights(whole)


def test_a_run_is_resumed_with_what_it_began_with(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch, pytest.raises(Killed):
        kill_at(patch, 6)
        run(told(), data, tmp_path)
    with pytest.raises(InputError, match=r"pretrain\.learning_rate = 0\.003"):
        run(told(learning_rate=1e-3), data, tmp_path)
    other = not model.computes_bf16("cpu")
    monkeypatch.setattr(model, "computes_bf16", lambda device: other)
    with pytest.raises(InputError, match="bfloat16 = "):
        run(told(), data, tmp_path)


def test_parts_of_a_batch_change_nothing_but_rounding(
    data: Path, whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(model, "computes_bf16", lambda device: False)
    one = run(told(micro_batch_size=1), data, tmp_path / "one")
    four = run(told(micro_batch_size=4), data, tmp_path / "four")
    for (_, apart), (_, together) in zip(one.loss, four.loss, strict=True):
        assert apart == pytest.approx(together, rel=1e-4)
    half = figures(whole)  # bfloat16, where this machine has it: near, and no more
    assert half.loss[-1][1] == pytest.approx(four.loss[-1][1], rel=0.02)


def test_a_text_that_repeats_itself_is_learnt(data: Path, tmp_path: Path) -> None:
    tokenizer = rows.load_tokenizer(data)
    ids = tokenizer.encode("Старый дом у моря стоит на холме", add_special_tokens=False)
    run_of = np.array([0, *ids, 1], np.uint16)
    row = np.full(64, 2, np.uint16)
    row[: 2 * len(run_of)] = np.tile(run_of, 2)
    np.save(tmp_path / "train.npy", np.tile(row, (40, 1)))
    (tmp_path / "tokenizer").symlink_to(data / "tokenizer")
    (tmp_path / "p.txt").write_text("Старый дом", "utf-8")
    chosen = settings(prompts="p.txt", steps=40, continuation_tokens=40, eval_steps=100)
    pretrain(chosen, tmp_path, tmp_path, tmp_path / "out", seed=7, threads=1)
    found = figures(tmp_path / "out")
    assert found.loss[0][1] > 5 > 0.2 > found.loss[-1][1]
    assert found.evaluations == [] and found.ratio_to_ngram is None
    last = read_rows(tmp_path / "out" / CONTINUATIONS, Continuation)[-1]
    assert (last.step, last.text) == (40, " у моря стоит на холме")


def test_steps_follow_from_epochs_unless_they_are_told(data: Path) -> None:
    odd = prepare(settings(steps=0, batch_size=4, epochs=1.5), data, data, data / "o", 7, 1)
    assert odd.total == np.ceil(np.ceil(len(odd.train) / 4) * 1.5)
    assert prepare(settings(steps=7), data, data, data / "o", 7, 1).total == 7
    work = prepare(settings(steps=0, epochs=2, batch_size=16), data, data, data / "o", 7, 1)
    assert work.rows == 2 * len(work.train)
    part = prepare(settings(steps=2, batch_size=16), data, data, data / "o", 7, 1)
    assert part.rows == 32


def test_an_evaluation_that_a_stop_prevented_is_made_up_for() -> None:
    looked: list[int] = []

    def look(step: int) -> dict[str, float]:
        looked.append(step)
        return {"loss": 1.0}

    diary = trainer.Evaluations(Watch(ids=[], supervised=5), 4, look)
    state = SimpleNamespace(global_step=4, max_steps=8, log_history=[])
    diary.on_step_end(None, state, SimpleNamespace(should_training_stop=True))
    assert looked == [] and state.log_history == []
    diary.on_train_begin(None, state, SimpleNamespace())
    diary.on_train_begin(None, state, SimpleNamespace())
    assert looked == [4] and state.log_history == [{"step": 4, "looked": True, "loss": 1.0}]


def test_a_longer_run_is_timed_beforehand_and_no_other_for_it(
    data: Path, whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    monkeypatch.setattr(trainer, "_LONG_RUN", 8)
    run(told(), data, tmp_path)
    assert "expected: 0:00:" in capsys.readouterr().err
    assert weights(tmp_path) == weights(whole)


def test_decay_pulls_at_matrices_alone() -> None:
    for architecture in (ARCHITECTURE, GPT2, ARCHITECTURE | {"tie_word_embeddings": False}):
        tokenizer = type("T", (), {"__len__": lambda self: 400})()
        tokenizer.bos_token_id, tokenizer.eos_token_id, tokenizer.pad_token_id = 0, 1, 2
        made = model.build(model.configure(architecture, tokenizer, 64))
        decayed = set(trainer.Pretrainer.get_decay_parameter_names(None, made))
        shapes = {name: p.ndim for name, p in made.named_parameters()}
        assert decayed and all(shapes[name] == 2 for name in decayed)
        assert not any("norm" in n or "ln_" in n or "embed" in n or "wte" in n for n in decayed)
        assert any("mlp" in name for name in decayed)
        assert ("lm_head.weight" in decayed) == (not made.config.tie_word_embeddings)


def test_memory_that_runs_out_halves_the_rows(
    data: Path, whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    original, sizes = trainer.Pretrainer.training_step, list[int]()

    def step(self: Any, made: Any, inputs: dict[str, Any], *rest: Any) -> Any:
        sizes.append(len(inputs["input_ids"]))
        if sizes[-1] > 2:
            raise torch.OutOfMemoryError("out of memory")
        return original(self, made, inputs, *rest)

    monkeypatch.setattr(trainer.Pretrainer, "training_step", step)
    found = run(told(), data, tmp_path)
    assert sizes == [4] + 16 * [2]
    assert found.loss[-1][1] == pytest.approx(figures(whole).loss[-1][1], rel=0.02)


def test_what_is_wrong_is_said_before_anything_is_trained(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trainer, "train", None)
    with pytest.raises(InputError, match="Did you mean hidden_size"):
        run(settings(architecture=ARCHITECTURE | {"hidden_sze": 3}), data, tmp_path)
    with pytest.raises(InputError, match="does not exist"):
        run(settings(prompts="none.txt"), data, tmp_path)
    with pytest.raises(InputError, match="no decoder-only"):
        run(settings(architecture={**GPT2, "model_type": "bert"}), data, tmp_path)
    with pytest.raises(InputError, match="does not exist"):
        run(settings(), tmp_path, tmp_path)


def test_the_default_architecture_takes_two_steps(data: Path, tmp_path: Path) -> None:
    chosen = PretrainSettings(steps=2, batch_size=2, ngram=0, eval_steps=100, save_steps=100)
    found = run(chosen, data, tmp_path)
    assert found.steps == len(found.loss) == 2
    assert round(found.parameters / 1e6, 1) == 126.3  # 129 less the rows of 2,600 tokens
    assert found.loss[0][1] == pytest.approx(np.log(400), abs=0.5)
    (tmp_path / "model" / "model.safetensors").unlink()  # half a gigabyte
