"""Attention kernels over pages: which are chosen, and that flash-attn would be asked rightly."""

from __future__ import annotations

import asyncio
import random
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from bot.errors import ModelLoadError
from bot.generation.generator import LocalGenerator
from bot.generation.graphs.recording import Unrecorded
from bot.generation.memory.kernels import FlashAttention, GatheredAttention, choose_kernels
from bot.generation.memory.key_value import KeyValueShape, Limits
from bot.generation.memory.paged import PagedMemory
from bot.generation.request import Request
from bot.generation.runner import Runner
from bot.generation.scheduler import Work
from bot.generation.weights.loading import LoadedModel
from tests.generation.speaking import (
    CONTEXT,
    EOS,
    GREEDY,
    VOCABULARY,
    Characters,
    Reference,
    ask,
    some_ids,
)

CPU = torch.device("cpu")


def with_kvcache(
    q: Tensor,
    k_cache: Tensor,
    v_cache: Tensor,
    k: None = None,
    v: None = None,
    *,
    cache_seqlens: Tensor,
    block_table: Tensor,
    softmax_scale: float | None = None,
    causal: bool = False,
) -> Tensor:
    """What flash-attn documents of its function of this name, written out slowly."""
    assert k is None
    assert v is None
    assert q.is_contiguous()
    assert k_cache.shape[1] % 256 == 0
    assert (cache_seqlens.dtype, block_table.dtype) == (torch.int32, torch.int32)
    assert (k_cache.stride(-1), v_cache.stride(-1)) == (1, 1)
    group = q.shape[2] // k_cache.shape[2]
    outs = []
    for query, length, table in zip(q, cache_seqlens.tolist(), block_table, strict=True):
        keys, values = (
            cache[table].flatten(0, 1)[:length].repeat_interleave(group, 1).transpose(0, 1)
            for cache in (k_cache, v_cache)
        )
        ahead = torch.ones(len(query), length, dtype=torch.bool)
        mask = ahead.tril(length - len(query)) if causal else ahead
        out = functional.scaled_dot_product_attention(
            query.transpose(0, 1), keys, values, attn_mask=mask, scale=softmax_scale
        )
        outs.append(out.transpose(0, 1))
    return torch.stack(outs)


def answers(loaded: LoadedModel, memory: PagedMemory, asked: list[list[int]]) -> list[list[int]]:
    """Ten tokens each, decoded together; the last prompt is read in two parts."""
    runner = Runner(loaded, memory, vocab_size=VOCABULARY, recorder=Unrecorded(), most=4)
    requests = [Request(tuple(ids), GREEDY, "a", frozenset({EOS}), seed=0) for ids in asked]
    for slot, request in enumerate(requests):
        request.slot = slot
        memory.reserve(slot, len(request.tokens) + 10)
    for _ in range(14):
        work = [_share(one, len(asked[-1]) // 2) for one in requests if one.generated < 10]
        for one, token in zip(work, runner.run(work), strict=True):
            one.request.computed += one.count
            if token is not None:
                one.request.tokens.append(token)
    return [request.tokens[len(request.prompt) :] for request in requests]


def _share(request: Request, most: int) -> Work:
    count = min(request.pending, most)
    return Work(request, count, samples=count == request.pending)


def test_flash_attention_is_asked_for_the_reference_answers(
    loaded: LoadedModel, reference: Reference
) -> None:
    dice = random.Random(3)
    asked = [some_ids(dice, length) for length in (5, 250, 301)]
    shape = KeyValueShape.of(loaded.model.config)
    kernels = FlashAttention(with_kvcache)
    memory = PagedMemory(
        shape,
        Limits(4 * CONTEXT, CONTEXT),
        devices=[CPU] * shape.layers,
        dtype=torch.float32,
        kernels=kernels,
    )
    assert answers(loaded, memory, asked) == [reference.greedy(ids, 10) for ids in asked]


def test_large_pages_hold_one_conversation_however_little_memory_there_is() -> None:
    memory = PagedMemory(
        KeyValueShape(1, 1, 8),
        Limits(400, 390),
        devices=[CPU],
        dtype=torch.float32,
        kernels=FlashAttention(with_kvcache),
    )
    memory.begin(0, 390, source=0, shared=0)
    memory.begin(1, 391 - memory.kernels.page, source=0, shared=3)
    assert memory.room == 0
    memory.drop(0)
    assert memory.room == 2 * memory.kernels.page


@pytest.mark.parametrize("wanted", ["auto", "gathered"])
def test_torchs_own_kernels_are_chosen_off_the_gpu(wanted: str) -> None:
    chosen = choose_kernels(CPU, torch.float16, 64, wanted=wanted)
    assert isinstance(chosen, GatheredAttention)


def test_who_wants_flash_attention_where_it_cannot_be_is_told_why(loaded: LoadedModel) -> None:
    with pytest.raises(ModelLoadError, match="the model is on cpu"):
        LocalGenerator(loaded, Characters(), paged=True, attention="flash")


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("attention", ["flash", "gathered"])
async def test_on_a_gpu_both_kernels_give_the_same_answers(checkpoint: Any, attention: str) -> None:
    from bot.generation.weights.loading import load

    if attention == "flash":
        pytest.importorskip("flash_attn")
    loaded = load(checkpoint, device="cuda", dtype="float16")
    asked = [some_ids(random.Random(seed), 30 + 40 * seed) for seed in range(4)]
    said = []
    for kind in (attention, "gathered"):
        generator = LocalGenerator(loaded, Characters(), attention=kind, graphs=kind == attention)
        texts = await asyncio.gather(*(ask(generator, ids, where=str(ids)) for ids in asked))
        said.append([text[:4] for text, _ in texts])  # later ones may differ by rounding
        await generator.close()
    assert said[0] == said[1]
