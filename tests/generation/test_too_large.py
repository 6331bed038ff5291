"""What surely cannot fit is refused before it is read, and nothing else is."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import LlavaConfig, MixtralConfig

from bot.errors import ModelLoadError
from bot.generation.weights.anatomy import examine
from bot.generation.weights.fit import fit
from bot.generation.weights.machine import held_memory, most_memory, total_memory
from bot.generation.weights.placement import Plan
from bot.generation.weights.refusal import refuse_too_large
from bot.generation.weights.residency import demand
from tests.generation.speaking import save_llama
from tests.generation.test_fit import CPU, LLAMA_2, llama, save, save_header
from tests.small_machine import limit_memory

GIGABYTE = 10**9


@pytest.fixture
def seven(tmp_path: Path) -> Path:
    """Llama 2 7B as far as its configuration goes."""
    return save(tmp_path, LLAMA_2["7B"] | {"architectures": ["LlamaForCausalLM"]})


def refuse(folder: Path, **settings: Any) -> None:
    given = {"device": "cpu", "dtype": "auto", "quantisation": "none"}
    refuse_too_large(folder, **given | settings)


def test_llama_2_7b_is_refused_on_8_gigabytes_with_what_would_fit(
    seven: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    limit_memory(tmp_path, monkeypatch, 8 * GIGABYTE)
    with pytest.raises(ModelLoadError) as caught:
        refuse(seven, dtype="float32")
    said = str(caught.value)
    assert "at least 27.0 GB of weights in float32" in said
    assert "8.0 GB of memory in all; " in said
    assert "nf4" in said.partition("in all; ")[2]


@pytest.mark.parametrize(
    ("dtype", "quantisation", "gigabytes"),
    [
        ("float32", "none", 4.5),
        ("bfloat16", "none", 2.3),
        ("auto", "int8", 1.15),
        ("auto", "nf4", 0.6),
    ],
)
def test_what_may_just_fit_is_let_through(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, dtype: str, quantisation: str, gigabytes: float
) -> None:
    """TinyLlama's shape: 1.1 billion parameters."""
    folder = save(tmp_path, llama(22, 2048, 5632, 32, 4))
    limit_memory(tmp_path, monkeypatch, int(gigabytes * GIGABYTE))
    refuse(folder, dtype=dtype, quantisation=quantisation)
    assert not fit(folder, device="cpu", dtype=dtype, quantisation=quantisation).whole
    limit_memory(tmp_path, monkeypatch, int(0.9 * gigabytes * GIGABYTE))
    with pytest.raises(ModelLoadError, match="does not fit"):
        refuse(folder, dtype=dtype, quantisation=quantisation)


@pytest.mark.parametrize("stored", ["float16", "bfloat16"])
def test_weights_that_stay_in_their_files_are_let_through(
    seven: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stored: str
) -> None:
    limit_memory(tmp_path, monkeypatch, GIGABYTE)
    monkeypatch.setattr("bot.generation.weights.packed.is_x86", lambda: False)
    save(seven, LLAMA_2["7B"] | {"dtype": stored})
    refuse(seven, dtype=stored)
    with pytest.raises(ModelLoadError, match="does not fit"):
        refuse(seven, dtype="float32")


def test_what_the_process_holds_counts_beside_another_model(
    checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    size = examine(checkpoint).weight_bytes(Plan(CPU, torch.float32))
    limit_memory(tmp_path, monkeypatch, most := held_memory() // 2)
    assert size < most
    refuse(checkpoint, dtype="float32")
    with pytest.raises(ModelLoadError, match="are taken"):
        refuse(checkpoint, dtype="float32", beside=True)


def test_tied_embeddings_count_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = save_llama(tmp_path / "tied", tie_word_embeddings=True, vocab_size=50_000)
    limit_memory(tmp_path, monkeypatch, 14 * 10**6)  # 12.8 MB of embeddings, 0.4 of the rest
    refuse(folder, dtype="float32")
    limit_memory(tmp_path, monkeypatch, 12 * 10**6)
    with pytest.raises(ModelLoadError, match="does not fit"):
        refuse(folder, dtype="float32")


def test_pictures_are_not_counted_where_they_may_be_left_unread(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = LlavaConfig().to_dict()
    (tmp_path / "config.json").write_text(json.dumps(config), encoding="utf-8")
    save_header(tmp_path / "model.safetensors", {"vision_tower.layer.weight": (10**5, 10**5)})
    limit_memory(tmp_path, monkeypatch, GIGABYTE)
    refuse(tmp_path)
    save_header(tmp_path / "model.safetensors", {"model.layer.weight": (10**5, 10**5)})
    with pytest.raises(ModelLoadError, match="does not fit"):
        refuse(tmp_path)


def test_weights_that_are_stored_quantised_are_let_through(
    seven: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    quantised = {"quantization_config": {"quant_method": "awq", "bits": 4}}
    save(seven, LLAMA_2["7B"] | quantised)
    save_header(seven / "model.safetensors", {"x.qweight": (10**5, 10**5)}, dtype="I16")
    limit_memory(tmp_path, monkeypatch, 6 * GIGABYTE)
    refuse(seven)


def test_experts_in_another_layout_are_counted_by_their_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = MixtralConfig(num_hidden_layers=1).to_dict()
    (tmp_path / "config.json").write_text(json.dumps(config), encoding="utf-8")
    save_header(tmp_path / "model.safetensors", {"a.experts.weight": (10**5, 10**5)})
    limit_memory(tmp_path, monkeypatch, 19 * GIGABYTE)
    with pytest.raises(ModelLoadError, match=r"at least 20\.0 GB"):
        refuse(tmp_path)


def test_what_cannot_be_told_is_left_to_loading(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    limit_memory(tmp_path, monkeypatch, 1000)
    refuse(save(tmp_path, {"model_type": "llama"}))
    refuse(save(tmp_path, LLAMA_2["7B"] | {"model_type": "of tomorrow"}))
    monkeypatch.setattr("bot.generation.weights.refusal.most_memory", lambda: None)
    refuse(save(tmp_path, LLAMA_2["7B"]))


def test_models_compete_for_no_more_than_a_container_may_take(
    checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    limit_memory(tmp_path, monkeypatch, 10**8)
    settings = {"device": "cpu", "dtype": "float32", "quantisation": "none"}
    *_, free, total = demand(checkpoint, **settings, context=None, share=None)
    assert (free, total, total_memory(*CPU), most_memory()) == (10**8,) * 4
