"""Models found on disk, and clear words for those that are not."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bot import checkpoint as checkpoints
from bot.errors import ConfigError
from bot.prompt.load import load_tokenizer
from bot.values import Sampling
from tests.prompt.test_template_format import TEMPLATE, model_folder


def folder_with(path: Path, **files: object) -> Path:
    path.mkdir(parents=True, exist_ok=True)
    for name, value in files.items():
        (path / f"{name}.json").write_text(json.dumps(value))
    return path


def test_a_folder_with_a_config_is_a_checkpoint(tmp_path: Path) -> None:
    folder = folder_with(tmp_path / "m", config={"max_position_embeddings": 2048})
    found = checkpoints.find(str(folder))
    assert (found.context, found.path) == (2048, folder)


def test_without_a_length_the_context_is_llama_2s(tmp_path: Path) -> None:
    assert checkpoints.find(str(folder_with(tmp_path / "m", config={}))).context == 4096


def test_a_folder_of_metas_own_files_says_what_they_are(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="Meta's own files"):
        checkpoints.find(str(folder_with(tmp_path / "llama-2-7b-chat", params={"dim": 4096})))


def test_a_folder_without_a_model_says_so(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"holds no config\.json"):
        checkpoints.find(str(folder_with(tmp_path / "empty")))


@pytest.mark.parametrize("name", ["./missing", "/missing/model", "llama", "a/b/c"])
def test_what_is_neither_folder_nor_hub_name_is_a_mistake(name: str) -> None:
    with pytest.raises(ConfigError, match="neither a folder nor a Hugging Face name"):
        checkpoints.find(name)


@pytest.mark.parametrize("text", ["{", "[1]", "\x00"])
def test_a_config_that_cannot_be_read_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "config.json").write_text(text)
    with pytest.raises(ConfigError, match=r"config\.json cannot be read"):
        checkpoints.find(str(tmp_path))


def test_a_checkpoint_without_a_tokenizer_is_named(tmp_path: Path) -> None:
    found = checkpoints.find(str(folder_with(tmp_path / "m", config={})))
    with pytest.raises(ConfigError, match=r"neither tokenizer\.model nor tokenizer\.json"):
        load_tokenizer(found)


@pytest.mark.parametrize("name", ["tokenizer.model", "tokenizer.json"])
def test_a_damaged_tokenizer_is_named(tmp_path: Path, name: str) -> None:
    folder = folder_with(tmp_path / "m", config={})
    (folder / name).write_bytes(b"not a tokenizer")
    with pytest.raises(ConfigError, match=name):
        load_tokenizer(checkpoints.find(str(folder)))


@pytest.mark.parametrize(
    ("config", "tokenizer"),
    [({"eos_token_id": [2, 32001]}, {}), ({"eos_token_id": 2}, {"eos_token": "<|im_end|>"})],
)
def test_a_template_whose_end_is_not_in_the_vocabulary_is_refused(
    tmp_path: Path, pieces: Path, config: dict[str, object], tokenizer: dict[str, object]
) -> None:
    named = {"chat_template": "{{ messages[0].content }}<|im_end|>", **tokenizer}
    folder = folder_with(tmp_path / "m", config=config, tokenizer_config=named)
    (folder / "tokenizer.model").write_bytes(pieces.read_bytes())
    with pytest.raises(ConfigError, match=r"take a copy with tokenizer\.json"):
        load_tokenizer(checkpoints.find(str(folder)))


def test_a_template_that_needs_no_more_than_the_vocabulary_has_is_taken(
    tmp_path: Path, pieces: Path
) -> None:
    named = {"chat_template": "{{ messages[0].content }}", "eos_token": {"content": "</s>"}}
    folder = folder_with(tmp_path / "m", config={"eos_token_id": 2}, tokenizer_config=named)
    (folder / "tokenizer.model").write_bytes(pieces.read_bytes())
    assert load_tokenizer(checkpoints.find(str(folder))).eos_ids == {2}


@pytest.mark.parametrize("kind", ["tokenizer.model", "tokenizer.json"])
def test_an_ordinary_word_that_is_named_as_the_end_of_an_answer_ends_none(
    tmp_path: Path, pieces: Path, kind: str
) -> None:
    folder = model_folder(tmp_path / "m", TEMPLATE)
    if kind == "tokenizer.model":
        (folder / "tokenizer.json").unlink()
        (folder / kind).write_bytes(pieces.read_bytes())
    folder_with(folder, config={"eos_token_id": 2}, tokenizer_config={"eos_token": "a"})
    assert load_tokenizer(checkpoints.find(str(folder))).eos_ids == {2}


def test_the_unknown_token_ends_no_answer(tmp_path: Path) -> None:
    folder = model_folder(tmp_path / "m", TEMPLATE)
    vocabulary = json.loads((folder / "tokenizer.json").read_text())
    vocabulary["model"]["unk_token"] = "<|start|>"
    (folder / "tokenizer.json").write_text(json.dumps(vocabulary))
    folder_with(folder, config={"eos_token_id": 2}, tokenizer_config={"eos_token": "<|start|>"})
    assert load_tokenizer(checkpoints.find(str(folder))).eos_ids == {2}


def test_an_end_that_was_added_as_no_special_token_ends_an_answer(tmp_path: Path) -> None:
    folder = model_folder(tmp_path / "m", TEMPLATE)
    vocabulary = json.loads((folder / "tokenizer.json").read_text())
    [turn] = [each for each in vocabulary["added_tokens"] if each["content"] == "<|turn|>"]
    turn["special"] = False
    (folder / "tokenizer.json").write_text(json.dumps(vocabulary))
    folder_with(folder, config={"eos_token_id": 2}, tokenizer_config={"eos_token": "<|turn|>"})
    assert load_tokenizer(checkpoints.find(str(folder))).eos_ids == {2, turn["id"]}


def test_sampling_follows_the_models_own_recommendation(tmp_path: Path) -> None:
    greedy = folder_with(tmp_path / "a", config={}, generation_config={"do_sample": False})
    warm = folder_with(
        tmp_path / "b", config={}, generation_config={"temperature": 0.9, "top_p": 0.6}
    )
    assert checkpoints.recommended(checkpoints.find(str(greedy))).temperature == 0.0
    sampling = checkpoints.recommended(checkpoints.find(str(warm)))
    assert (sampling.temperature, sampling.top_p) == (0.9, 0.6)
    bare = checkpoints.find(str(folder_with(tmp_path / "c", config={})))
    assert checkpoints.recommended(bare) == Sampling()
