"""Models in fewer bits: as good as before, nearly, and refused where they cannot be had."""

from __future__ import annotations

import asyncio
import importlib.util
import random
import sys
from collections.abc import MutableMapping
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from bot.errors import ModelLoadError
from bot.generation.generator import LocalGenerator
from bot.generation.weights.anatomy import QUANTISED_BITS
from bot.generation.weights.fit import fit
from bot.generation.weights.loading import LoadedModel, load
from bot.generation.weights.packed import can_pack
from bot.generation.weights.placement import Plan
from bot.generation.weights.quantisation import Int8Linear, bitsandbytes_config, is_own
from tests.generation.speaking import Characters, Reference, ask, save_llama, some_ids, spelled

CPU = torch.device("cpu")
IDS = torch.arange(2, 130)[None]

needs_bitsandbytes = pytest.mark.skipif(
    importlib.util.find_spec("bitsandbytes") is None, reason="bitsandbytes is not installed"
)
needs_own_int8 = pytest.mark.skipif(
    not is_own(Plan((CPU,), torch.float32, "int8")), reason="torch has no int8 kernels here"
)


@pytest.fixture(scope="module")
def wide(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Weights as at training, wide enough that errors average out as in a model of use."""
    return save_llama(
        tmp_path_factory.mktemp("wide"),
        hidden_size=256,
        intermediate_size=512,
        initializer_range=0.02,
    )


@torch.inference_mode()
def logits(loaded: LoadedModel) -> Tensor:
    loaded.model.set_attn_implementation("eager")
    found: Tensor = loaded.model(IDS).logits[0].float()
    return found


@torch.inference_mode()
def likeness(loaded: LoadedModel, checkpoint: Path) -> float:
    """The cosine between its logits and those in fp32, at the worst position."""
    own = Reference(checkpoint).model(IDS).logits[0]
    return float(nn.functional.cosine_similarity(logits(loaded), own, dim=-1).min())


@needs_own_int8
def test_int8_on_a_cpu_is_torchs_own_and_close_to_fp32(wide: Path) -> None:
    loaded = load(wide, device="cpu", dtype="float32", quantisation="int8")
    assert loaded.precision == "int8"
    assert loaded.dtype is torch.float32
    kinds = [type(module) for module in loaded.model.modules()]
    assert kinds.count(Int8Linear) == 3 * 7
    assert not isinstance(loaded.model.get_output_embeddings(), Int8Linear)
    assert likeness(loaded, wide) > 0.998


@needs_own_int8
@pytest.mark.skipif(not can_pack(torch.bfloat16), reason="no bf16 kernels")
def test_int8_computes_in_bf16_where_that_is_asked_for(wide: Path) -> None:
    loaded = load(wide, device="cpu", dtype="bfloat16", quantisation="int8")
    assert {parameter.dtype for parameter in loaded.model.parameters()} == {torch.bfloat16}
    assert likeness(loaded, wide) > 0.998


@needs_own_int8
@torch.inference_mode()
def test_a_quantised_row_does_not_depend_on_the_rows_beside_it() -> None:
    layer = Int8Linear(nn.Linear(64, 48), torch.float32)
    rows = torch.randn(1, 20, 64) * torch.logspace(-3, 3, 20)[:, None]
    alone = torch.cat([layer(rows[:, at : at + 1]) for at in range(20)], dim=1)
    assert layer(rows).equal(alone)


@needs_own_int8
@torch.inference_mode()
def test_a_row_of_nothing_gives_the_bias_and_what_is_not_finite_shows() -> None:
    linear = nn.Linear(8, 4)
    layer = Int8Linear(linear, torch.float32)
    assert layer(torch.zeros(1, 2, 8)).equal(linear.bias.expand(1, 2, 4))
    assert not layer(torch.full((1, 1, 8), torch.nan)).isfinite().any()


@needs_bitsandbytes
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_nf4_loads_on_a_cpu_and_leaves_the_embeddings(wide: Path, dtype: str) -> None:
    loaded = load(wide, device="cpu", dtype=dtype, quantisation="nf4")
    model: Any = loaded.model
    assert loaded.precision == "nf4"
    layers = [module for module in model.modules() if type(module).__name__ == "Linear4bit"]
    assert len(layers) == 3 * 7
    assert layers[0].compute_dtype is getattr(torch, dtype)
    assert model.config.quantization_config.bnb_4bit_use_double_quant
    assert model.get_input_embeddings().weight.dtype is getattr(torch, dtype)
    assert likeness(loaded, wide) > 0.9


@needs_bitsandbytes
def test_layers_that_the_cpu_kernel_would_refuse_are_left_and_that_is_said(
    tmp_path: Path, logged: list[MutableMapping[str, Any]]
) -> None:
    """The 15M shape's width of 288 is not a multiple of 64; its inner width of 768 is."""
    odd = save_llama(
        tmp_path,
        hidden_size=288,
        intermediate_size=768,
        num_attention_heads=6,
        initializer_range=0.02,
    )
    loaded = load(odd, device="cpu", dtype="float32", quantisation="nf4")
    few = [n for n, m in loaded.model.named_modules() if type(m).__name__ == "Linear4bit"]
    assert few == [f"model.layers.{at}.mlp.down_proj" for at in range(3)]
    assert likeness(loaded, odd) > 0.9
    said = [line for line in logged if line["event"] == "layers_left_unquantised"]
    assert [(line["layers"], line["of"]) for line in said] == [(18, 21)]


@needs_bitsandbytes
@pytest.mark.parametrize("wide", [64, 288, 256])
def test_fit_counts_as_quantised_what_load_quantises(tmp_path: Path, wide: int) -> None:
    folder = save_llama(tmp_path, hidden_size=wide, intermediate_size=512, num_attention_heads=4)
    found = fit(folder, device="cpu", dtype="float32", quantisation="nf4")
    model: Any = load(folder, device="cpu", dtype="float32", quantisation="nf4").model
    quantised = [m for m in model.modules() if type(m).__name__ == "Linear4bit"]
    bits = QUANTISED_BITS["nf4"]
    numbers = sum(m.in_features * m.out_features for m in quantised)
    plain = fit(folder, device="cpu", dtype="float32").weights
    assert quantised
    assert found.weights == pytest.approx(plain - numbers * (4 - bits / 8), abs=len(quantised))


@needs_bitsandbytes
def test_what_bitsandbytes_is_told_names_the_type_to_compute_in() -> None:
    plan = Plan((torch.device("cuda", 0),), torch.float16, "nf4")
    told = bitsandbytes_config(plan)
    assert told.load_in_4bit
    assert told.bnb_4bit_compute_dtype is torch.float16
    assert told.bnb_4bit_use_double_quant
    assert bitsandbytes_config(Plan(plan.devices, torch.float16, "int8")).load_in_8bit
    assert bitsandbytes_config(Plan(plan.devices, torch.float16)) is None


@needs_bitsandbytes
@pytest.mark.slow
def test_int8_in_fp16_on_a_cpu_is_bitsandbytes_own(wide: Path) -> None:
    loaded = load(wide, device="cpu", dtype="float16", quantisation="int8")
    layers = [type(module).__name__ for module in loaded.model.modules()]
    assert layers.count("Linear8bitLt") == 3 * 7
    assert likeness(loaded, wide) > 0.998


def test_without_bitsandbytes_it_is_said_how_to_get_it(
    checkpoint: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "bitsandbytes", None)
    with pytest.raises(ModelLoadError, match=r'pip install "quipu\[quantisation\]"'):
        load(checkpoint, device="cpu", quantisation="nf4")


def test_an_unknown_quantisation_is_an_error(checkpoint: Path) -> None:
    with pytest.raises(ModelLoadError, match="nf4"):
        load(checkpoint, device="cpu", quantisation="int3")


@pytest.mark.parametrize(
    "quantisation",
    [pytest.param("int8", marks=needs_own_int8), pytest.param("nf4", marks=needs_bitsandbytes)],
)
async def test_quantised_models_answer_many_at_once(wide: Path, quantisation: str) -> None:
    loaded = load(wide, device="cpu", dtype="float32", quantisation=quantisation)
    prompts = [some_ids(random.Random(seed), 5 + 9 * seed) for seed in range(5)]
    loaded.model.set_attn_implementation("eager")
    with torch.inference_mode():
        first = [loaded.model(torch.tensor([ids])).logits[0, -1].argmax() for ids in prompts]
    generator = LocalGenerator(loaded, Characters(), max_batch=4, queue=8)
    asked = [ask(generator, ids, where=str(n)) for n, ids in enumerate(prompts)]
    answers = [spelled(text) for text, _ in await asyncio.gather(*asked)]
    await generator.close()
    assert [answer[0] for answer in answers] == [int(token) for token in first]
