"""Where the layers of a model go, and what cannot be had here."""

from __future__ import annotations

import pytest
import torch

from bot.errors import ModelLoadError
from bot.generation.weights.placement import Plan, layer_devices, make_plan

LAYERS = ["model.layers.0", "model.layers.1", "model.layers.10"]
CPU = torch.device("cpu")


def cuda(index: int) -> torch.device:
    return torch.device("cuda", index)


def test_one_device_holds_every_layer() -> None:
    assert layer_devices({"": "cpu"}, LAYERS) == (CPU,) * 3
    assert layer_devices({"": CPU}, LAYERS) == (CPU,) * 3
    assert layer_devices({"": 0}, LAYERS) == (cuda(0),) * 3


def test_layers_are_found_by_their_innermost_name() -> None:
    placed = {
        "model.embed_tokens": 0,
        "model.layers.0": 0,
        "model.layers.1": "cuda:1",
        "model.layers.10": cuda(2),
        "model.norm": 2,
        "lm_head": 2,
    }
    assert layer_devices(placed, LAYERS) == (cuda(0), cuda(1), cuda(2))
    assert layer_devices({"model": 1, "model.layers.1": 0}, LAYERS) == (cuda(1), cuda(0), cuda(1))
    assert layer_devices({"model": "cuda"}, LAYERS[:1]) == (cuda(0),)


@pytest.mark.parametrize("elsewhere", ["cpu", "disk"])
def test_layers_outside_of_the_gpus_are_an_error(elsewhere: str) -> None:
    placed = {"model.layers.0": 0, "model.layers.1": elsewhere, "model.layers.10": 0}
    with pytest.raises(ModelLoadError, match="does not fit"):
        layer_devices(placed, LAYERS)


def test_a_layer_that_the_map_lacks_is_an_error() -> None:
    with pytest.raises(ModelLoadError, match=r"layers\.1 is"):
        layer_devices({"model.layers.0": 0}, LAYERS)


def test_a_plan_says_where_and_how() -> None:
    one = Plan((CPU,), torch.float32)
    assert (one.precision, one.place, one.device_map) == ("float32", "cpu", {"": CPU})
    several = Plan((cuda(0), cuda(1)), torch.float16, "nf4")
    assert (several.precision, several.place) == ("nf4", "2 CUDA devices")
    assert (several.device, several.device_map) == (cuda(0), "balanced")


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_balanced_needs_cuda_devices() -> None:
    with pytest.raises(ModelLoadError, match="no CUDA device"):
        make_plan(1000, device="balanced")


def test_a_quantised_model_on_a_cpu_computes_in_what_the_cpu_can() -> None:
    assert make_plan(1000, device="cpu").dtype is torch.float32
    assert make_plan(1000, device="cpu", dtype="float16").dtype is torch.float16
    quantised = make_plan(1000, device="cpu", quantisation="int8")
    assert quantised.dtype in {torch.bfloat16, torch.float32}
    assert quantised.available_memory() > 0
