"""Layers on several devices, as far as that shows without them: two names of the CPU stand in."""

from __future__ import annotations

import asyncio
import random
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from accelerate.hooks import ModelHook, add_hook_to_module
from transformers.models.llama.modeling_llama import LlamaRMSNorm

from bot.generation.generator import LocalGenerator
from bot.generation.graphs.fusing import fuse_norms
from bot.generation.weights.loading import LoadedModel, load
from bot.generation.weights.probe import probe
from tests.generation.speaking import VOCABULARY, Characters, Reference, ask, some_ids, spelled

DEVICES = (torch.device("cpu"), torch.device("cpu", 0), torch.device("cpu", 0))


@pytest.fixture
def divided(checkpoint: Path) -> LoadedModel:
    """A model that takes no index from elsewhere: accelerate would bring it to the first device."""
    loaded = load(checkpoint, device="cpu")

    def look(_: Any, __: Any, given: dict[str, Any]) -> None:
        assert not isinstance(given["logits_to_keep"], torch.Tensor)

    loaded.model.register_forward_pre_hook(look, with_kwargs=True)
    return replace(loaded, layer_devices=DEVICES)


async def test_prompts_and_answers_are_computed_with_layers_on_several_devices(
    divided: LoadedModel, reference: Reference
) -> None:
    generator = LocalGenerator(divided, Characters(), max_batch=4, prefill_budget=32)
    asked = [some_ids(random.Random(seed), 5 + 30 * seed) for seed in range(4)]
    texts = await asyncio.gather(*(ask(generator, ids, where=str(ids)) for ids in asked))
    assert [spelled(text) for text, _ in texts] == [reference.greedy(ids, 24) for ids in asked]
    assert generator.stats().failures == 0
    await generator.close()


def test_a_model_on_several_devices_is_tried_as_it_will_be_asked(divided: LoadedModel) -> None:
    wanted: list[Any] = []
    divided.model.register_forward_pre_hook(
        lambda _, __, given: wanted.append(given["logits_to_keep"]), with_kwargs=True
    )
    probe(divided.model, divided.device, VOCABULARY, layer_devices=DEVICES)
    assert wanted[1:] == [[6], [3], [0]]


def test_a_fused_norm_still_has_its_input_brought_to_its_device(checkpoint: Path) -> None:
    loaded = load(checkpoint, device="cpu")
    brought: list[int] = []

    class Bringing(ModelHook):  # type: ignore[misc]
        def pre_forward(self, module: Any, *args: Any, **kwargs: Any) -> tuple[Any, Any]:
            brought.append(id(module))
            return args, kwargs

    norms = [one for one in loaded.model.modules() if isinstance(one, LlamaRMSNorm)]
    rows = torch.randn(5, norms[0].weight.shape[0])
    with torch.inference_mode():
        wanted = norms[0](rows)
        for norm in norms:
            add_hook_to_module(norm, Bringing())
        fuse_norms(loaded.model)
        torch.testing.assert_close(norms[0](rows), wanted)
    assert brought == [id(norms[0])]
    assert "_normalise" in repr(norms[0]._old_forward)
