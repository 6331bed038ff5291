"""The shipped demonstration model, loaded once for this folder."""

from __future__ import annotations

import pytest
import torch

from bot.demo.training.measure import Demonstration


@pytest.fixture(scope="session")
def demonstration() -> Demonstration:
    torch.set_num_threads(1)
    return Demonstration()
