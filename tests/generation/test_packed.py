"""Linear layers in the processor's own layout compute what they computed before."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from bot.generation.weights.loading import LoadedModel, load
from bot.generation.weights.packed import (
    PackedLinear,
    SharedLinear,
    can_pack,
    own_parameters,
    swap_linears,
)
from tests.generation.speaking import Reference

pytestmark = pytest.mark.skipif(
    not can_pack(torch.float32), reason="this processor has no packed kernels"
)

SIZES = st.integers(1, 70)


def packed(linear: nn.Linear) -> PackedLinear:
    return PackedLinear(linear, torch.float32)


@given(rows=SIZES, wide=SIZES, high=SIZES, bias=st.booleans(), seed=st.integers(0, 99))
@settings(max_examples=40, deadline=None)
def test_a_packed_layer_computes_the_same(
    rows: int, wide: int, high: int, bias: bool, seed: int
) -> None:
    torch.manual_seed(seed)
    linear = nn.Linear(wide, high, bias=bias)
    given = torch.randn(1, rows, wide)
    with torch.inference_mode():
        torch.testing.assert_close(packed(linear)(given), linear(given))


@torch.inference_mode()
def test_rows_that_do_not_lie_in_order_are_understood() -> None:
    linear = nn.Linear(12, 5)
    given = torch.randn(12, 7).t()
    torch.testing.assert_close(packed(linear)(given), linear(given))


@torch.inference_mode()
def test_a_row_is_computed_alike_alone_and_among_others() -> None:
    layer = packed(nn.Linear(96, 64))
    rows = torch.randn(1, 40, 96)
    torch.testing.assert_close(layer(rows)[:, 3:4], layer(rows[:, 3:4]), rtol=1e-5, atol=1e-6)


def test_shared_weights_are_not_there_twice() -> None:
    class Tied(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.embed = nn.Embedding(9, 4)
            self.middle: nn.Module = nn.Linear(4, 4)
            head = nn.Linear(4, 9, bias=False)
            head.weight = self.embed.weight
            self.head: nn.Module = head

    model = Tied()
    given = torch.randn(1, 3, 4)
    wanted = model.head(given).detach()
    swap_linears(model, packed)
    assert isinstance(model.middle, PackedLinear)
    assert isinstance(model.head, SharedLinear)
    assert model.head.weight is model.embed.weight
    with torch.inference_mode():
        torch.testing.assert_close(model.head(given), wanted)
        model.head.half()  # a type that oneDNN may not have
        torch.testing.assert_close(model.head(given.half()), wanted.half(), rtol=0.01, atol=0.01)


def test_what_is_left_is_copied_in_the_type_to_compute_in() -> None:
    model = nn.Sequential(nn.LayerNorm(4), nn.LayerNorm(4, dtype=torch.float64))
    before = [parameter.data_ptr() for parameter in model.parameters()]
    own_parameters(model, torch.float32, torch.bfloat16)
    types = [parameter.dtype for parameter in model.parameters()]
    assert types == [torch.bfloat16] * 2 + [torch.float64] * 2
    assert not set(before) & {parameter.data_ptr() for parameter in model.parameters()}


def test_every_linear_layer_of_a_loaded_model_is_packed(loaded: LoadedModel) -> None:
    modules = list(loaded.model.modules())
    assert sum(isinstance(module, PackedLinear) for module in modules) == 3 * 7 + 1
    assert not any(type(module) is nn.Linear for module in modules)


@torch.inference_mode()
def test_a_packed_model_says_what_it_would_unpacked(
    loaded: LoadedModel, reference: Reference
) -> None:
    loaded.model.set_attn_implementation("eager")
    ids = torch.arange(2, 80)[None]
    ours, theirs = loaded.model(ids).logits, reference.model(ids).logits
    torch.testing.assert_close(ours, theirs, rtol=1e-3, atol=1e-3)
    assert ours.argmax(-1).equal(theirs.argmax(-1))


@torch.inference_mode()
@pytest.mark.parametrize("stored", [torch.float16, torch.bfloat16])
def test_a_model_is_converted_while_it_is_packed(
    tmp_path: Path, checkpoint: Path, stored: torch.dtype
) -> None:
    theirs = Reference(checkpoint).model.to(stored)
    theirs.save_pretrained(tmp_path)
    ours = load(tmp_path, device="cpu", dtype="float32").model
    assert {parameter.dtype for parameter in ours.parameters()} == {torch.float32}
    assert ours.get_submodule("model.rotary_emb").get_buffer("inv_freq").dtype is torch.float32
    ours.set_attn_implementation("eager")
    ids = torch.arange(2, 40)[None]
    own = Reference(tmp_path).model.float()(ids).logits
    torch.testing.assert_close(ours(ids).logits, own, rtol=1e-3, atol=1e-3)
