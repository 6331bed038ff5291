"""`quipu models check` finds out what loading would stumble over, from small files and heads."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from safetensors.numpy import load_file, save_file

from bot import checkpoint as checkpoints
from bot.checkpoints.check import examine, first_prompt
from bot.checkpoints.files import chosen, lacking
from bot.prompt.load import load_tokenizer
from bot.values import Finding
from tests.checkpoint.conftest import Program
from tests.checkpoint.meta import Toy, publish
from tests.checkpoints import make_checkpoint
from tests.pieces import train_pieces
from tests.prompt.test_template_format import TEMPLATE, model_folder


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A sound chat model in two files."""
    folder = make_checkpoint(tmp_path / "small-chat")
    tensors = load_file(folder / "model.safetensors")
    (folder / "model.safetensors").unlink()
    names = sorted(tensors)
    weight_map: dict[str, str] = {}
    for number, part in enumerate((names[:9], names[9:]), start=1):
        file = f"model-0000{number}-of-00002.safetensors"
        save_file({name: tensors[name] for name in part}, folder / file)
        weight_map |= dict.fromkeys(part, file)
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": weight_map}))
    return folder


def findings(folder: Path) -> list[Finding]:
    return list(examine(checkpoints.find(str(folder), weights=False)))


def errors(folder: Path) -> list[str]:
    return [found.text for found in findings(folder) if found.severity == "error"]


def change(file: Path, **values: Any) -> None:
    file.write_text(json.dumps(json.loads(file.read_text()) | values))


def test_a_sound_model_is_described(model: Path) -> None:
    found = findings(model)
    assert {each.severity for each in found} == {"ok"}
    texts = [each.text for each in found]
    assert texts[0].endswith("context 4,096 tokens")
    assert texts[2:] == [
        "chat format: Llama 2's",
        "21 tensors, 0.00 GB, every file whole, all as config.json says",
    ]
    prompt = first_prompt(checkpoints.find(str(model)), "Be kind.")
    assert prompt.text.startswith("<s>[INST] <<SYS>>\nBe kind.\n<</SYS>>")


def test_a_missing_file_is_named(model: Path) -> None:
    (model / "model-00002-of-00002.safetensors").unlink()
    assert errors(model) == ["it lacks model-00002-of-00002.safetensors"]


def test_a_file_that_was_cut_off_is_named(model: Path) -> None:
    file = model / "model-00001-of-00002.safetensors"
    file.write_bytes(file.read_bytes()[:-100])
    (error,) = errors(model)
    assert error.startswith("model-00001-of-00002.safetensors is damaged")


def test_an_index_that_cannot_be_read_is_named(model: Path) -> None:
    (model / "model.safetensors.index.json").write_text("{}")
    assert errors(model) == ["it lacks a readable model.safetensors.index.json"]


def test_tensors_of_another_shape_are_named(model: Path) -> None:
    change(model / "config.json", intermediate_size=160)
    (error,) = errors(model)
    assert error.startswith("6 tensors do not fit config.json: model.layers.0.mlp.down_proj.weight")
    assert error.endswith("is (64, 128), not (64, 160)")


def test_absent_tensors_are_counted(model: Path) -> None:
    change(model / "config.json", num_hidden_layers=3)
    (error,) = errors(model)
    assert error.startswith("9 tensors are absent: model.layers.2.")
    assert error.endswith("and 6 more")


def test_an_embedding_used_twice_is_needed_once(model: Path) -> None:
    change(model / "config.json", tie_word_embeddings=True)
    assert errors(model) == []


def test_an_unknown_architecture_is_an_error(model: Path) -> None:
    change(model / "config.json", model_type="perceptron")
    (error,) = errors(model)
    assert error.startswith("no model can be made from")


def test_quantised_weights_are_not_compared(model: Path) -> None:
    change(model / "config.json", quantization_config={"quant_method": "gptq", "bits": 4})
    last = findings(model)[-1]
    assert last.severity == "warning"
    assert "not compared" in last.text


def test_a_missing_tokenizer_is_an_error(model: Path) -> None:
    (model / "tokenizer.model").unlink()
    first, second = errors(model)
    assert "neither tokenizer.model nor tokenizer.json" in first
    assert second == "it lacks tokenizer.model or tokenizer.json"


def test_pickles_are_not_the_weights(model: Path) -> None:
    for file in model.glob("model*"):
        file.unlink()
    (model / "pytorch_model.bin").write_bytes(b"pickle")
    found = findings(model)[-1]
    assert (found.severity, found.text) == ("error", "it lacks model.safetensors")
    assert "pickle files are not loaded" in found.mend


def test_a_base_model_is_warned_of(tmp_path: Path) -> None:
    folder = make_checkpoint(tmp_path / "small-7b")
    (warning,) = (each for each in findings(folder) if each.severity == "warning")
    assert "take the chat variant" in warning.mend


@pytest.mark.parametrize(
    ("ends", "named", "warned"),
    [("<|turn|>", "<|turn|>", False), ("<|end|>", "<|turn|>", False), ("<|end|>", "<|end|>", True)],
)
def test_a_template_whose_end_of_an_answer_ends_none_is_warned_of(
    tmp_path: Path, ends: str, named: str, warned: bool
) -> None:
    folder = model_folder(tmp_path / "small-chat", TEMPLATE)
    tokenizer = load_tokenizer(checkpoints.find(str(folder)))
    change(folder / "config.json", eos_token_id=tokenizer.encode_template(ends))
    change(folder / "tokenizer_config.json", eos_token=named)
    found = [each for each in findings(folder) if each.severity == "warning"]
    if not warned:
        assert found == []
        return
    (warning,) = found
    assert "its template puts <|turn|> behind an answer" in warning.text
    assert warning.mend.startswith("if its answers run on, ")


def test_a_model_without_any_end_is_warned_of(tmp_path: Path) -> None:
    folder = model_folder(tmp_path / "small-chat", TEMPLATE)
    change(folder / "config.json", eos_token_id=100_000)
    change(folder / "tokenizer_config.json", eos_token=None)
    (warning,) = (each for each in findings(folder) if each.severity == "warning")
    assert warning.text.startswith("no token ends an answer")


def test_only_what_a_model_needs_is_chosen_from_a_repository() -> None:
    names = [
        "config.json", "tokenizer.model", "chat_template.jinja", "model-00001-of-00001.safetensors",
        "consolidated.safetensors", "onnx/config.json", "original/params.json", "model.py",
        "pytorch_model.bin", "README.md", "model.gguf",
    ]  # fmt: skip
    assert chosen(names, weights=True) == names[:4]
    assert chosen(names, weights=False) == names[:3]


def test_an_adapter_needs_its_own_files_only(tmp_path: Path) -> None:
    (tmp_path / "adapter_config.json").write_text("{}")
    assert lacking(tmp_path, weights=False) == []
    assert lacking(tmp_path, weights=True) == ["adapter_model.safetensors"]


@pytest.mark.slow
async def test_metas_download_is_imported_checked_and_spoken_with(quipu: Program) -> None:
    source = quipu.home / "llama" / "llama-2-toy-chat"
    publish(source, Toy(key_value_heads=4), train_pieces(), count=2)
    refused = await quipu("run", QUIPU_MODEL__NAME=str(source))
    assert refused.code == 2
    assert f"quipu models import {source} NEW_FOLDER" in refused.complaint
    made = await quipu("models", "import", str(source), "models/toy-chat")
    folder = quipu.home / "models" / "toy-chat"
    assert made.code == 0, made.err
    assert f'[model]\nname = "{folder}"\n' in made.out
    assert "quipu: verifying: 100 %" in made.err
    assert "quipu: converting: 100 %" in made.err
    checked = await quipu("models", "check", str(folder))
    assert checked.code == 0, checked.out
    assert "<s>[INST] <<SYS>>\nYou are Quipu" in checked.out
    said = await quipu(
        "chat",
        typed="Hello\n",
        QUIPU_MODEL__NAME=str(folder),
        QUIPU_SAMPLING__MAX_NEW_TOKENS="4",
    )
    assert said.code == 0, said.err


async def test_a_failed_check_says_how_to_mend_it(quipu: Program, model: Path) -> None:
    (model / "model-00002-of-00002.safetensors").unlink()
    done = await quipu("models", "check", str(model))
    assert done.code == 1
    assert "error: it lacks model-00002-of-00002.safetensors" in done.out
    assert "to mend: fetch it again" in done.out
    assert "first prompt" not in done.out
