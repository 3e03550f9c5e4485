"""The same seed gives the same numbers, and what varies is refused."""

import random
import subprocess
import sys

import numpy as np
import torch

from kamerton.develop.training.repeat import repeatable


def draw() -> list[float]:
    return [random.random(), float(np.random.rand()), float(torch.rand(1))]


def test_one_seed_one_stream() -> None:
    repeatable(3, 1)
    first = draw()
    repeatable(3, 1)
    assert draw() == first
    repeatable(4, 1)
    assert draw() != first
    assert torch.get_num_threads() == 1 and torch.are_deterministic_algorithms_enabled()


def test_threads_wait_quietly_from_the_time_torch_loads() -> None:
    code = (
        "import os, sys; os.environ.pop('OMP_WAIT_POLICY', None)\n"
        "from kamerton.develop.training.repeat import repeatable\n"
        "assert 'torch' not in sys.modules\n"
        "class Spy:\n"
        "    def find_spec(self, name, *rest):\n"
        "        if name == 'torch': raise SystemExit(os.environ['OMP_WAIT_POLICY'])\n"
        "sys.meta_path.insert(0, Spy()); repeatable(0, 1)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stderr == "passive\n"
