"""Adapters that do not fit, and what is said about them; the model is then as it was."""

from __future__ import annotations

import shlex
import sys
from collections.abc import MutableMapping
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file
from torch import Tensor

from bot.errors import ModelLoadError
from bot.generation.adapters.bank import load_adapters
from bot.generation.weights.loading import LoadedModel, load
from tests.adapters_made import change_config, save_adapter
from tests.generation.speaking import save_llama

WEIGHTS = "adapter_model.safetensors"
QUERY = "base_model.model.model.layers.1.self_attn.q_proj.lora_A.weight"
HEAD = "base_model.model.lm_head.weight"

FEATURES: dict[str, dict[str, Any]] = {
    "use_dora": {"use_dora": True},
    "modules_to_save": {"modules_to_save": ["norm"]},
    "bias": {"bias": "lora_only"},
    "lora_bias": {"lora_bias": True},
    "alora_invocation_tokens": {"alora_invocation_tokens": [5, 6]},
    "layer_replication": {"layer_replication": [[0, 2], [1, 3]]},
    "trainable_token_indices": {"trainable_token_indices": [3]},
    "target_parameters": {"target_parameters": ["mlp.experts.gate_up_proj"]},
    "use_qalora": {"use_qalora": True},
    "init_lora_weights=pissa": {"init_lora_weights": "pissa"},
    "rank is 0": {"r": 0},
    "rank is -1": {"rank_pattern": {"q_proj": -1}},
    "task SEQ_CLS": {"task_type": "SEQ_CLS"},
    "type IA3": {"peft_type": "IA3"},
    "type None": {"peft_type": None},
    "newer PEFT wrote it, with use_tomorrow": {"use_tomorrow": True},
    "newer PEFT wrote it, with tomorrow_config": {"tomorrow_config": {"steps": 3}},
    "does not fit this base model": {"target_modules": ["c_attn"]},
    "not valid": {"alora_invocation_tokens": [1], "task_type": "NONSENSE"},
    "only the linear layers": {"target_modules": ["lm_head"]},
    "changes model.embed_tokens": {"target_modules": ["embed_tokens", "q_proj"]},
    "lacks base_model.model.model.layers.0.mlp.up_proj": {"target_modules": ["up_proj", "k_proj"]},
    "belongs to no layer": {"target_modules": ["k_proj"]},
    "the base needs": {"r": 5},
}


@pytest.fixture(scope="module")
def base(checkpoint: Path) -> LoadedModel:
    return load(checkpoint, device="cpu")


@pytest.fixture
def folder(checkpoint: Path, tmp_path: Path) -> Path:
    return save_adapter(checkpoint, tmp_path / "adapter", target_modules=["q_proj", "k_proj"])


def refused(loaded: LoadedModel, folder: Path) -> str:
    """What is said about the folder."""
    with pytest.raises(ModelLoadError, match="the adapter 'polite' in ") as caught:
        load_adapters(loaded, [("polite", folder)])
    layers = loaded.model.modules()
    assert not any(layer._forward_hooks for layer in layers)
    return str(caught.value)


@pytest.mark.parametrize("words", FEATURES)
def test_what_is_not_supported_is_refused_by_name(
    base: LoadedModel, folder: Path, words: str
) -> None:
    change_config(folder, **FEATURES[words])
    assert words in refused(base, folder)


def test_a_number_that_a_newer_peft_wrote_beside_a_switch_does_no_harm(
    base: LoadedModel, folder: Path
) -> None:
    change_config(folder, tomorrow_size=16, use_tomorrow=False, tomorrow_config=None)
    plain = load(base.path, device="cpu")
    assert load_adapters(plain, [("polite", folder)]).names == ("polite",)


def put(folder: Path, key: str, value: Tensor | None) -> None:
    """Write another tensor into the adapter's weights, or take one out."""
    tensors = load_file(folder / WEIGHTS)
    tensors.pop(key, None)
    save_file(tensors if value is None else tensors | {key: value}, folder / WEIGHTS)


def test_weights_that_are_missing_foreign_or_not_finite_are_refused(
    base: LoadedModel, folder: Path
) -> None:
    put(folder, QUERY, torch.full((4, 64), float("nan")))
    assert "not finite" in refused(base, folder)
    put(folder, QUERY, torch.ones(4))
    assert "the base needs" in refused(base, folder)
    put(folder, QUERY, None)
    assert f"lacks {QUERY}" in refused(base, folder)
    put(folder, QUERY, torch.ones(4, 64))
    put(folder, "x", torch.ones(1))
    assert "x in adapter_model.safetensors belongs to no layer" in refused(base, folder)
    put(folder, HEAD, torch.ones(321, 64))
    assert "another vocabulary" in refused(base, folder)


def test_a_scaling_that_the_precision_cannot_hold_is_refused(
    checkpoint: Path, folder: Path
) -> None:
    change_config(folder, lora_alpha=10**7)
    assert "not finite" in refused(load(checkpoint, device="cpu", dtype="float16"), folder)


@pytest.mark.parametrize(
    ("shape", "words"),
    [
        ({"hidden_size": 128}, "the base needs"),
        ({"num_key_value_heads": 4}, "the base needs"),
        ({"num_hidden_layers": 4}, "lacks"),
        ({"num_hidden_layers": 2}, "belongs to no layer"),
    ],
)
def test_an_adapter_of_another_shape_of_model_is_refused(
    tmp_path: Path, folder: Path, shape: dict[str, int], words: str
) -> None:
    other = load(save_llama(tmp_path / "other", **shape), device="cpu")
    assert words in refused(other, folder)


def test_files_that_are_not_there_or_damaged_are_named(
    base: LoadedModel, folder: Path, tmp_path: Path
) -> None:
    assert "no adapter_config.json" in refused(base, tmp_path / "nowhere")
    (folder / WEIGHTS).write_bytes(b"\x08" * 100)
    assert f"{WEIGHTS} is damaged" in refused(base, folder)
    (folder / WEIGHTS).unlink()
    assert "not complete" in refused(base, folder)
    (folder / "adapter_model.bin").write_bytes(b"")
    assert "pickle" in refused(base, folder)


@pytest.mark.parametrize("text", ["", "[]", "{", "3", '"LORA"'])
def test_a_configuration_that_is_no_configuration_is_refused(
    base: LoadedModel, folder: Path, text: str
) -> None:
    (folder / "adapter_config.json").write_text(text, encoding="utf-8")
    assert "adapter_config.json" in refused(base, folder)


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 10**7) | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)


@given(
    key=st.sampled_from(
        ["r", "lora_alpha", "rank_pattern", "alpha_pattern", "target_modules", "layers_pattern",
         "layers_to_transform", "exclude_modules", "use_rslora", "init_lora_weights", "bias",
         "task_type", "base_model_name_or_path", "loftq_config", "fan_in_fan_out"]
    ),
    value=ANYTHING,
)  # fmt: skip
@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_any_value_of_any_setting_loads_or_is_refused_in_words(
    base: LoadedModel, folder: Path, key: str, value: Any
) -> None:
    change_config(folder, r=4, lora_alpha=8, target_modules=["q_proj", "k_proj"], bias="none")
    change_config(folder, **{key: value})
    try:
        assert load_adapters(base, [("polite", folder)]).names == ("polite",)
    except ModelLoadError as error:
        assert "polite" in str(error)  # noqa: PT017 -- either is well
    finally:
        for layer in base.model.modules():
            layer._forward_hooks.clear()


def test_two_adapters_of_one_name_are_refused(base: LoadedModel, folder: Path) -> None:
    for names in (("a", "a"), ("",)):
        with pytest.raises(ModelLoadError, match="a name of its own"):
            load_adapters(base, [(name, folder) for name in names])


def test_what_to_install_is_said_where_peft_is_missing(
    base: LoadedModel, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "peft", None)
    python = shlex.quote(sys.executable)
    assert f'{python} -m pip install "quipu[peft]"' in refused(base, folder)


def test_a_base_of_another_name_is_only_a_warning(
    checkpoint: Path, folder: Path, logged: list[MutableMapping[str, Any]]
) -> None:
    load_adapters(load(checkpoint, device="cpu"), [("polite", folder)])
    warned = "adapter_of_another_base"
    assert warned not in [entry["event"] for entry in logged]
    change_config(folder, base_model_name_or_path="somebody/another-13b")
    load_adapters(load(checkpoint, device="cpu"), [("polite", folder)])
    (entry,) = [entry for entry in logged if entry["event"] == warned]
    assert entry["made_for"] == "somebody/another-13b"
