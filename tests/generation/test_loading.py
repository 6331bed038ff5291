"""Checkpoints that load, and what is said about those that do not."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import (
    Gemma2Config,
    Gemma2ForCausalLM,
    GptOssConfig,
    GptOssForCausalLM,
    LlamaConfig,
    LlamaForCausalLM,
    MistralConfig,
    MistralForCausalLM,
    Phi3Config,
    Phi3ForCausalLM,
    Qwen2Config,
    Qwen2ForCausalLM,
)

from bot.checkpoint import read
from bot.errors import ModelLoadError
from bot.generation.memory.key_value import SPARE
from bot.generation.memory.sizing import fit
from bot.generation.weights.anatomy import examine
from bot.generation.weights.loading import LoadedModel, load
from bot.generation.weights.placement import SMALL, choose_dtype, count_parameters
from tests.generation.speaking import CONTEXT, EOS, VOCABULARY, Reference, save_llama


def test_a_loaded_model_knows_what_the_checkpoint_says(loaded: LoadedModel) -> None:
    assert loaded.context == CONTEXT
    assert loaded.eos_ids == {EOS}
    assert loaded.vocab_size == VOCABULARY
    assert loaded.device.type == "cpu"
    assert loaded.dtype is torch.float32
    assert not loaded.model.training


def test_what_ends_an_answer_is_what_the_generation_configuration_says(tmp_path: Path) -> None:
    folder = save_llama(tmp_path)
    file = folder / "generation_config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"eos_token_id": [EOS, 7]}))
    assert load(folder, device="cpu").eos_ids == {EOS, 7}
    file.unlink()
    assert load(folder, device="cpu").eos_ids == {EOS}


def test_parameters_are_counted_without_loading_them(
    checkpoint: Path, reference: Reference
) -> None:
    assert count_parameters([checkpoint / "model.safetensors"]) == reference.model.num_parameters()


def test_a_checkpoint_in_shards_loads(tmp_path: Path, reference: Reference) -> None:
    reference.model.save_pretrained(tmp_path, max_shard_size="100KB")
    assert len(list(tmp_path.glob("*.safetensors"))) > 1
    assert load(tmp_path, device="cpu").vocab_size == VOCABULARY
    next(tmp_path.glob("*.safetensors")).unlink()
    with pytest.raises(ModelLoadError, match="not complete"):
        load(tmp_path, device="cpu")


def test_weights_in_pickle_files_are_not_loaded(tmp_path: Path) -> None:
    (save_llama(tmp_path) / "model.safetensors").rename(tmp_path / "pytorch_model.bin")
    with pytest.raises(ModelLoadError, match="convert them to safetensors"):
        load(tmp_path)


def test_weights_that_are_lacking_are_not_made_up(tmp_path: Path) -> None:
    file = save_llama(tmp_path) / "model.safetensors"
    weights = load_file(file)
    del weights["model.layers.1.mlp.up_proj.weight"]
    save_file(weights, file, metadata={"format": "pt"})
    with pytest.raises(ModelLoadError, match=r"layers\.1\.mlp\.up_proj"):
        load(tmp_path, device="cpu")


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    file = save_llama(tmp_path) / "model.safetensors"
    file.write_bytes(file.read_bytes()[:1000])
    with pytest.raises(ModelLoadError, match="download it again"):
        load(tmp_path, device="cpu")


def test_shapes_that_do_not_fit_the_configuration_are_an_error(tmp_path: Path) -> None:
    file = save_llama(tmp_path) / "config.json"
    config = json.loads(file.read_text())
    file.write_text(json.dumps(config | {"intermediate_size": 77}))
    with pytest.raises(ModelLoadError, match="cannot be loaded"):
        load(tmp_path, device="cpu")


@pytest.mark.parametrize("content", ["{}", "not json", '{"model_type": "nonsense"}'])
def test_a_configuration_of_nothing_is_an_error(tmp_path: Path, content: str) -> None:
    (save_llama(tmp_path) / "config.json").write_text(content)
    with pytest.raises(ModelLoadError, match="cannot be loaded"):
        load(tmp_path, device="cpu")


def test_a_folder_without_a_checkpoint_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ModelLoadError, match="not a folder"):
        load(tmp_path / "nowhere")
    with pytest.raises(ModelLoadError, match=r"config\.json"):
        load(tmp_path)


SHAPE: dict[str, Any] = {
    "vocab_size": 64,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
}


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_an_architecture_that_we_would_get_wrong_is_refused(tmp_path: Path, dtype: str) -> None:
    """In bf16 what is lacking can be less than what rounding may be."""
    Gemma2ForCausalLM(Gemma2Config(**SHAPE, head_dim=8)).save_pretrained(tmp_path)
    with pytest.raises(ModelLoadError, match=r"not supported: its attention bounds the scores"):
        load(tmp_path, device="cpu", dtype=dtype)


def test_an_architecture_with_sinks_is_refused(tmp_path: Path) -> None:
    config = GptOssConfig(**SHAPE, head_dim=8, num_local_experts=2, num_experts_per_tok=1)
    GptOssForCausalLM(config).save_pretrained(tmp_path)
    with pytest.raises(ModelLoadError, match=r"not supported: its attention has sinks"):
        load(tmp_path, device="cpu", dtype="bfloat16")


def test_a_sliding_window_bounds_the_context(tmp_path: Path) -> None:
    MistralForCausalLM(MistralConfig(**SHAPE, sliding_window=128)).save_pretrained(tmp_path)
    assert load(tmp_path, device="cpu").context == 128
    assert read(tmp_path, "mistral").context == 128
    assert examine(tmp_path).context == 128


def test_a_sliding_window_that_is_not_used_bounds_nothing(tmp_path: Path) -> None:
    config = Qwen2Config(**SHAPE, max_position_embeddings=512, sliding_window=128)
    Qwen2ForCausalLM(config).save_pretrained(tmp_path)
    file = tmp_path / "config.json"
    given = json.loads(file.read_text(encoding="utf-8"))
    file.write_text(json.dumps(given | {"use_sliding_window": False, "sliding_window": 128}))
    assert load(tmp_path, device="cpu").context == 512
    assert read(tmp_path, "qwen").context == 512


LONG_ROPE = {"rope_type": "longrope", "short_factor": [1.0] * 4, "long_factor": [4.0] * 4}
LONG = Phi3Config(
    **SHAPE,
    max_position_embeddings=256,
    original_max_position_embeddings=64,
    rope_parameters=LONG_ROPE,
    bos_token_id=1,
    eos_token_id=2,
    pad_token_id=0,
)
DYNAMIC = LlamaConfig(
    **SHAPE, max_position_embeddings=128, rope_parameters={"rope_type": "dynamic", "factor": 2.0}
)


@pytest.mark.parametrize(
    ("made", "config", "context"),
    [(Phi3ForCausalLM, LONG, 64), (LlamaForCausalLM, DYNAMIC, 128)],
    ids=["longrope", "dynamic"],
)
def test_no_conversation_changes_the_positions_of_the_others(
    tmp_path: Path, made: Any, config: Any, context: int
) -> None:
    made(config).save_pretrained(tmp_path)
    loaded = load(tmp_path, device="cpu")
    assert (loaded.context, examine(tmp_path).context) == (context, context)
    assert read(tmp_path, "model").context == context
    turn: Any = loaded.model.get_decoder().rotary_emb
    rows, places = torch.zeros(1, 5, 32), torch.arange(loaded.context)[None]
    alone = turn(rows, places[:, :5])
    beside = turn(rows, places)
    for one, other in zip(alone, beside, strict=True):
        assert torch.equal(one, other[:, :5])


@pytest.mark.parametrize("device", ["tpu", "cuda:99", "nonsense:1"])
def test_a_device_that_is_not_there_is_an_error(checkpoint: Path, device: str) -> None:
    with pytest.raises(ModelLoadError):
        load(checkpoint, device=device)


def test_an_unknown_precision_is_an_error(checkpoint: Path) -> None:
    with pytest.raises(ModelLoadError, match="float8"):
        load(checkpoint, device="cpu", dtype="float8")


def test_a_small_model_on_a_cpu_is_exact(checkpoint: Path) -> None:
    weights = [checkpoint / "model.safetensors"]
    assert count_parameters(weights) < SMALL
    assert choose_dtype("auto", torch.device("cpu"), count_parameters(weights)) is torch.float32


def test_conversations_fit_into_the_memory_that_is_there() -> None:
    ample = fit(tokens=10**6, max_batch=8, context=4096)
    assert (ample.running, ample.context) == (8, 4096)
    short = fit(tokens=1000, max_batch=8, context=4096)
    assert (short.running, short.context) == (8, 1000 - SPARE)
    with pytest.raises(ModelLoadError, match="smaller model"):
        fit(tokens=100, max_batch=8, context=4096)
