"""Tensors are read from mapped files, and a load takes little more memory than the model does."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from bot.generation.weights.mapped import StoredFile, StoredFiles
from tests.generation.speaking import save_llama

TENSORS = {
    "matrix": torch.arange(12.0).reshape(3, 4),
    "half": torch.arange(5, dtype=torch.bfloat16),
    "bytes": torch.arange(7, dtype=torch.uint8),
    "scale": torch.tensor(3.5, dtype=torch.float64),
    "nothing": torch.empty(0, 4),
    "truth": torch.tensor([True, False]),
}

PEAK = """
import re, sys
from pathlib import Path
from bot.generation.weights.loading import load
def now(key):
    return int(re.search(key + r":\\s+(\\d+)", Path("/proc/self/status").read_text())[1])
load(Path(sys.argv[1]), device="cpu", dtype="float32")
before = now("VmRSS")
loaded = load(Path(sys.argv[2]), device="cpu", dtype="float32")
print(before, now("VmRSS"), now("VmHWM"))
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "model.safetensors"
    save_file(TENSORS, path)
    return path


def same(ours: Tensor, theirs: Tensor) -> bool:
    return ours.dtype is theirs.dtype and ours.equal(theirs)


def test_every_tensor_is_what_was_saved(file: Path) -> None:
    read = StoredFiles([file]).tensors()
    assert read.keys() == TENSORS.keys()
    for name, tensor in TENSORS.items():
        assert read[name].get_shape() == list(tensor.shape)
        assert same(read[name][...], tensor), name
    assert same(read["matrix"][1:], TENSORS["matrix"][1:])
    assert read["half"].get_dtype() == "BF16"


def test_a_tensor_outlives_its_file_and_the_pages_that_were_dropped(file: Path) -> None:
    stored = StoredFile(file)
    tensor = stored.tensors()["matrix"][...]
    stored.drop()
    del stored
    file.unlink()
    assert tensor.equal(TENSORS["matrix"])


def test_what_is_written_to_a_tensor_does_not_reach_the_file(file: Path) -> None:
    before = file.read_bytes()
    StoredFiles([file]).tensors()["matrix"][...].zero_()
    assert file.read_bytes() == before


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="the kernel's own account is Linux's")
def test_loading_takes_little_more_than_the_model(tmp_path: Path) -> None:
    small = save_llama(tmp_path / "small")
    large = save_llama(
        tmp_path / "large", hidden_size=1024, intermediate_size=2048, num_hidden_layers=6
    )
    size = (large / "model.safetensors").stat().st_size
    command = [sys.executable, "-c", PEAK, str(small), str(large)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=100)
    before, after, peak = (1024 * int(number) for number in done.stdout.splitlines()[-1].split())
    assert after - before > 0.9 * size
    assert peak - after < 0.3 * size
