"""What a model needs is known from its small files, and so is what would fit."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from bot.errors import ModelLoadError
from bot.generation.weights.anatomy import examine
from bot.generation.weights.fit import Fit, fit, judge
from bot.generation.weights.headers import read_headers, stored_dtype
from bot.generation.weights.loading import load
from bot.generation.weights.placement import Plan
from tests.generation.speaking import CONTEXT, Reference

T4 = 16 * 10**9
CARD = 24 * 10**9
GPU = (torch.device("cuda", 0),)
CPU = (torch.device("cpu"),)


def llama(layers: int, width: int, inner: int, heads: int, shared: int) -> dict[str, Any]:
    return {
        "model_type": "llama",
        "num_hidden_layers": layers,
        "hidden_size": width,
        "intermediate_size": inner,
        "num_attention_heads": heads,
        "num_key_value_heads": shared,
        "vocab_size": 32000,
        "max_position_embeddings": 4096,
    }


LLAMA_2 = {
    "7B": llama(32, 4096, 11008, 32, 32),
    "13B": llama(40, 5120, 13824, 40, 40),
    "70B": llama(80, 8192, 28672, 64, 8),
}


def save(folder: Path, config: dict[str, Any]) -> Path:
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    return folder


def save_header(file: Path, shapes: dict[str, tuple[int, ...]], dtype: str = "F16") -> None:
    """A safetensors file whose weights are a hole: as long as it says, and empty."""
    header, end = {}, 0
    for name, shape in shapes.items():
        begin, end = end, end + torch.Size(shape).numel() * 2
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}
    text = json.dumps(header).encode()
    with file.open("wb") as stream:
        stream.write(len(text).to_bytes(8, "little") + text)
        stream.truncate(8 + len(text) + end)


def fitting(folder: Path, name: str, plan: Plan, free: int, context: int = 4096) -> Fit:
    return judge(examine(save(folder, LLAMA_2[name])), plan, free, context)


@pytest.mark.parametrize(
    ("name", "gigabytes", "mebibytes"),
    [("7B", 13.48, 0.5), ("13B", 26.03, 0.78), ("70B", 137.95, 0.31)],
)
def test_the_sizes_of_llama_2_are_known(
    tmp_path: Path, name: str, gigabytes: float, mebibytes: float
) -> None:
    found = fitting(tmp_path, name, Plan(GPU, torch.float16), 0)
    assert found.weights / 1e9 == pytest.approx(gigabytes, abs=0.01)
    assert found.per_token / 2**20 == pytest.approx(mebibytes, abs=0.005)


def test_quantised_sizes_leave_the_embeddings_whole(tmp_path: Path) -> None:
    nf4 = fitting(tmp_path, "7B", Plan(GPU, torch.float16, "nf4"), 0)
    int8 = fitting(tmp_path, "7B", Plan(GPU, torch.float16, "int8"), 0)
    assert nf4.weights / 1e9 == pytest.approx(3.87, abs=0.02)
    assert int8.weights / 1e9 == pytest.approx(7.01, abs=0.02)


def test_a_7b_on_a_t4_is_told_to_use_fewer_bits(tmp_path: Path) -> None:
    found = fitting(tmp_path, "7B", Plan(GPU, torch.float16), T4)
    assert found.fits
    assert not found.whole
    assert any('quantisation to "int8"' in remedy for remedy in found.remedies)
    assert any("model.context to" in remedy for remedy in found.remedies)
    small = fitting(tmp_path, "7B", Plan(GPU, torch.float16, "nf4"), T4)
    assert small.whole
    assert not small.remedies
    assert "fits: 3.9 GB of weights in nf4, 16.0 GB are free on cuda:0, room for" in str(small)


def test_a_70b_on_one_card_is_told_how_large_a_model_may_be(tmp_path: Path) -> None:
    found = fitting(tmp_path, "70B", Plan(GPU, torch.bfloat16), CARD)
    assert not found.fits
    assert str(found).startswith("does not fit: 138.0 GB of weights in bfloat16")
    assert "billion parameters, in nf4" in found.remedies[-1]


def test_fp32_is_told_of_16_bits_first(tmp_path: Path) -> None:
    found = fitting(tmp_path, "7B", Plan(CPU, torch.float32), CARD)
    assert found.remedies[0].startswith('set model.dtype to "bfloat16"')


@given(free=st.integers(0, 4 * 10**10))
def test_more_memory_never_holds_less(tmp_path_factory: pytest.TempPathFactory, free: int) -> None:
    anatomy = examine(save(tmp_path_factory.mktemp("model"), LLAMA_2["7B"]))
    plan = Plan(GPU, torch.float16)
    less, more = judge(anatomy, plan, free, 4096), judge(anatomy, plan, free + 10**9, 4096)
    assert less.tokens <= more.tokens
    assert less.whole <= more.whole
    assert less.whole != bool(less.remedies)


def test_a_conversation_that_is_said_to_fit_does(tmp_path: Path) -> None:
    found = fitting(tmp_path, "7B", Plan(GPU, torch.float16, "nf4"), T4)
    used = found.weights + found.working + found.tokens * found.per_token
    assert used <= T4
    assert replace(found, free=found.weights).tokens <= 0


def test_the_context_that_is_asked_for_bounds_the_models_own(checkpoint: Path) -> None:
    assert fit(checkpoint, device="cpu", context=100).context == 100
    assert fit(checkpoint, device="cpu", context=10**6).context == CONTEXT


def test_weights_are_measured_as_they_will_be_loaded(
    checkpoint: Path, reference: Reference
) -> None:
    found = fit(checkpoint, device="cpu", dtype="float32")
    assert found.weights == 4 * reference.model.num_parameters()
    assert found.per_token == 2 * 3 * 2 * 8 * 4
    assert found.whole


def test_headers_and_configuration_agree(checkpoint: Path, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_bytes((checkpoint / "config.json").read_bytes())
    implied, real = examine(tmp_path), examine(checkpoint)
    assert (implied.complete, real.complete) == (False, True)
    assert implied.parameters == real.parameters
    for kind in ("none", "int8", "nf4"):
        plan = Plan(GPU, torch.float16, kind)
        assert implied.weight_bytes(plan) == real.weight_bytes(plan)


def test_a_download_that_is_not_complete_is_judged_by_its_configuration(tmp_path: Path) -> None:
    save(tmp_path, LLAMA_2["7B"])
    save_header(tmp_path / "model-1.safetensors", {"model.norm.weight": (4096,)})
    index = {"weight_map": {"a": "model-1.safetensors", "b": "model-2.safetensors"}}
    (tmp_path / "model.safetensors.index.json").write_text(json.dumps(index))
    assert examine(tmp_path).parameters == 6_738_415_616


def test_only_the_header_is_read(tmp_path: Path) -> None:
    shapes = {"model.layers.0.mlp.up_proj.weight": (10**6, 10**5), "model.norm.weight": (4096,)}
    save_header(tmp_path / "model.safetensors", shapes)
    headers = read_headers([tmp_path / "model.safetensors"])
    assert [header.numbers for header in headers] == [10**11, 4096]
    assert stored_dtype(headers) is torch.float16


def test_a_configuration_without_sizes_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ModelLoadError, match="does not say its sizes"):
        fit(save(tmp_path, {"model_type": "llama"}), device="cpu")


@given(content=st.binary(max_size=60))
def test_a_file_of_nonsense_is_damaged(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    file = tmp_path_factory.mktemp("damaged") / "model.safetensors"
    file.write_bytes(content)
    try:
        assert read_headers([file]) == []
    except ModelLoadError as error:
        assert "download it again" in str(error)  # noqa: PT017 -- an empty header is sound


def test_a_file_that_was_cut_off_is_damaged(tmp_path: Path, checkpoint: Path) -> None:
    whole = (checkpoint / "model.safetensors").read_bytes()
    (tmp_path / "model.safetensors").write_bytes(whole[:-1])
    with pytest.raises(ModelLoadError, match="download it again"):
        read_headers([tmp_path / "model.safetensors"])
    (tmp_path / "config.json").write_bytes((checkpoint / "config.json").read_bytes())
    with pytest.raises(ModelLoadError, match="download it again"):
        load(tmp_path, device="cpu")
