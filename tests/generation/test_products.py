"""Attention by plain products is the same attention, whatever the lengths, heads and blocks."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.generation.attention import Span, extend, mask_for
from bot.generation.memory import products
from bot.generation.memory.contiguous import ContiguousMemory
from bot.generation.memory.key_value import KeyValueShape, Limits

CPU, WIDTH = torch.device("cpu"), 16
CLOSE = 0.03
"""Numbers of bf16 around one are so far apart, four times over."""


@given(
    seed=st.integers(0, 10_000),
    shared=st.integers(1, 4),
    group=st.integers(1, 4),
    past=st.integers(0, 90),
    new=st.integers(1, 40),
    most=st.integers(1, 5000),
)
@settings(max_examples=60, deadline=None)
def test_products_are_what_torchs_own_attention_computes(
    seed: int, shared: int, group: int, past: int, new: int, most: int
) -> None:
    torch.manual_seed(seed)
    span = Span(0, past, new)
    query = torch.randn(1, shared * group, new, WIDTH)
    keys, values = torch.randn(2, 1, shared, span.end + 3, WIDTH)[:, :, :, : span.end]
    wanted = extend(query, keys, values, mask_for(span, CPU, torch.float32), None)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(products, "MOST", most)
        patch.setattr(products, "FEW", 0)
        got = products.extend_by_products(
            query.bfloat16(),
            keys.bfloat16(),
            values.bfloat16(),
            mask_for(span, CPU, torch.bfloat16, causal=False),
            None,
        )
    assert got.shape == wanted.shape
    assert (got - wanted).abs().max() < CLOSE


@pytest.mark.parametrize("by_products", [True, False])
def test_memory_attends_the_way_it_was_told(
    *, by_products: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(products, "has_native_bf16", lambda: by_products)
    torch.manual_seed(1)
    shape = KeyValueShape(layers=1, heads=2, head_dim=WIDTH)
    memory = ContiguousMemory(shape, Limits(64, 64), device=CPU, dtype=torch.bfloat16)
    query, (key, value) = torch.randn(1, 4, 9, WIDTH), torch.randn(2, 1, 2, 9, WIDTH)
    whole = extend(query, key, value, None, None)
    memory.reserve(0, 9)
    shown = []
    for start, count in ((0, 5), (5, 3), (8, 1)):
        packing = memory.packing([Span(0, start, count)])
        part = slice(start, start + count)
        asked, known, worth = (each[:, :, part].bfloat16() for each in (query, key, value))
        shown.append(packing.attend(0, asked, known, worth, None))
    assert (torch.cat(shown, 1) - whole).abs().max() < CLOSE
