"""The same seed and the same number of threads give the same bytes."""

import os

from kamerton.develop.training import waiting


def repeatable(seed: int, threads: int) -> None:
    """Seed every random generator, fix the number of threads, forbid operations that vary.

    `threads` 0 takes all cores. Call it first, before anything loads torch, and again where a
    library may have moved the random state since.
    """
    wanted = threads or os.cpu_count() or 1
    may_spin = waiting.choose(wanted)
    # cuBLAS sums in one order only with a workspace of fixed size (its manual, "Results
    # Reproducibility"); read when CUDA starts, of no meaning without it.
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    # Blocks of 2 MiB and more in large pages (torch's tuning guide for CPUs; Linux): fewer faults,
    # docs/decisions/0006. Read when torch takes its first memory.
    os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")
    import torch
    from transformers import set_seed

    torch.set_num_threads(wanted)
    if may_spin:
        waiting.watch(wanted)
    set_seed(seed)
    torch.use_deterministic_algorithms(True)
