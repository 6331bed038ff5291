"""One long conversation among short ones: what is gathered for the others, and kept free for it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
import torch
from torch import Tensor

from bot.generation.attention import Span
from bot.generation.memory.kernels import GatheredAttention, Singles
from bot.generation.memory.key_value import KeyValueShape, Limits
from bot.generation.memory.paged import PagedMemory
from bot.generation.memory.paged_packing import groups_of
from bot.generation.memory.sizing import make_memory
from bot.generation.runner import Runner
from bot.generation.scheduler import Work
from bot.generation.weights.loading import LoadedModel
from tests.generation.speaking import CONTEXT
from tests.generation.test_graphs import Bench
from tests.small_machine import limit_memory

SHAPE = KeyValueShape(layers=1, heads=2, head_dim=8)
CPU = torch.device("cpu")


class Counting(GatheredAttention):
    """Counts the tokens that single ones are gathered for."""

    def __init__(self) -> None:
        self.gathered: list[int] = []

    def singles(self, query: Tensor, pool: Tensor, batch: Singles, scale: float | None) -> Tensor:
        self.gathered.append(batch.tables.numel() * self.page)
        return super().singles(query, pool, batch, scale)


@pytest.mark.parametrize(
    ("ends", "groups"),
    [
        ([], []),
        ([300], [(1, 32)]),
        ([500, 400, 30], [(3, 32)]),
        ([4000, *[300] * 15], [(1, 256), (15, 32)]),
        ([4000, *[2000] * 4, *[200] * 8], [(1, 256), (4, 128), (8, 16)]),
        ([9000, 4000, 2000, *[200] * 8], [(1, 768), (1, 256), (9, 128)]),
        ([200, 4000], [(2, 256)]),
    ],
)
def test_conversations_are_filled_up_to_like_lengths_where_that_saves_much(
    ends: list[int], groups: list[tuple[int, int]]
) -> None:
    assert groups_of(ends, 16, most=3) == groups


def attended(memory: PagedMemory, spans: Sequence[Span]) -> Tensor:
    """What the same tokens get, whoever is beside them."""
    packing = memory.packing(spans)
    rows = len(packing.positions)
    query, key = torch.zeros(1, 4, rows, 8), torch.zeros(1, 2, rows, 8)
    at = 0
    for span in spans:
        dice = torch.Generator().manual_seed(span.slot)
        query[0, :, at : at + span.count] = torch.randn(4, span.count, 8, generator=dice)
        key[0, :, at : at + span.count] = torch.randn(2, span.count, 8, generator=dice)
        at += span.count
    return packing.attend(0, query, key, 2 * key, None)[:, :at]


@pytest.mark.parametrize("prompt", [False, True], ids=["answers only", "a prompt beside them"])
def test_a_long_conversation_changes_nobodys_numbers_and_nobodys_work(prompt: bool) -> None:
    kernels = Counting()
    memory = PagedMemory(
        SHAPE, Limits(20_000, 8192), devices=[CPU], dtype=torch.float32, kernels=kernels
    )
    lengths = [6000, 40, 300, 31, 7, 250, 90]
    for slot, length in enumerate([*lengths, 50]):
        memory.reserve(slot, length)
    memory.pools[0].normal_(generator=torch.Generator().manual_seed(1))
    spans = [Span(slot, length - 1, 1) for slot, length in enumerate(lengths)]
    if prompt:
        spans.append(Span(7, 20, 30))
    together = attended(memory, spans)
    assert kernels.gathered == [8192, (7 - prompt) * 512]
    alone = torch.cat([attended(memory, [span]) for span in spans], 1)
    torch.testing.assert_close(together, alone)


def test_the_longest_come_first_and_everybody_gets_their_own_token(loaded: LoadedModel) -> None:
    bench, twin = Bench(loaded, None), Bench(loaded, None)
    wanted = bench.steps(3)
    runner: Runner = twin.runner
    for row in wanted:
        work = [Work(one, 1, samples=True) for one in twin.requests]
        tokens = runner.run(work[::-1])[::-1]
        assert tokens == row
        for one, token in zip(twin.requests, tokens, strict=True):
            assert token is not None
            one.computed += 1
            one.tokens.append(token)


@pytest.mark.parametrize(("most", "gathered"), [(1, 1), (64, 64)])
def test_room_is_kept_for_the_copy_that_gathering_makes(
    loaded: LoadedModel,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    most: int,
    gathered: int,
) -> None:
    free = 6 * 10**6
    limit_memory(tmp_path, monkeypatch, free)
    shape = KeyValueShape.of(loaded.model.config)
    one = shape.bytes_per_token(loaded.dtype)
    size, _ = make_memory(loaded, max_batch=most, paged=True)
    copy = gathered * CONTEXT * one // shape.layers
    assert size.limits.tokens == int(min(0.6 * free, free - copy)) // one
    plain, _ = make_memory(loaded, max_batch=most, paged=False)
    assert plain.limits.tokens == int(0.6 * free) // one


def test_with_little_memory_the_copy_is_of_what_there_is_room_for(
    loaded: LoadedModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    limit_memory(tmp_path, monkeypatch, 3 * 10**6)
    shape = KeyValueShape.of(loaded.model.config)
    layer = shape.bytes_per_token(loaded.dtype) // shape.layers
    size, _ = make_memory(loaded, max_batch=64, paged=True)
    tokens = size.limits.tokens
    assert 0 < (shape.layers + 64) * tokens * layer <= 3 * 10**6
