"""All that makes a training faster, together: nothing that is computed or saved changes."""

import copy
import platform
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import LoraConfig, get_peft_model
from test_training_attention import model_of

from kamerton.develop import hub
from kamerton.develop.settings import TuneSettings
from kamerton.develop.training import attention, elementwise, linear, speed
from kamerton.develop.tune.adapter import attach
from kamerton.develop.tune.loss import supervised_loss

ROWS = [[5, 6, 7, 8, 9, 10], [5, 6, 7, 8, 11], [5, 6, 7, 12, 9, 10], [20, 6, 7, 8]]
glibc = pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="not with glibc")
LORA = 7 * 3
"""Adapted layers of the small models; each brings two small products of its own."""


@pytest.fixture(autouse=True)
def anywhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """oneDNN computes on every processor that torch is built for, if not faster."""
    if not torch.backends.mkldnn.is_available():
        pytest.skip("torch without oneDNN")
    monkeypatch.setattr(linear, "onednn_pays", lambda: True)


@pytest.fixture(autouse=True)
def undone() -> Iterator[None]:
    """The rotations of architectures are the whole process's: no test leaves ours there."""
    yield
    for kind in ("llama", "qwen2", "qwen3", "mistral"):
        elementwise.undo(model_of(kind))


def adapted(kind: str) -> Any:
    """An adapter that changes something, on all linear layers; biases that weigh something."""
    model = model_of(kind)
    wanted = ["c_attn", "c_proj", "c_fc"] if kind == "gpt2" else "all-linear"
    model = get_peft_model(model, LoraConfig(r=4, lora_alpha=10, target_modules=wanted))
    generator = torch.Generator().manual_seed(2)
    for name, parameter in model.named_parameters():
        if "lora_B" in name or "bias" in name:
            parameter.data.copy_(torch.randn(parameter.shape, generator=generator) * 0.1)
    return model.train()


def batch() -> dict[str, Any]:
    rows = [{"input_ids": ids, "supervised": [n > 2 for n in range(len(ids))]} for ids in ROWS]
    return attention.flatten(rows)


def step(model: Any) -> list[torch.Tensor]:
    """Loss, and the gradient of each trained tensor."""
    model.zero_grad()
    loss = supervised_loss(model, batch())
    loss.backward()
    return [loss.detach(), *(p.grad.clone() for p in model.parameters() if p.grad is not None)]


def near(got: list[torch.Tensor], wanted: list[torch.Tensor]) -> None:
    for one, other in zip(got, wanted, strict=True):
        bound = 2e-5 * max(1e-2, float(other.abs().max()))
        torch.testing.assert_close(one, other, atol=bound, rtol=0)


@pytest.mark.parametrize(
    ("kind", "found"),
    [
        ("llama", (3 * LORA + 1, LORA, 11, 1)),
        ("qwen2", (3 * LORA + 1, LORA, 11, 1)),
        ("qwen3", (3 * LORA + 1, LORA, 17, 1)),
        ("mistral", (3 * LORA + 1, LORA, 11, 1)),
        ("gpt2", (2 * 12 + 1, 0, 0, 0)),
    ],
)
def test_a_step_is_the_plain_one(kind: str, found: tuple[int, ...]) -> None:
    """GPT-2 has layers of another kind, and dropout."""
    model = adapted(kind).train(kind != "gpt2")
    attention.use(model, longest=16)
    wanted = step(model)
    parts = speed.use(model)
    assert tuple(parts.values())[:3] == found[:3]
    assert parts["shared_prefixes"] == found[3]
    near(step(model), wanted)
    speed.undo(model)
    assert all(torch.equal(*pair) for pair in zip(step(model), wanted, strict=True))


def test_the_comparison_finds_a_scale_that_was_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    model = adapted("llama")
    attention.use(model, longest=16)
    wanted = step(model)
    real = linear.LowRank.apply
    monkeypatch.setattr(linear.LowRank, "apply", lambda *args: real(*args[:-1], 1.0))
    speed.use(model)
    with pytest.raises(AssertionError):
        near(step(model), wanted)


def test_before_the_adapter_and_after_it(tiny: Path) -> None:
    """As the tune stage calls it: the base is measured first."""
    base = hub.load_model(str(tiny))
    own = type(base).forward
    with speed.faster(base):
        assert not torch.utils.deterministic.fill_uninitialized_memory
        model = attach(base, TuneSettings(rank=4))
        attention.use(model, 64)
        parts = speed.use(model)
        assert parts == {"products": 2 * 28, "low_rank": 28, "elementwise": 0, "shared_prefixes": 1}
        assert speed.use(model) == dict.fromkeys(parts, 0), "a second time there is nothing to do"
    assert torch.utils.deterministic.fill_uninitialized_memory
    assert not any("forward" in m.__dict__ for m in model.modules()) and type(base).forward is own
    assert base.config._attn_implementation == attention.DOCUMENTS


def test_it_ends_where_a_training_fails() -> None:
    model = adapted("llama")
    with pytest.raises(KeyError), speed.faster(model):
        raise KeyError
    assert not any("forward" in m.__dict__ for m in model.modules())


def test_attention_that_was_not_ours_stays() -> None:
    model = adapted("llama")
    before = model.get_base_model().config._attn_implementation
    with speed.faster(model):
        pass
    assert model.get_base_model().config._attn_implementation == before


def test_a_copy_is_a_model_of_its_own() -> None:
    model = adapted("llama")
    attention.use(model, longest=16)
    speed.use(model)
    wanted, twin = step(model), copy.deepcopy(model)
    assert all(torch.equal(*pair) for pair in zip(step(twin), wanted, strict=True))
    for parameter in twin.parameters():
        parameter.data.zero_()
    assert all(torch.equal(*pair) for pair in zip(step(model), wanted, strict=True))
    assert float(step(twin)[0]) != float(wanted[0])


def test_what_is_saved_and_merged_is_the_same(tmp_path: Path) -> None:
    plain, fast = adapted("qwen2"), adapted("qwen2")
    attention.use(fast, longest=16)
    speed.use(fast)
    states = [model.state_dict() for model in (plain, fast)]
    assert list(states[0]) == list(states[1])
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[0])
    for name, model in (("plain", plain), ("fast", fast)):
        model.save_pretrained(tmp_path / name, save_embedding_layers=False)
    files = ["adapter_model.safetensors", "adapter_config.json"]
    for file in files:
        assert (tmp_path / "plain" / file).read_bytes() == (tmp_path / "fast" / file).read_bytes()
    merged = [model.merge_and_unload().eval() for model in (plain, fast)]
    ids = torch.tensor([ROWS[0]])
    torch.testing.assert_close(merged[1](ids).logits, merged[0](ids).logits, atol=1e-5, rtol=0)


@pytest.mark.parametrize("method", ["dora", "full", "prompt"])
def test_other_methods_compute_the_same(tiny: Path, method: str) -> None:
    torch.manual_seed(0)
    settings = TuneSettings.model_validate({"method": method, "rank": 4})
    model = attach(hub.load_model(str(tiny)), settings, [1, 2]).train()
    given = {name: batch()[name] for name in ("input_ids", "supervised")}
    given["attention_mask"] = torch.ones_like(given["input_ids"])

    def padded() -> list[torch.Tensor]:
        model.zero_grad()
        loss = supervised_loss(model, given)
        loss.backward()
        return [loss.detach(), *(p.grad.clone() for p in model.parameters() if p.grad is not None)]

    wanted = padded()
    with speed.faster(model):
        near(padded(), wanted)


@pytest.mark.parametrize("bits", [4, 8])
def test_a_quantised_base_keeps_its_own_products(tiny: Path, bits: int) -> None:
    settings = TuneSettings.model_validate({"method": "qlora", "bits": bits, "rank": 4})
    torch.manual_seed(0)
    model = attach(hub.load_quantised(str(tiny), bits), settings).train()
    attention.use(model, 64)
    wanted = step(model)
    with speed.faster(model):
        parts = [type(m).__name__ for m in model.modules() if "forward" in m.__dict__]
        assert "LlamaRMSNorm" in parts and not {"Linear4bit", "Linear8bitLt"} & set(parts)
        near(step(model), wanted)


def test_under_autocast_everything_is_the_models_own() -> None:
    model = adapted("llama")
    with torch.autocast("cpu"):
        wanted = step(model)
        with speed.faster(model):
            assert all(torch.equal(*pair) for pair in zip(step(model), wanted, strict=True))


_STEPS = """
import resource
import torch
from contextlib import nullcontext
from pathlib import Path
from kamerton.develop.training import speed

def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt

def step():
    kept = [torch.empty(size).fill_(1.0) for size in (4_000_000, 300_000, 20_000_000)]
    del kept

def resident():
    return int(Path("/proc/self/statm").read_text().split()[1])

step()
with {block}:
    for _ in range(10):
        step()
    before = faults()
    for _ in range(5):
        step()
    print(faults() - before, end=" ")
    large = resident()
print(large - resident())
"""


def counted(block: str) -> tuple[int, int]:
    """Faults of five steps after some others, and pages that went back at the end of the block."""
    done = subprocess.run(
        [sys.executable, "-c", _STEPS.format(block=block)],
        capture_output=True,
        text=True,
        check=True,
        env={"PATH": "", "OMP_NUM_THREADS": "1"},
    )
    first, second = done.stdout.split()
    return int(first), int(second)


@glibc
def test_a_step_takes_the_pages_of_the_steps_before() -> None:
    asked_again, _ = counted("nullcontext()")
    kept, given_back = counted("speed.kept_memory()")
    assert asked_again > 5 * 20_000_000 * 4 // 4096
    assert kept < asked_again / 50
    assert given_back > 20_000_000 * 4 // 4096


_FLAGS = """
import os
os.environ.pop("THP_MEM_ALLOC_ENABLE", None)
from pathlib import Path
from kamerton.develop.training.threads import repeatable
repeatable(0, 1)
import torch
block = torch.empty(10_000_000)
place = block.data_ptr()
for line in Path("/proc/self/smaps").read_text().splitlines():
    first = line.split()[0]
    if "-" in first:
        low, high = (int(bound, 16) for bound in first.split("-"))
    if first == "VmFlags:" and low <= place < high:
        print("hg" in line.split())
"""


@glibc
@pytest.mark.skipif(
    not Path("/sys/kernel/mm/transparent_hugepage").is_dir(), reason="no such pages"
)
def test_torch_is_asked_for_large_pages_before_it_takes_memory() -> None:
    done = subprocess.run(
        [sys.executable, "-c", _FLAGS], capture_output=True, text=True, check=True
    )
    assert done.stdout == "True\n"
