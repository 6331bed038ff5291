"""Meta's own download becomes a checkpoint that computes the same."""

from __future__ import annotations

import json
import resource
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open
from transformers import AutoModelForCausalLM

from bot import checkpoint as checkpoints
from bot.errors import ConfigError, ModelLoadError
from bot.generation.meta.importing import import_meta
from bot.generation.meta.params import read_params
from bot.generation.weights.loading import load
from bot.prompt.formats import Llama2Format
from bot.prompt.load import load_format, load_tokenizer
from tests.checkpoint.meta import Toy, digest, logits, publish
from tests.pieces import train_pieces

IDS = [1, 17, 300, 42, 42, 399, 5, 260, 8, 77, 123, 250]
ROOT = Path(__file__).parents[2]
WIDE = Toy(key_value_heads=4, vocab=1200)


@pytest.fixture(scope="session")
def tokenizer_file() -> bytes:
    return train_pieces()


@pytest.fixture
def source(tmp_path: Path, tokenizer_file: bytes) -> Path:
    folder = tmp_path / "download" / "llama-2-7b-chat"
    publish(folder, Toy(key_value_heads=4), tokenizer_file, count=2)
    return folder


def difference(toy: Toy, weights: dict[str, torch.Tensor], folder: Path) -> float:
    model: Any = AutoModelForCausalLM.from_pretrained(
        folder, dtype=torch.float32, attn_implementation="eager"
    )
    with torch.inference_mode():
        found = model(torch.tensor([IDS])).logits[0]
    return float((found - logits(toy, weights, IDS)).abs().max())


@pytest.mark.parametrize(
    ("toy", "count"),
    [
        (Toy(), 1),
        (Toy(key_value_heads=2), 2),
        (Toy(key_value_heads=8, heads=16, theta=1e6), 8),
        (Toy(key_value_heads=1, factor=None), 1),
    ],
)
def test_an_imported_model_computes_what_metas_would(
    tmp_path: Path, tokenizer_file: bytes, toy: Toy, count: int
) -> None:
    weights = publish(tmp_path / "meta" / "model", toy, tokenizer_file, count=count)
    folder = import_meta(tmp_path / "meta" / "model", tmp_path / "made")
    assert difference(toy, weights, folder) < 1e-4


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_weights_keep_the_precision_in_which_they_were_published(
    tmp_path: Path, tokenizer_file: bytes, dtype: torch.dtype
) -> None:
    toy = Toy(key_value_heads=2)
    weights = publish(tmp_path / "meta" / "m", toy, tokenizer_file, count=2, dtype=dtype)
    folder = import_meta(tmp_path / "meta" / "m", tmp_path / "made")
    with safe_open(folder / "model-00004-of-00004.safetensors", framework="pt") as file:
        kept = file.get_tensor("lm_head.weight")
    assert torch.equal(kept, weights["output.weight"])
    config = json.loads((folder / "config.json").read_text())
    assert config["torch_dtype"] == str(dtype).removeprefix("torch.")
    assert difference(toy, weights, folder) < 1e-4


def test_an_imported_llama_2_is_a_checkpoint_like_any_other(source: Path, tmp_path: Path) -> None:
    found = checkpoints.find(str(import_meta(source, tmp_path / "made")))
    assert (found.context, found.eos_ids, found.bos_id) == (4096, frozenset({2}), 1)
    sampling = checkpoints.recommended(found)
    assert (sampling.temperature, sampling.top_p) == (0.6, 0.9)
    assert isinstance(load_format(found, load_tokenizer(found)), Llama2Format)
    assert sorted(file.suffix for file in found.path.iterdir()) == (
        [".json"] * 4 + [".model"] + [".safetensors"] * 4
    )


def test_code_llama_is_known_by_its_rope_theta(tmp_path: Path, tokenizer_file: bytes) -> None:
    publish(tmp_path / "meta" / "m", Toy(theta=1e6), tokenizer_file, count=1)
    folder = import_meta(tmp_path / "meta" / "m", tmp_path / "made")
    loaded = load(folder, device="cpu", dtype="float32")
    assert loaded.context == 16_384
    config: Any = loaded.model.config
    assert config.rope_parameters["rope_theta"] == 1e6


def test_the_published_sizes_give_metas_inner_widths(tmp_path: Path) -> None:
    sizes: dict[int, dict[str, Any]] = {
        11_008: {"dim": 4096, "n_heads": 32, "n_layers": 32, "multiple_of": 256},
        13_824: {"dim": 5120, "n_heads": 40, "n_layers": 40, "multiple_of": 256},
        28_672: {
            "dim": 8192, "n_heads": 64, "n_layers": 80, "n_kv_heads": 8,
            "multiple_of": 4096, "ffn_dim_multiplier": 1.3,
        },
        22_016: {
            "dim": 8192, "n_heads": 64, "n_layers": 48, "n_kv_heads": 8,
            "multiple_of": 256, "ffn_dim_multiplier": 1.0, "rope_theta": 1_000_000,
        },
    }  # fmt: skip
    file = tmp_path / "params.json"
    for width, params in sizes.items():
        file.write_text(json.dumps({"norm_eps": 1e-5, "vocab_size": -1} | params))
        assert read_params(file).intermediate == width


def test_the_tokenizer_may_lie_beside_the_weights(source: Path, tmp_path: Path) -> None:
    shutil.move(source.parent / "tokenizer.model", source / "tokenizer.model")
    (source.parent / "tokenizer_checklist.chk").unlink()
    made = import_meta(source, tmp_path / "made")
    assert (made / "tokenizer.model").read_bytes() == (source / "tokenizer.model").read_bytes()


def test_a_file_that_differs_from_its_checksum_is_named(source: Path, tmp_path: Path) -> None:
    file = source / "consolidated.01.pth"
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)
    with pytest.raises(ModelLoadError, match=r"consolidated\.01\.pth differs from its checksum"):
        import_meta(source, tmp_path / "made")
    assert not (tmp_path / "made").exists()


def test_a_damaged_part_without_a_checksum_is_named(source: Path, tmp_path: Path) -> None:
    (source / "checklist.chk").unlink()
    file = source / "consolidated.01.pth"
    file.write_bytes(file.read_bytes()[:-2000])
    with pytest.raises(ModelLoadError, match=r"consolidated\.01\.pth is damaged or not complete"):
        import_meta(source, tmp_path / "made")


@pytest.mark.parametrize("number", ["00", "01"])
@pytest.mark.parametrize("checklist", [True, False])
def test_a_missing_part_is_noticed(
    source: Path, tmp_path: Path, number: str, checklist: bool
) -> None:
    (source / f"consolidated.{number}.pth").unlink()
    if not checklist:
        (source / "checklist.chk").unlink()
    with pytest.raises(ModelLoadError, match=r"lacks consolidated\.0|holds 1 of the 2 parts"):
        import_meta(source, tmp_path / "made")
    assert sorted(file.name for file in tmp_path.iterdir()) == ["download"]


def test_a_part_that_could_run_code_is_not_opened(source: Path, tmp_path: Path) -> None:
    (source / "checklist.chk").unlink()
    torch.save({"layers": Toy()}, source / "consolidated.00.pth")
    with pytest.raises(ModelLoadError, match="could run code"):
        import_meta(source, tmp_path / "made")


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({"use_scaled_rope": True}, "speaks of use_scaled_rope"),
        ({"moe_args": {}}, "not a Llama 2 or Code Llama"),
        ({"n_heads": 0}, "is not Meta's params.json"),
        ({"dim": "wide"}, "is not Meta's params.json"),
        ({"multiple_of": 256}, "do not belong together"),
    ],
)
def test_params_that_fit_no_llama_2_are_refused(
    source: Path, tmp_path: Path, params: dict[str, Any], words: str
) -> None:
    (source / "checklist.chk").unlink()
    file = source / "params.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | params))
    with pytest.raises(ModelLoadError, match=words):
        import_meta(source, tmp_path / "made")


def test_a_tokenizer_of_another_model_is_refused(source: Path, tmp_path: Path) -> None:
    other = source.parent / "tokenizer.model"
    other.write_bytes(train_pieces(420))
    (source.parent / "tokenizer_checklist.chk").write_text(f"{digest(other)}  tokenizer.model\n")
    with pytest.raises(ModelLoadError, match="do not belong together"):
        import_meta(source, tmp_path / "made")


def test_the_tokenizer_of_a_newer_llama_is_refused(source: Path, tmp_path: Path) -> None:
    (source.parent / "tokenizer.model").write_text("IQ== 0\nIg== 1\n")
    with pytest.raises(ModelLoadError, match="is not a tokenizer of Llama 2 or Code Llama"):
        import_meta(source, tmp_path / "made")
    assert sorted(file.name for file in tmp_path.iterdir()) == ["download"]


def test_a_folder_that_holds_something_is_left_alone(source: Path, tmp_path: Path) -> None:
    (tmp_path / "made").mkdir()
    (tmp_path / "made" / "letter.txt").write_text("dear")
    with pytest.raises(ConfigError, match="exists already"):
        import_meta(source, tmp_path / "made")
    (tmp_path / "made" / "letter.txt").unlink()
    assert (import_meta(source, tmp_path / "made") / "config.json").is_file()


def test_a_disk_too_small_is_noticed_before_anything_is_written(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=10_000))
    with pytest.raises(ConfigError, match=r"the import needs 0\.1 GB; make room"):
        import_meta(source, tmp_path / "made")
    assert sorted(file.name for file in tmp_path.iterdir()) == ["download"]


def limited(source: Path, destination: Path, largest: int) -> subprocess.CompletedProcess[str]:
    """Import in a process that may write no file larger than this."""
    code = (
        "import sys, pathlib; from bot.generation.meta.importing import import_meta;"
        "import_meta(*map(pathlib.Path, sys.argv[1:]))"
    )
    return subprocess.run(
        [sys.executable, "-c", code, str(source), str(destination)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (largest, largest)),
    )


@pytest.fixture
def interrupted(tmp_path: Path, tokenizer_file: bytes) -> Path:
    """A model of which only the layers could be written so far."""
    source = tmp_path / "wide" / "model"
    publish(source, WIDE, tokenizer_file, count=2)
    done = limited(source, tmp_path / "made", 400_000)
    assert "could not be written" in done.stderr
    assert not (tmp_path / "made").exists()
    return source


def test_an_interrupted_import_goes_on_where_it_stopped(interrupted: Path, tmp_path: Path) -> None:
    first = tmp_path / ".made.partial" / "model-00001-of-00004.safetensors"
    kept = first.stat().st_ino
    import_meta(interrupted, tmp_path / "made")
    assert (tmp_path / "made" / first.name).stat().st_ino == kept
    assert sorted(file.name for file in tmp_path.iterdir()) == ["made", "wide"]
    assert difference(WIDE, WIDE.weights(), tmp_path / "made") < 1e-4


def test_what_was_left_of_another_model_is_not_used(interrupted: Path, tmp_path: Path) -> None:
    shutil.rmtree(interrupted)
    other = Toy(key_value_heads=4, theta=2e4)
    publish(interrupted, other, train_pieces(), count=1)
    import_meta(interrupted, tmp_path / "made")
    assert difference(other, other.weights(seed=0), tmp_path / "made") < 1e-4


MEASURE = """
import pathlib, sys, threading
from bot.generation.meta.importing import import_meta

def held():
    lines = pathlib.Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("RssAnon")) * 1024

before, peak, over = held(), 0, threading.Event()
def watch():
    global peak
    while not over.wait(0.001):
        peak = max(peak, held())
thread = threading.Thread(target=watch)
thread.start()
import_meta(*map(pathlib.Path, sys.argv[1:]))
over.set()
thread.join()
print(peak - before)
"""


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads memory from /proc")
def test_about_one_layer_is_in_memory_at_a_time(tmp_path: Path, tokenizer_file: bytes) -> None:
    toy = Toy(dim=640, layers=12, heads=8, key_value_heads=4, multiple_of=64)
    publish(tmp_path / "meta" / "m", toy, tokenizer_file, count=2)
    done = subprocess.run(
        [sys.executable, "-c", MEASURE, str(tmp_path / "meta" / "m"), str(tmp_path / "made")],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    layers = sorted((tmp_path / "made").glob("*.safetensors"), key=lambda file: file.stat().st_size)
    largest = layers[-1].stat().st_size
    assert sum(file.stat().st_size for file in layers) > 10 * largest
    assert int(done.stdout.splitlines()[-1]) < 2.5 * largest + 8_000_000
