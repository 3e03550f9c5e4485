"""A base and five adaptations of it, each as its engine serves it, proven; and what is refused."""

import json
import shutil
from collections.abc import Callable
from functools import partialmethod
from pathlib import Path
from typing import Any

import pytest

from kamerton.develop import hub
from kamerton.develop.export.plan import probes
from kamerton.develop.export.run import Trained, export, export_run
from kamerton.develop.settings import ExportSettings
from kamerton.formats.chat import ChatRow, chat
from kamerton.formats.errors import InputError
from kamerton.formats.jsonl import write_rows, write_text
from kamerton.formats.manifest import sha256
from kamerton.formats.preference import KtoRow, PreferenceRow
from kamerton.formats.serving import FILE, ServingSpec

F16 = ExportSettings(quantisation="f16", context=256)
SYSTEM = "You are a museum guide."
METHODS = ("lora", "qlora", "dora", "full", "prompt")
CHATS = [
    chat(SYSTEM, "Where is the Idol of Pomos?"),
    chat(SYSTEM, "What was it made of,\n\n3000 BC?"),
    chat("", "Где хранится Идол из Помоса, №12?"),
]


def train(method: str, base: str, out: Path, seed: int = 1) -> Path:
    """What the tune stage leaves, its weights drawn at random instead of learnt."""
    import torch

    torch.set_num_threads(1)
    torch.manual_seed(seed)
    model = hub.load_model(base)
    if method == "full":
        _shift(model.named_parameters(), "proj", 0.02)
        model.save_pretrained(out / "model")
        hub.load_tokenizer(base).save_pretrained(out / "model")
    else:
        tuned = _wrapped(model, method)
        _shift(tuned.named_parameters(), "lora_B", 0.05)
        tuned.save_pretrained(out / "adapter", save_embedding_layers=False)
    figures = {"method": method, "method_settings": {"bits": 4} if method == "qlora" else {}}
    write_text(out / "training.json", json.dumps(figures))
    return out


def _wrapped(model: Any, method: str) -> Any:
    from peft import LoraConfig, PromptTuningConfig, get_peft_model

    if method == "prompt":
        return get_peft_model(
            model, PromptTuningConfig(num_virtual_tokens=4, task_type="CAUSAL_LM")
        )
    config = LoraConfig(
        r=4, target_modules="all-linear", use_dora=method == "dora", task_type="CAUSAL_LM"
    )
    return get_peft_model(model, config)


def _shift(parameters: Any, part: str, size: float) -> None:
    import torch

    for name, parameter in parameters:
        if part in name:
            parameter.data.add_(torch.randn_like(parameter) * size)


@pytest.fixture(scope="module")
def tuned(tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Trained]:
    home = tmp_path_factory.mktemp("tuned")
    return [Trained(f"by-{m}", train(m, str(tiny), home / m)) for m in METHODS]


@pytest.fixture(scope="module")
def exported(tiny: Path, tuned: list[Trained], tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("export")
    export(F16, str(tiny), tuned, SYSTEM, CHATS, out, threads=1)
    return out


def figures(out: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((out / "parity.json").read_text())
    return found


def test_every_method_becomes_a_file_of_its_engine(exported: Path, tiny: Path) -> None:
    spec = ServingSpec.model_validate_json((exported / FILE).read_text())
    kinds = {a.name: a.kind for a in spec.adapters}
    assert list(kinds.values()) == ["lora", "lora", "merged", "merged", "prompt"]
    for adapter in spec.adapters:
        assert adapter.sha256 == sha256(exported / adapter.file)
    assert spec.base_sha256 == sha256(exported / spec.base)
    assert (exported / "by-prompt" / "adapter_config.json").is_file()
    assert (spec.weights, spec.system, spec.context) == ("weights", SYSTEM, 256)
    assert not list(exported.glob("*.new"))


def test_every_adaptation_is_proven(exported: Path) -> None:
    found = figures(exported)["adaptations"]
    for method in ("lora", "qlora", "dora", "full"):
        one = found[f"by-{method}"]
        assert one["engine"] == "llama.cpp"
        for weights in ("float", "stored"):
            assert one[weights]["positions"] > 10
            assert one[weights]["same_tokens"] >= 0.95 * one[weights]["positions"]
            assert one[weights]["kl_mean"] < 1e-4
        assert one["effect"]["largest"] > 0.05 > one["effect"]["error"]
    for method in ("lora", "qlora"):
        assert found[f"by-{method}"]["modules"] == found[f"by-{method}"]["applied_modules"] == 28
    assert found["by-dora"]["merge_largest_logit_difference"] < 1e-3
    soft = found["by-prompt"]
    assert soft["engine"] == "transformers"
    assert soft["largest_logit_difference"] <= 1e-5
    assert soft["virtual_tokens"] == 4
    assert soft["effect"] > 0.05


def test_what_the_quantised_base_of_qlora_would_have_said_is_measured(exported: Path) -> None:
    one = figures(exported)["adaptations"]["by-qlora"]
    assert one["trained_on_bits"] == 4
    assert one["served_on"] == "the base's own weights, stored as f16"
    assert one["quantised_trainer"]["kl_mean"] > 100 * one["float"]["kl_mean"]


def test_a_quantised_export_says_that_its_base_is(
    tiny: Path, tuned: list[Trained], tmp_path: Path
) -> None:
    settings = F16.model_copy(update={"quantisation": "q8_0"})
    export(settings, str(tiny), tuned[1:2], SYSTEM, CHATS[:1], tmp_path, threads=1)
    one = figures(tmp_path)["adaptations"]["by-qlora"]
    assert one["served_on"] == "the base's own weights, stored as q8_0"


def test_the_summary_is_over_all_adaptations(exported: Path) -> None:
    found = figures(exported)
    assert found["chats"] == found["same_token_ids"] == found["next_tokens"] == 3
    assert found["same_next_token_base"] == found["next_tokens"]
    assert found["largest_logprob_difference"] < 0.05
    assert found["same_next_token_adapted"] == found["next_tokens_adapted"] >= 14
    effects = [one["effect"] for one in found["adaptations"].values()]
    numbers = [one["largest"] if isinstance(one, dict) else one for one in effects]
    assert found["smallest_adapter_effect"] == min(numbers) > 0


def test_a_base_alone_is_proven_too(tiny: Path, tmp_path: Path) -> None:
    spec = export(F16, str(tiny), [], "", CHATS, tmp_path, threads=1)
    assert spec.adapters == []
    assert spec.weights == ""
    assert figures(tmp_path)["base"]["stored"]["kl_mean"] < 1e-4


def test_merging_leaves_a_model_that_says_the_same(
    tiny: Path, tuned: list[Trained], tmp_path: Path
) -> None:
    settings = F16.model_copy(update={"merge": True})
    for count in (1, 2):
        out = tmp_path / str(count)
        export(settings, str(tiny), tuned[: 2 * count : 2], "", CHATS, out, threads=1)
    assert (tmp_path / "1" / "merged" / "config.json").is_file()
    assert {p.name for p in (tmp_path / "2" / "merged").iterdir()} == {"by-lora", "by-dora"}
    told = json.loads((tmp_path / "2" / "merge.json").read_text())
    assert set(told["adaptations"]) == {"by-lora", "by-dora"}
    assert 0 < told["largest_logit_difference"] < 1e-3
    base, merged = (
        hub.load_model(str(where)).state_dict() for where in (tiny, tmp_path / "1" / "merged")
    )
    assert {name for name in base if not base[name].equal(merged[name])} == {
        name for name in base if "proj" in name
    }


def other_base(tiny: Path, home: Path) -> Path:
    """The tiny model with one layer changed."""
    other = shutil.copytree(tiny, home / "other")
    model = hub.load_model(str(other))
    model.model.layers[1].mlp.up_proj.weight.data.add_(0.05)
    model.save_pretrained(other)
    return other


def planted(fault: str, tiny: Path, home: Path, patch: pytest.MonkeyPatch) -> str:
    """Plant a fault in the export; returns the method that it concerns."""
    from gguf import GGUFWriter

    from kamerton.develop.export import architectures, vocabulary

    if fault == "order of Q and K":
        reorder = architectures.to_engine
        patch.setattr(
            architectures,
            "to_engine",
            lambda name, values, config, back=False: (
                reorder(name, values, config, back) if back else values
            ),
        )
    elif fault == "other splitting":
        patch.setattr(vocabulary, "split_name", lambda data: "gpt-2")
    elif fault == "part of an adapter":
        add = GGUFWriter.add_tensor
        patch.setattr(GGUFWriter, "add_tensor", partialmethod(_but_for_a_layer, add))
    elif fault == "merge into another base":
        _change_second_load(patch, str(other_base(tiny, home)))
        return "dora"
    return "lora"


def _but_for_a_layer(
    writer: Any, add: Callable[..., None], name: str, *args: Any, **how: Any
) -> None:
    if not ("blk.2." in name and "lora" in name):
        add(writer, name, *args, **how)


def _change_second_load(patch: pytest.MonkeyPatch, other: str) -> None:
    load: Callable[..., Any] = hub.load_model
    loads: list[str] = []

    def changed(base: str) -> Any:
        loads.append(base)
        return load(base if len(loads) == 1 else other)

    patch.setattr(hub, "load_model", changed)


FAULTS = {
    "order of Q and K": "develop.export_weights",
    "other splitting": "develop.parity_tokens",
    "part of an adapter": "develop.export_part",
    "merge into another base": "develop.export_merge",
}


@pytest.mark.parametrize(
    ("fault", "quantisation"),
    [*((fault, "q4_0") for fault in FAULTS), ("order of Q and K", "f16")],
    # What is found under the noise of q4_0 is found in f16 too.
)
def test_files_that_fail_their_proof_are_not_served(
    fault: str,
    quantisation: str,
    tiny: Path,
    tuned: list[Trained],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    method = planted(fault, tiny, tmp_path, monkeypatch)
    trained = [one for one in tuned if one.name == f"by-{method}"]
    write_text(tmp_path / "out" / FILE, "{}")  # of an export before
    settings = ExportSettings(quantisation=quantisation, context=256)  # type: ignore[arg-type]
    with pytest.raises(InputError) as error:
        export(settings, str(tiny), trained, "", probes_of(tmp_path), tmp_path / "out", threads=1)
    assert error.value.key == FAULTS[fault]
    assert not (tmp_path / "out" / FILE).exists()


def probes_of(home: Path) -> list[Any]:
    """Chats with digits and blank lines, on which splittings differ."""
    write_rows(home / "data" / "held_out.jsonl", [ChatRow(id="a", messages=CHATS[0])])
    return probes({home / "data": SYSTEM})


def spoilt(one: Trained, home: Path, **changes: object) -> Trained:
    """A copy of an adaptation whose adapter_config.json says something else."""
    folder = shutil.copytree(one.tune, home / "spoilt")
    file = folder / "adapter" / "adapter_config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | changes))
    return Trained(one.name, folder)


def test_what_cannot_be_exported_is_told_before_weights_load(
    tiny: Path, tuned: list[Trained], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hub, "load_model", lambda base: pytest.fail("weights were loaded"))
    lora, prompt = tuned[0], tuned[-1]
    other = spoilt(lora, tmp_path, base_model_name_or_path=str(tmp_path))
    unknown = Trained("x", tmp_path / "unknown")
    write_text(unknown.tune / "training.json", '{"method": "magic"}')
    missing = Trained("x", tmp_path / "missing")
    write_text(missing.tune / "training.json", '{"method": "lora"}')
    mixed = Trained("x", shutil.copytree(lora.tune, tmp_path / "mixed"))
    write_text(mixed.tune / "training.json", '{"method": "dora"}')
    merging = F16.model_copy(update={"merge": True})
    for key, settings, trained in [
        ("develop.export_name", F16, [lora, lora]),
        ("develop.export_name", F16, [Trained("base", lora.tune)]),
        ("develop.export_name", F16, [Trained("a/b", lora.tune)]),
        ("develop.export_method", F16, [unknown]),
        ("formats.file_missing", F16, [missing]),
        ("develop.export_mixed", F16, [mixed]),
        ("develop.export_other_base", F16, [other]),
        ("develop.export_no_merge", merging, [prompt]),
    ]:
        with pytest.raises(InputError) as error:
            export(settings, str(tiny), trained, "", CHATS, tmp_path / "out")
        assert error.value.key == key
        assert str(error.value)


def dataset(folder: Path, system: str) -> Path:
    """A dataset of one row, with an index."""
    write_rows(folder / "held_out.jsonl", [ChatRow(id="a", messages=chat("", "Where?", "Here."))])
    write_text(folder / "dataset.json", json.dumps({"system": system}))
    write_text(folder / "index" / "chunks.jsonl", json.dumps({"of": system}))
    return folder


def test_a_run_gives_its_datasets_chats_index_and_systems(
    tiny: Path, tuned: list[Trained], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    one, two = (dataset(tmp_path / name, f"You are {name}.") for name in ("one", "two"))
    folders = {"a": (one, tuned[0].tune), "b": (two, tuned[1].tune), "c": (one, tuned[0].tune)}
    spec = export_run(F16, str(tiny), folders, tmp_path / "out", threads=1)
    assert (spec.index, spec.system, spec.systems) == (
        "index",
        "You are one.",
        {"b": "You are two."},
    )
    assert "one" in (tmp_path / "out" / "index" / "chunks.jsonl").read_text()
    assert str(one / "index") in capfd.readouterr().err
    assert figures(tmp_path / "out")["chats"] == 4


def test_probes_are_prompts_of_any_form_of_rows(tmp_path: Path) -> None:
    asked = chat("", "Where?")
    for row in (
        ChatRow(id="a", messages=chat("", "Where?", "Here.")),
        PreferenceRow(id="a", prompt=asked, chosen="Here.", rejected="No."),
        KtoRow(id="a", prompt=asked, completion="Here.", label=True),
    ):
        write_rows(tmp_path / "held_out.jsonl", [row])
        assert probes({tmp_path: SYSTEM})[0] == asked
    write_rows(tmp_path / "held_out.jsonl", [])
    write_rows(tmp_path / "train.jsonl", [ChatRow(id="b", messages=chat("", "Why?", "So."))])
    found = probes({tmp_path: SYSTEM})
    assert found[0] == chat("", "Why?")
    assert found[-2][-1].role == "user"
    assert any("№" in message.content for message in found[-1])
