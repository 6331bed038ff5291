"""Both kinds of memory by the same measure: what is stored stays, and the accounts are right."""

from __future__ import annotations

import random

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from bot.errors import ModelLoadError
from bot.generation.attention import Span
from bot.generation.memory.contiguous import ContiguousMemory
from bot.generation.memory.kernels import GatheredAttention
from bot.generation.memory.key_value import SPARE, KeyValueMemory, KeyValueShape, Limits
from bot.generation.memory.paged import PagedMemory
from bot.generation.memory.paged_packing import bucket
from bot.generation.memory.sizing import fit

CPU = torch.device("cpu")
SHAPE = KeyValueShape(layers=2, heads=1, head_dim=8)
CONTEXT = 100
PAGE = GatheredAttention.page
LIMITS = Limits(400, CONTEXT)


def make(kind: str, limits: Limits = LIMITS) -> KeyValueMemory:
    if kind == "paged":
        return PagedMemory(SHAPE, limits, devices=[CPU] * SHAPE.layers, dtype=torch.float32)
    return ContiguousMemory(SHAPE, limits, device=CPU, dtype=torch.float32)


@pytest.fixture(params=["contiguous", "paged"])
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def key_of(token: float, layer: int) -> Tensor:
    """A key that only the same token in the same layer is close to."""
    generator = torch.Generator().manual_seed(int(token) * 10 + layer)
    return torch.nn.functional.normalize(torch.randn(8, generator=generator), dim=0)


def write(memory: KeyValueMemory, slot: int, start: int, tokens: list[int]) -> None:
    span = Span(slot, start, len(tokens))
    packing = memory.packing([span])
    rows = len(packing.positions)
    for layer in range(SHAPE.layers):
        keys = torch.zeros(1, 1, rows, 8)
        keys[0, 0, : len(tokens)] = torch.stack([key_of(token, layer) for token in tokens])
        packing.attend(layer, torch.zeros_like(keys), keys, keys.clone(), None)


def reads(memory: KeyValueMemory, slot: int, tokens: list[int]) -> bool:
    """Whether the slot holds these tokens: attention without a preference gives their mean."""
    last = len(tokens) - 1
    packing = memory.packing([Span(slot, last, 1)])
    for layer in range(SHAPE.layers):
        row = torch.zeros(1, 1, len(packing.positions), 8)
        row[0, 0, 0] = key_of(tokens[last], layer)
        out = packing.attend(layer, torch.zeros_like(row), row, row.clone(), None)
        mean = torch.stack([key_of(token, layer) for token in tokens]).mean(0)
        if not torch.allclose(out[0, 0, 0], mean, atol=1e-5):
            return False
    return True


@given(st.integers(0, 10_000), st.sampled_from(["contiguous", "paged"]))
@settings(max_examples=20, deadline=None)
def test_slots_hold_what_was_written_whatever_others_share_or_drop(seed: int, kind: str) -> None:
    dice = random.Random(seed)
    memory = make(kind)
    texts: dict[int, list[int]] = {}
    for _ in range(25):
        slot = dice.randrange(6)
        source = dice.choice([*texts, slot])
        length = dice.randint(1, CONTEXT)
        shared = dice.randint(0, min(length, len(texts.get(source, []))))
        cost = memory.cost(slot if source == slot else None, length, shared=shared)
        if cost > memory.room:
            victim = dice.choice(list(texts))
            memory.drop(victim)
            del texts[victim]
            continue
        begun = texts.get(source, [])[:shared]
        memory.begin(slot, length, source=source, shared=shared)
        new = [dice.randrange(50) for _ in range(length - shared)]
        if new:
            write(memory, slot, shared, new)
        texts[slot] = begun + new
        assert memory.taken(texts) == memory.budget - memory.room
        assert memory.bytes_used == memory.taken(texts) * SHAPE.bytes_per_token(torch.float32)
    for slot in list(texts):
        assert reads(memory, slot, texts[slot])
        memory.drop(slot)
    assert memory.room == memory.budget


def test_a_slot_grows_as_its_text_does_and_no_further_than_the_context(kind: str) -> None:
    memory = make(kind)
    text = [5]
    memory.begin(0, 1, source=0, shared=0)
    write(memory, 0, 0, text)
    for token in range(1, CONTEXT):
        assert memory.cost(0, len(text) + 1) <= memory.room
        memory.reserve(0, len(text) + 1)
        write(memory, 0, len(text), [token])
        text.append(token)
    assert reads(memory, 0, text)
    assert memory.taken([0]) <= CONTEXT + PAGE


def test_many_short_conversations_fit_where_few_long_ones_would(kind: str) -> None:
    memory = make(kind, Limits(64 * 16, 512))
    slots = 0
    while memory.cost(None, 16) <= memory.room:
        memory.begin(slots, 16, source=slots, shared=0)
        slots += 1
    # The contiguous kind takes more than it must while there is plenty.
    assert slots >= (64 if kind == "paged" else 8)


def test_pages_of_a_shared_beginning_are_taken_once() -> None:
    memory = make("paged")
    memory.begin(0, 64, source=0, shared=0)
    for slot in range(1, 6):
        memory.begin(slot, 64, source=0, shared=63)
    assert memory.taken(range(6)) == 64 + 5 * PAGE


def test_what_is_asked_beyond_the_room_is_refused(kind: str) -> None:
    memory = make(kind, Limits(CONTEXT + SPARE, CONTEXT))
    memory.begin(0, 80, source=0, shared=0)
    with pytest.raises(ValueError, match="room"):
        memory.begin(1, 80, source=1, shared=0)


def test_memory_that_ran_out_becomes_smaller_but_never_below_the_context(kind: str) -> None:
    memory = make(kind)
    before = memory.budget
    memory.begin(0, 50, source=0, shared=0)
    memory.shrink()
    assert memory.room == memory.budget < before
    for _ in range(40):
        memory.shrink()
    assert memory.cost(None, CONTEXT) <= memory.room


@pytest.mark.parametrize("sizes", [(1, 2, 4, 8), (8, 16)])
def test_a_bucket_is_never_too_small_and_there_are_few(sizes: tuple[int, ...]) -> None:
    found = {bucket(count, sizes) for count in range(1, 33)}
    assert all(bucket(count, sizes) >= count for count in range(1, 33))
    assert len(found) <= len(sizes) + 3


def test_the_context_is_cut_to_what_there_is_room_for() -> None:
    assert fit(tokens=10_000_000, max_batch=4, context=4096).context == 4096
    size = fit(tokens=1000, max_batch=4, context=4096)
    assert (size.running, size.context) == (4, 1000 - SPARE)
    with pytest.raises(ModelLoadError, match="100 tokens only"):
        fit(tokens=100, max_batch=4, context=4096)
