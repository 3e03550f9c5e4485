"""As many rows at once as fit; what has nothing to do with memory is nobody's to swallow."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch

from kamerton.develop.training import memory
from kamerton.develop.training.memory import divisor, out_of_memory, run_with
from kamerton.formats.errors import InputError

REAL = RuntimeError("[enforce fail at alloc_cpu.cpp:127] err == 0. DefaultCPUAllocator: can't ...")


def fits(most: int, tried: list[int], error: Exception) -> object:
    def train(rows: int) -> str:
        tried.append(rows)
        if rows > most:
            raise error
        return f"trained with {rows}"

    return train


@pytest.mark.parametrize(
    "error", [REAL, MemoryError(), torch.OutOfMemoryError("CUDA out of memory")]
)
def test_auto_halves_until_it_fits(error: Exception, capsys: pytest.CaptureFixture[str]) -> None:
    tried: list[int] = []
    assert run_with("auto", 12, fits(3, tried, error)) == "trained with 3"  # type: ignore[arg-type]
    assert tried == [12, 6, 3]
    said = capsys.readouterr().err
    assert "12 rows at once do not fit" in said and "trying 3" in said


def test_parts_always_make_up_one_batch() -> None:
    tried: list[int] = []
    run_with("auto", 9, fits(1, tried, REAL))  # type: ignore[arg-type]
    run_with(5, 12, fits(12, tried, REAL))  # type: ignore[arg-type]
    assert tried == [9, 3, 1, 4]
    assert [divisor(7, most) for most in (1, 3, 7, 9)] == [1, 1, 7, 7]


def test_a_number_of_the_users_is_not_changed_but_answered() -> None:
    tried: list[int] = []
    with pytest.raises(InputError, match=r"micro_batch_size = 6 .* set it to 3"):
        run_with(6, 12, fits(3, tried, REAL))  # type: ignore[arg-type]
    assert tried == [6]


def test_where_not_even_one_row_fits_it_ends() -> None:
    with pytest.raises(InputError, match="not even one row"):
        run_with("auto", 4, fits(0, [], REAL))  # type: ignore[arg-type]


@pytest.mark.parametrize("error", [RuntimeError("shapes do not match"), ValueError("memory")])
def test_other_errors_are_not_swallowed(error: Exception) -> None:
    tried: list[int] = []
    with pytest.raises(type(error)):
        run_with("auto", 12, fits(3, tried, error))  # type: ignore[arg-type]
    assert tried == [12] and not out_of_memory(error)


def test_what_a_failed_try_held_is_free_before_the_next() -> None:
    import weakref

    class Held:
        pass

    seen: list[weakref.ref[Held]] = []

    def train(rows: int) -> bool:
        if seen:
            return seen[0]() is None
        held = Held()
        seen.append(weakref.ref(held))
        raise MemoryError

    assert run_with("auto", 2, train)


PROGRAM = """
import sys, torch
from pathlib import Path
from kamerton.develop.training import memory
from kamerton.develop.training.memory import run_with
memory.free_bytes = lambda: 400 * 2**20
def train(rows):
    return sum(float(t[0]) for t in [torch.ones(rows * 2**20) for _ in range(16)])
print(run_with("auto", 16, train), run_with("auto", 4, train))
"""


@pytest.mark.skipif(not Path("/proc/meminfo").is_file(), reason="only Linux says what is free")
def test_memory_that_really_runs_out_is_no_kill() -> None:
    """64 MiB sixteen times does not fit into 400 MiB, 32 neither, 16 does."""
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["16.0", "16.0"]
    assert [line.split()[0] for line in done.stderr.splitlines() if "do not fit" in line] == [
        "16",
        "8",
    ]


def test_the_bound_of_a_container_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "meminfo").write_text("MemTotal: 9000 kB\nMemAvailable:    8000 kB\n")
    monkeypatch.setattr(memory, "_MEMORY", tmp_path / "meminfo")
    monkeypatch.setattr(memory, "_GROUPS", {tmp_path: ("memory.max", "memory.current")})
    assert memory.free_bytes() == 8000 * 1024
    (tmp_path / "memory.current").write_text("600\n")
    (tmp_path / "memory.max").write_text("max\n")
    assert memory.free_bytes() == 8000 * 1024
    (tmp_path / "memory.max").write_text("1000\n")
    (tmp_path / "memory.stat").write_text("anon 500\ninactive_file 70\n")
    assert memory.free_bytes() == 470
    monkeypatch.setattr(memory, "_MEMORY", tmp_path / "none")
    assert memory.free_bytes() is None


def test_the_bound_ends_with_the_block() -> None:
    resource = pytest.importorskip("resource")
    before = resource.getrlimit(resource.RLIMIT_DATA)
    with pytest.raises(KeyError), memory.within_memory():
        raise KeyError
    assert resource.getrlimit(resource.RLIMIT_DATA) == before
