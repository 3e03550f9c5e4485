"""The life of an engine's process: what it says when it cannot start, and that stopped is ended."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from kamerton.engines.child import ChildProcess
from kamerton.engines.llamacpp.engine import LlamaCpp, LlamaCppSettings
from kamerton.engines.transformers.engine import SoftPromptSettings, Transformers
from kamerton.formats.errors import InputError
from tiny import write_base, write_prompt


def test_a_worker_that_cannot_run_says_why() -> None:
    engine = ChildProcess("kamerton.engines.no_such", {}, where="model.gguf")
    with pytest.raises(InputError) as caught:
        engine.start()
    assert "model.gguf" in str(caught.value) and "no_such" in str(caught.value)
    assert not engine.alive and engine.starts == 0


def test_after_stop_no_process_begins(tmp_path: Path) -> None:
    """The watch may be about to restart it: what it starts then is ended at once."""
    base = str(write_base(tmp_path / "base.gguf"))
    engine = LlamaCpp(LlamaCppSettings(base, context=64))
    engine.stop()
    try:
        with pytest.raises(InputError):
            engine.start()
    finally:
        engine.stop()
    assert engine.pid and not engine.alive and engine.starts == 0


def drop_tensor(folder: Path) -> str:
    """A weights file that lacks one tensor; transformers by itself would draw it at random."""
    from safetensors.numpy import load_file, save_file

    tensors = load_file(folder / "model.safetensors")
    name = next(name for name in tensors if "o_proj" in name)
    del tensors[name]
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    return name


def cut(folder: Path) -> str:
    """A weights file that ends early."""
    file = folder / "model.safetensors"
    file.write_bytes(file.read_bytes()[:1000])
    return "SafetensorError"


def remove(folder: Path) -> str:
    """No weights file at all."""
    (folder / "model.safetensors").unlink()
    return "model.safetensors"


@pytest.mark.parametrize("spoil", [drop_tensor, cut, remove])
def test_a_float_base_that_cannot_be_loaded_is_told(
    spoil: Callable[[Path], str], tiny: Path, tmp_path: Path
) -> None:
    base = tmp_path / "base"
    shutil.copytree(tiny, base)
    named = spoil(base)
    soft = {"soft": str(write_prompt(tmp_path / "soft", 1))}
    settings = SoftPromptSettings(str(base), soft, "chatml", context=64, threads=1)
    engine = Transformers(settings)
    with pytest.raises(InputError) as caught:
        engine.start()
    said = str(caught.value)
    assert str(base) in said and named in said and "Traceback" not in said, said
    assert not engine.alive
