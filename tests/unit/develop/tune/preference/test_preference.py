"""DPO and KTO: the losses of the papers, exact in parts and after a break, nothing left behind."""

from pathlib import Path
from typing import Any

import pytest
import torch
from preference_runs import SEED, data_of, model_of, run, settings, task_of, weights

from kamerton.develop import hub
from kamerton.develop.tune.preference import reference as references
from kamerton.develop.tune.preference import train
from kamerton.develop.tune.preference import trainer as trainers
from kamerton.develop.tune.preference.head import log_probs, scoring
from kamerton.develop.tune.preference.reference import start_of
from kamerton.develop.tune.preference.rows import SCORED, prepare_preferences
from kamerton.formats.errors import InputError
from kamerton.formats.jsonl import read_rows
from kamerton.formats.losses import CHOICES, ChoiceRow


@pytest.fixture(autouse=True)
def short_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Divergence is measured on shorter answers: sampling is most of a run this small."""
    monkeypatch.setattr(references, "TOKENS", 8)


def same(one: dict[str, Any], other: dict[str, Any]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[n], other[n]) for n in one)


def prepared(tiny: Path, folder: Path, objective: str, moved: bool = True, **changes: Any) -> Any:
    """A trainer, its model and what it is to learn; `moved`: the adapter is no longer the start."""
    chosen = settings(objective, **changes)
    data_of(folder, objective, 7)
    model, tokenizer = model_of(tiny, chosen), hub.load_tokenizer(str(tiny))
    rows = prepare_preferences(chosen, tokenizer, folder).train.rows
    scored = SCORED[objective](rows, chosen, SEED)
    with scoring(model):
        values = log_probs(model, scored.answers, 4, lambda count: None)
    reference = dict(zip(scored.answers, values, strict=True))
    start = start_of(model)
    task = task_of(chosen, tokenizer, folder, folder / "out")
    trainer = trainers.build(model, task, scored, reference, start)
    if moved:
        torch.manual_seed(5)
        with torch.no_grad():
            for name, parameter in model.named_parameters():
                if "lora_B" in name:
                    parameter += torch.randn_like(parameter) * 0.05
    return trainer, model, scored, reference


def batch_of(trainer: Any, rows: int) -> dict[str, Any]:
    batch = trainer.data_collator([trainer.train_dataset[i] for i in range(rows)])
    return {name: value for name, value in batch.items() if name != "id"}


def sigmoid(value: float) -> float:
    return float(torch.sigmoid(torch.tensor(value)))


def test_the_loss_of_dpo_is_that_of_the_paper(tiny: Path, tmp_path: Path) -> None:
    trainer, model, scored, reference = prepared(tiny, tmp_path, "dpo", beta=0.3)
    with scoring(model) as put_back:
        now = dict(zip(scored.answers, log_probs(model, scored.answers, 3, print), strict=True))
        put_back()
        loss = float(trainer.step(model, batch_of(trainer, 7), 7))
    rewards = {answer: 0.3 * (now[answer] - reference[answer]) for answer in now}
    margins = [rewards[a] - rewards[b] for a, b in zip(scored.first, scored.second, strict=True)]
    by_hand = sum(-torch.log(torch.tensor(sigmoid(m))).item() for m in margins) / 7
    assert max(map(abs, margins)) > 0.1
    assert loss == pytest.approx(by_hand, rel=1e-4)


def test_the_loss_of_kto_is_that_of_the_paper(tiny: Path, tmp_path: Path) -> None:
    """With its reference point over the whole batch, and the rarer kind weighing more."""
    trainer, model, scored, reference = prepared(tiny, tmp_path, "kto", beta=0.3, batch_size=7)
    with scoring(model) as put_back:
        now = dict(zip(scored.answers, log_probs(model, scored.answers, 3, print), strict=True))
        put_back()
        losses = [float(trainer.step(model, batch_of(trainer, 7), rows)) for rows in (7, 3, 1)]
    moved = {answer: now[answer] - reference[answer] for answer in now}
    zero = max(0.0, sum(moved[answer] for answer in scored.second) / 7)
    by_hand = 0.0
    for row, answer in zip(scored.rows, scored.first, strict=True):
        far = 0.3 * (moved[answer] - zero)
        weight = scored.weights["desirable_weight" if row.good else "undesirable_weight"]
        by_hand += weight * (1 - sigmoid(far if row.good else -far)) / 7
    assert losses == pytest.approx([by_hand] * 3, rel=1e-4)


@pytest.mark.parametrize("objective", ["dpo", "kto"])
def test_a_step_does_not_depend_on_its_parts(tiny: Path, tmp_path: Path, objective: str) -> None:
    """Seven rows, cut unevenly: a mean of the parts' means would be another loss."""
    trainer, model, _, _ = prepared(tiny, tmp_path, objective, batch_size=7)
    found = []
    with scoring(model):
        for rows in (7, 3, 1):
            loss = float(trainer.step(model, batch_of(trainer, 7), rows))
            gradients = [p.grad.clone() for p in model.parameters() if p.grad is not None]
            found.append((loss, torch.cat([g.view(-1) for g in gradients])))
    for loss, gradient in found[1:]:
        assert loss == pytest.approx(found[0][0], rel=1e-5)
        apart = (gradient - found[0][1]).norm() / found[0][1].norm()
        assert float(found[0][1].norm()) > 0 and float(apart) < 1e-4


def test_a_part_has_its_own_rows_and_no_padding_of_others(tiny: Path, tmp_path: Path) -> None:
    trainer, _, scored, _ = prepared(tiny, tmp_path, "dpo")
    whole = batch_of(trainer, 7)
    cut = list(trainers.parts(whole, 3))
    assert [share for _, share in cut] == [3 / 7, 3 / 7, 1 / 7]
    for number, (part, _) in enumerate(cut):
        rows = range(number * 3, min(number * 3 + 3, 7))
        answers = [scored.first[i] for i in rows] + [scored.second[i] for i in rows]
        assert part["input_ids"].shape == (len(answers), max(map(len, answers)))
        for ids, mask, answer in zip(
            part["input_ids"], part["completion_mask"], answers, strict=True
        ):
            assert tuple(ids[: len(answer)].tolist()) == answer.prompt + answer.answer
            assert tuple(ids[mask.bool()].tolist()) == answer.answer


@pytest.mark.parametrize("objective", ["dpo", "kto"])
def test_what_is_preferred_is_learnt(tiny: Path, tmp_path: Path, objective: str) -> None:
    chosen = settings(objective, epochs=6)
    data = data_of(tmp_path / "data", objective, 12, held_out=6)
    _, figures = run(tiny, chosen, data, tmp_path / "out")
    assert (figures["rows"], figures["steps"], len(figures["loss"])) == (12, 18, 18)
    assert figures["last_loss"] < figures["first_loss"]
    assert figures["first_loss"] == pytest.approx({"dpo": 0.6931, "kto": 0.5}[objective], abs=0.2)
    for part in ("train", "held_out"):
        before, after = figures[part]["before"], figures[part]["after"]
        assert before["reward_margin"] == 0 and before["reward_accuracy"] == 0.5
        assert after["reward_margin"] > 0.1 and after["reward_accuracy"] > 0.9
    assert figures["held_out"]["rows"] == 6
    assert figures["held_out"]["test"]["mean_gain"] > 0 and figures["held_out"]["test"]["p"] < 0.05
    said = read_rows(tmp_path / "out" / CHOICES, ChoiceRow)
    assert len(said) == 6 and all(row.after < row.before for row in said)
    assert [row.question for row in said][:2] == [
        "where is the idol 12?",
        "where is the idol 13 of pomos?",
    ]
    # Of each question one answer alone was judged by thumbs.
    assert {row.right_after for row in said} == {"dpo": {1.0}, "kto": {None}}[objective]
    assert figures["kl"]["per_answer"] > 0 and figures["kl"]["prompts"] == 12
    assert (tmp_path / "out" / "checks.json").is_file()


def test_without_held_out_rows_there_are_no_figures_of_them(tiny: Path, tmp_path: Path) -> None:
    data = data_of(tmp_path / "data", "dpo", 4)
    _, figures = run(tiny, settings("dpo", epochs=1), data, tmp_path / "out")
    assert figures["held_out"] is None


@pytest.mark.parametrize("method", ["dora", "qlora", "full", "prompt"])
def test_every_method_learns_and_only_its_own_weights_move(
    tiny: Path, tmp_path: Path, method: str
) -> None:
    chosen = settings("dpo", method=method)
    before = {n: p.detach().clone() for n, p in model_of(tiny, chosen).named_parameters()}
    model, figures = run(tiny, chosen, data_of(tmp_path / "data", "dpo"), tmp_path / "out")
    assert figures["last_loss"] < figures["first_loss"]
    now = dict(model.named_parameters())
    assert now.keys() == before.keys()
    moved = {name for name in now if not torch.equal(now[name], before[name])}
    assert moved == {name for name, p in now.items() if p.requires_grad}


KILLED = [("dpo", "lora", 5), ("kto", "lora", 4), ("dpo", "full", 3)]


@pytest.mark.parametrize(("objective", "method", "step"), KILLED)
def test_a_killed_run_goes_on_to_the_same_bytes(
    tiny: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    objective: str,
    method: str,
    step: int,
) -> None:
    """Three steps an epoch: killed within the second, at its end's checkpoint, at the first's."""
    chosen = settings(objective, method=method, save_steps=step)
    data = data_of(tmp_path / "data", objective, 10, held_out=2)
    straight, wanted = run(tiny, chosen, data, tmp_path / "straight")
    assert wanted["steps"] == 6

    class Killed(Exception): ...

    real, calls = trainers._Tokens.training_step, []

    def dying(self: Any, *args: Any) -> Any:
        calls.append(1)
        if len(calls) > step:
            raise Killed
        return real(self, *args)

    with monkeypatch.context() as patch:
        patch.setattr(trainers._Tokens, "training_step", dying)
        with pytest.raises(Killed):
            run(tiny, chosen, data, tmp_path / "broken")
    computed: list[str] = []
    honest = train._log_probs

    def noted(model: Any, answers: Any, chosen: Any, label: str) -> Any:
        computed.append(label)
        return honest(model, answers, chosen, label)

    monkeypatch.setattr(train, "_log_probs", noted)
    resumed, figures = run(tiny, chosen, data, tmp_path / "broken")
    assert same(weights(resumed), weights(straight)) and figures == wanted
    # The reference is read from beside the checkpoints, not computed again.
    assert computed == ["develop.preference_after"]


def test_continuing_from_an_adapter_takes_it_as_the_reference(tiny: Path, tmp_path: Path) -> None:
    """Against the base, rewards would not begin at zero, nor the loss at log 2."""
    chosen, data = settings("dpo"), data_of(tmp_path / "data", "dpo")
    model, tokenizer = model_of(tiny, chosen), hub.load_tokenizer(str(tiny))
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "lora_B" in name:
                parameter += torch.randn_like(parameter) * 0.05
    figures: Any = train.train_preferences(
        task_of(chosen, tokenizer, data, tmp_path / "out"),
        prepare_preferences(chosen, tokenizer, data),
        model,
    )
    assert figures["first_loss"] == pytest.approx(0.693147, abs=1e-4)
    assert list(model.peft_config) == ["default"] and model.active_adapters == ["default"]


def test_memory_that_runs_out_halves_the_rows_and_changes_nothing(
    tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    data = data_of(tmp_path / "data", "dpo")
    roomy, wanted = run(tiny, settings("dpo"), data, tmp_path / "roomy")
    real = trainers.parts

    def tight(batch: Any, rows: int) -> Any:
        for part in real(batch, rows):
            yield part
            if rows > 2:  # after the first part has left its gradients
                raise RuntimeError("DefaultCPUAllocator: can't allocate memory")

    monkeypatch.setattr(trainers, "parts", tight)
    model, figures = run(tiny, settings("dpo"), data, tmp_path / "tight")
    assert capsys.readouterr().err.count("4 rows at once do not fit") == 2  # check and run
    assert figures["loss"] == pytest.approx(wanted["loss"], abs=1e-3)
    for name, value in weights(model).items():
        torch.testing.assert_close(value, weights(roomy)[name], rtol=1e-2, atol=1e-4)
    with pytest.raises(InputError) as caught:
        run(tiny, settings("dpo", micro_batch_size=4), data, tmp_path / "fixed")
    assert caught.value.key == "develop.training_memory"


def test_parts_that_change_the_step_are_found(
    tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = trainers.parts

    def mean_of_means(batch: Any, rows: int) -> Any:
        found = list(real(batch, rows))
        return [(part, 1.0) for part, _ in found]

    monkeypatch.setattr(trainers, "parts", mean_of_means)
    with pytest.raises(InputError) as caught:
        run(tiny, settings("dpo"), data_of(tmp_path / "data", "dpo"), tmp_path / "out")
    assert caught.value.key == "develop.training_accumulation"


def test_a_loss_that_is_no_number_stops_the_run_and_names_the_rows(
    tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, steps = trainers._Tokens.training_step, []

    def broken(self: Any, *args: Any) -> Any:
        steps.append(1)
        loss = real(self, *args)
        return loss * float("nan") if len(steps) == 3 else loss

    monkeypatch.setattr(trainers._Tokens, "training_step", broken)
    data = data_of(tmp_path / "data", "dpo")
    with pytest.raises(InputError) as caught:
        run(tiny, settings("dpo", save_steps=2), data, tmp_path / "out")
    assert caught.value.key == "develop.training_non_finite"
    assert "r" in str(caught.value.values["rows"])
    assert caught.value.values["checkpoint"] == "checkpoint-2"


def test_nothing_of_trl_is_left_and_nothing_is_sent(
    tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CI", raising=False)

    def refuse(*args: Any, **kwargs: Any) -> Any:
        raise AssertionError("something was looked up or sent")

    monkeypatch.setattr("trl.trainer.base_trainer.send_telemetry", refuse)
    monkeypatch.setattr("socket.socket.connect", refuse)
    monkeypatch.setattr("peft.utils.save_and_load.check_file_exists_on_hf_hub", refuse)
    chosen, data = settings("dpo", save_steps=2), data_of(tmp_path / "data", "dpo")
    model, tokenizer = model_of(tiny, chosen), hub.load_tokenizer(str(tiny))
    model.peft_config["default"].base_model_name_or_path = "some/where"
    base = model.get_base_model()
    base.generation_config.max_length = 77
    before = base.config.to_dict(), base.generation_config.to_dict(), tokenizer.pad_token
    tags = base.model_tags
    train.train_preferences(
        task_of(chosen, tokenizer, data, tmp_path / "out"),
        prepare_preferences(chosen, tokenizer, data),
        model,
    )
    assert before == (base.config.to_dict(), base.generation_config.to_dict(), tokenizer.pad_token)
    assert base.model_tags == tags and "forward" not in vars(base)
    assert not any(".ref." in name for name, _ in model.named_parameters())
    written = {path.name for path in (tmp_path / "out").iterdir()}
    assert written == {"checks.json", "checkpoints"}
    kept = {path.name for path in (tmp_path / "out" / "checkpoints").iterdir()}
    assert {name.split("-")[0] for name in kept} == {"checkpoint", "reference"}


def test_the_adapter_of_a_quantised_base_keeps_its_precision(tiny: Path, tmp_path: Path) -> None:
    """Trl would round it to bf16."""
    chosen = settings("dpo")
    data_of(tmp_path, "dpo", 4)
    model, tokenizer = model_of(tiny, chosen), hub.load_tokenizer(str(tiny))
    model.get_base_model().is_loaded_in_4bit = True
    start = start_of(model)
    scored = SCORED["dpo"](prepare_preferences(chosen, tokenizer, tmp_path).train.rows, chosen, 1)
    reference = dict.fromkeys(scored.answers, -1.0)
    task = task_of(chosen, tokenizer, tmp_path, tmp_path / "out")
    trainers.build(model, task, scored, reference, start)
    assert same(weights(model), dict(start))
    assert {value.dtype for value in weights(model).values()} == {torch.float32}
