"""Model files that somebody made up: refused in words, with no code run and no memory spent."""

from __future__ import annotations

import json
import pickle
import struct
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot import checkpoint
from bot.checkpoints.check import first_prompt
from bot.checkpoints.files import chosen, lacking, plain_names
from bot.errors import ConfigError, ModelLoadError
from bot.generation.weights.headers import LONGEST, read_file_headers
from bot.generation.weights.loading import load
from bot.prompt.tokenizer import FastTokenizer
from tests.generation.speaking import save_llama


def written(folder: Path, header: object, data: bytes = b"", length: int | None = None) -> Path:
    """A safetensors file with this header, which may lie about its length."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    file = folder / "model.safetensors"
    file.write_bytes(struct.pack("<Q", len(text) if length is None else length) + text + data)
    return file


def tensor(shape: Any = (2, 2), begin: Any = 0, end: Any = 16, dtype: Any = "F32") -> object:
    return {"w": {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}}


def test_a_sound_file_is_read(tmp_path: Path) -> None:
    (header,) = read_file_headers(written(tmp_path, tensor(), bytes(16)))
    assert (header.name, header.shape, header.numbers) == ("w", (2, 2), 4)


@pytest.mark.parametrize(
    "header",
    [
        tensor(shape=(2, 3)),
        tensor(shape=(2**40, 2**40)),
        tensor(shape=(-2, -2)),
        tensor(shape=(2.0, 2.0)),
        tensor(shape=("2", "2")),
        tensor(shape=(True, True), end=4),
        tensor(shape=7),
        tensor(shape=(1,) * 100, end=4),
        tensor(begin=-8, end=8),
        tensor(begin=16, end=0),
        tensor(begin=0, end=2**70),
        tensor(begin=0.0),
        tensor(begin=None),
        {"w": {"dtype": "F32", "shape": [2, 2], "data_offsets": [0, 8, 16]}},
        {"w": {"dtype": "F32", "shape": [2, 2]}},
        {"w": []},
        [],
        "w",
        None,
        b"[" * 100_000,
        b"{",
        b"\xff\xfe",
    ],
)
def test_a_header_that_lies_is_refused_in_words(tmp_path: Path, header: object) -> None:
    file = written(tmp_path, header, bytes(16))
    with pytest.raises(ModelLoadError, match=r"model\.safetensors is damaged"):
        read_file_headers(file)


@pytest.mark.parametrize("length", [0, LONGEST + 1, 2**63, 2**64 - 1])
def test_a_header_of_any_length_costs_no_memory(tmp_path: Path, length: int) -> None:
    file = written(tmp_path, tensor(), bytes(16), length=length)
    with file.open("ab") as end:
        end.truncate(2 * LONGEST)
    with pytest.raises(ModelLoadError, match="its header would take"):
        read_file_headers(file)


@given(st.binary(max_size=200))
def test_no_bytes_make_reading_a_file_fail_otherwise(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    file = tmp_path_factory.getbasetemp() / "any.safetensors"
    file.write_bytes(content)
    with pytest.raises(ModelLoadError):
        read_file_headers(file)


@pytest.mark.parametrize(
    "name",
    ["../model.safetensors", "/etc/passwd", "a/b.safetensors", "..\\x.safetensors", "x.bin", ""],
)
def test_an_index_that_leads_out_of_the_folder_is_refused(tmp_path: Path, name: str) -> None:
    folder = save_llama(tmp_path / "model")
    (folder / "model.safetensors").rename(tmp_path / "model.safetensors")
    index = {"weight_map": {"lm_head.weight": name}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index), encoding="utf-8")
    with pytest.raises(ModelLoadError, match="is not the name of a weight file beside it"):
        load(folder, device="cpu")
    assert "a readable model.safetensors.index.json" in lacking(folder, weights=True)


@given(st.lists(st.text(max_size=20)))
def test_names_of_weight_files_stay_in_their_folder(names: list[str]) -> None:
    try:
        found = plain_names(names)
    except ValueError:
        return
    assert all(Path(name).name == name for name in found)


class Trap:
    """Leaves a mark where its pickle is opened without care."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.touch, (self.mark,))


def trapped(folder: Path) -> Path:
    """The mark of code that came with a model, in every way it may come."""
    mark = folder.parent / "code-was-run"
    code = f"import pathlib\npathlib.Path({str(mark)!r}).touch()\n"
    for name in ("modeling_trap", "configuration_trap", "tokenization_trap", "__init__", "custom"):
        (folder / f"{name}.py").write_text(code, encoding="utf-8")
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    config["auto_map"] = {
        "AutoConfig": "configuration_trap.TrapConfig",
        "AutoModelForCausalLM": "modeling_trap.TrapModel",
    }
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    tokenizer = {"auto_map": {"AutoTokenizer": ["tokenization_trap.Trap", None]}}
    (folder / "tokenizer_config.json").write_text(json.dumps(tokenizer), encoding="utf-8")
    for name in ("pytorch_model.bin", "training_args.bin", "optimizer.pt"):
        (folder / name).write_bytes(pickle.dumps(Trap(mark)))
    return mark


def test_code_and_pickles_in_a_models_folder_are_left_alone(tmp_path: Path) -> None:
    folder = save_llama(tmp_path / "model")
    mark = trapped(folder)
    assert load(folder, device="cpu").context > 0
    assert not mark.exists()


def test_a_model_that_is_code_is_refused_in_words(tmp_path: Path) -> None:
    folder = save_llama(tmp_path / "model")
    mark = trapped(folder)
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    config |= {"model_type": "trap", "architectures": ["TrapModel"]}
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    with pytest.raises(ModelLoadError):
        load(folder, device="cpu")
    assert not mark.exists()


def test_a_models_pickles_are_refused_where_there_is_nothing_else(tmp_path: Path) -> None:
    folder = save_llama(tmp_path / "model")
    mark = trapped(folder)
    (folder / "model.safetensors").unlink()
    with pytest.raises(ModelLoadError, match="can run code"):
        load(folder, device="cpu")
    assert not mark.exists()


def test_code_and_pickles_are_never_fetched() -> None:
    names = ["model.safetensors", "config.json", "modeling_x.py", "x.bin", "x.pt", "x.pth", "x.pkl"]
    names += ["../x.json", "a/config.json", "tokenizer.py", "x.so", "x.npy", "x.h5", "x.msgpack"]
    assert chosen(names, weights=True) == ["model.safetensors", "config.json"]


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b"null", b'{"model": {"type": "Python", "code": "x"}}', b"\x80\x04"],
)
def test_a_tokenizer_that_is_none_is_refused_in_words(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "tokenizer.json"
    file.write_bytes(content)
    with pytest.raises(ConfigError, match="is not a tokenizer that can be read"):
        FastTokenizer(file, None, [])


ESCAPES = (
    "{{ ''.__class__.__mro__[1].__subclasses__() }}",
    "{{ cycler.__init__.__globals__.os.system('touch MARK') }}",
    "{% set x = messages.append('x') %}{{ x }}",
    "{% include '/etc/passwd' %}",
    "{% for i in range(10 ** 9) %}{{ i }}{% endfor %}",
    "{{ 1 // 0 }}",
    "{{ messages[99].content }}",
)


@pytest.mark.parametrize("template", ESCAPES)
def test_a_chat_template_reaches_nothing_outside_of_itself(tmp_path: Path, template: str) -> None:
    folder = save_llama(tmp_path / "model")
    (folder / "chat_template.jinja").write_text(template, encoding="utf-8")
    demo = checkpoint.find("demo")
    (folder / "tokenizer.model").write_bytes((demo.path / "tokenizer.model").read_bytes())
    found = checkpoint.read(folder, str(folder))
    with pytest.raises(ConfigError, match="chat template fails"):
        first_prompt(found, "")
    assert not list(tmp_path.rglob("MARK"))
