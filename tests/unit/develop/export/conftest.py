"""One thread for torch: these models are too small to share, and the machine may be busy."""

import pytest


@pytest.fixture(autouse=True, scope="session")
def one_thread() -> None:
    import torch

    torch.set_num_threads(1)
