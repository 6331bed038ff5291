"""Meta's own download of a Llama 2 or Code Llama becomes a checkpoint in safetensors.

One layer is in memory at a time. The folder appears under its name when it is complete; what an
interrupted import has written is used by the next one.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import structlog
import torch
from safetensors.torch import save_file

from bot.errors import ConfigError, ModelLoadError
from bot.generation.meta.params import Params, read_params
from bot.generation.meta.parts import MetaParts
from bot.generation.meta.source import MetaSource, find_source, verify
from bot.prompt.tokenizer import SentencePieceTokenizer

log = structlog.get_logger(__name__)

Report = Callable[[str, int, int], None]
"""Called with what is being done, and how many bytes of how many are done."""

LAYER = {
    "attention.wq.weight": "self_attn.q_proj.weight",
    "attention.wk.weight": "self_attn.k_proj.weight",
    "attention.wv.weight": "self_attn.v_proj.weight",
    "attention.wo.weight": "self_attn.o_proj.weight",
    "feed_forward.w1.weight": "mlp.gate_proj.weight",
    "feed_forward.w2.weight": "mlp.down_proj.weight",
    "feed_forward.w3.weight": "mlp.up_proj.weight",
    "attention_norm.weight": "input_layernorm.weight",
    "ffn_norm.weight": "post_attention_layernorm.weight",
}
ENDS = {
    "tok_embeddings.weight": "model.embed_tokens.weight",
    "norm.weight": "model.norm.weight",
    "output.weight": "lm_head.weight",
}
SPARE = 50_000_000
"""Bytes beyond the weights: tokenizer, index, file system."""


def import_meta(source: Path, destination: Path, report: Report = lambda *_: None) -> Path:
    """Convert the folder `source` into the new folder `destination`, verified on the way.

    Weights keep their precision. ModelLoadError or ConfigError say what is wrong and what to do.
    """
    found = find_source(source)
    destination = destination.expanduser().absolute()
    params = read_params(found.params)
    _check_destination(destination)
    tokenizer = _tokenizer(found)
    work = destination.with_name(f".{destination.name}.partial")
    _check_room(found, work)
    verify(found, report)
    try:
        _prepare(work, found)
        _convert(found, params, tokenizer, work, report)
        if destination.is_dir():
            destination.rmdir()  # it was empty a moment ago; fails if it is no longer
        work.rename(destination)
    except ModelLoadError:
        shutil.rmtree(work, ignore_errors=True)  # what is there came from files that do not fit
        raise
    except OSError as error:
        raise ModelLoadError(
            f"{destination} could not be written: {error}; mend that and run the import again, "
            "it goes on where it stopped"
        ) from error
    log.info("model_imported", source=str(source), path=str(destination))
    return destination


def _check_destination(destination: Path) -> None:
    if destination.is_dir() and not any(destination.iterdir()):
        return
    if destination.exists() or destination.is_symlink():
        raise ConfigError(f"{destination} exists already; name a new folder, or remove that one")


def _check_room(found: MetaSource, work: Path) -> None:
    """Refuse if the disk cannot hold what is still to be written."""
    existing = next(path for path in (work, *work.parents) if path.exists())
    written = sum(file.stat().st_size for file in work.glob("*.safetensors"))
    need = found.size + SPARE - written
    free = shutil.disk_usage(existing).free
    if need > free:
        raise ConfigError(
            f"{work.parent} has {free / 1e9:.1f} GB free and the import needs {need / 1e9:.1f} GB; "
            "make room or choose another disk"
        )


def _prepare(work: Path, found: MetaSource) -> None:
    """An empty folder, or what an earlier import of the same files left there."""
    marker = work / "import.json"
    wanted = json.dumps(found.fingerprint())
    if not marker.is_file() or marker.read_text(encoding="utf-8") != wanted:
        shutil.rmtree(work, ignore_errors=True)
        work.mkdir(parents=True)
        _write(marker, wanted)


def _tokenizer(found: MetaSource) -> SentencePieceTokenizer:
    try:
        return SentencePieceTokenizer(found.tokenizer)
    except ConfigError as error:
        raise ModelLoadError(
            f"{found.tokenizer} is not a tokenizer of Llama 2 or Code Llama; take a newer Llama "
            "from Hugging Face instead: quipu models download"
        ) from error


def _convert(
    found: MetaSource,
    params: Params,
    tokenizer: SentencePieceTokenizer,
    work: Path,
    report: Report,
) -> None:
    parts = MetaParts(found.parts, params)
    if tokenizer.vocab_size > parts.vocab_size:
        raise ModelLoadError(
            f"{found.tokenizer} has {tokenizer.vocab_size} pieces and the model "
            f"{parts.vocab_size}: they do not belong together"
        )
    index: dict[str, str] = {}
    done = 0
    for name, layer in _files(params):
        file = work / name
        if file.is_file():
            done += file.stat().st_size
            index.update(dict.fromkeys(_names(layer), name))
        else:
            tensors = _tensors(parts, params, layer)
            index.update(dict.fromkeys(tensors, name))
            _save(tensors, file)
            done += file.stat().st_size
            report("converting", min(done, found.size), found.size)
            del tensors
    total = sum(file.stat().st_size for file in work.glob("*.safetensors"))
    _describe(found, params, parts, tokenizer, work)
    content = {"metadata": {"total_size": total}, "weight_map": dict(sorted(index.items()))}
    _write(work / "model.safetensors.index.json", json.dumps(content, indent=2))
    (work / "import.json").unlink()
    report("converting", found.size, found.size)


def _files(params: Params) -> Iterator[tuple[str, int | None]]:
    """The files to write: one for each layer, and one for what is outside the layers."""
    count = params.layers + 1
    for number, layer in enumerate([*range(params.layers), None], start=1):
        yield f"model-{number:05d}-of-{count:05d}.safetensors", layer


def _names(layer: int | None) -> list[str]:
    if layer is None:
        return list(ENDS.values())
    return [f"model.layers.{layer}.{name}" for name in LAYER.values()]


def _tensors(parts: MetaParts, params: Params, layer: int | None) -> dict[str, torch.Tensor]:
    if layer is None:
        return {new: parts.whole(old) for old, new in ENDS.items()}
    tensors = {}
    for old, new in LAYER.items():
        tensor = parts.whole(old, layer)
        if old == "attention.wq.weight":
            tensor = _halved(tensor, params.heads)
        elif old == "attention.wk.weight":
            tensor = _halved(tensor, params.key_value_heads)
        tensors[f"model.layers.{layer}.{new}"] = tensor
    return tensors


def _halved(weight: torch.Tensor, heads: int) -> torch.Tensor:
    """Reorder each head's rows for a rotary embedding of halves.

    Meta rotates neighbours (0, 1), (2, 3), …; transformers rotates row i with row i + d/2.
    """
    rows, width = weight.shape
    pairs = weight.view(heads, rows // heads // 2, 2, width)
    return pairs.transpose(1, 2).reshape(rows, width)


def _save(tensors: dict[str, torch.Tensor], file: Path) -> None:
    unfinished = file.with_suffix(".unfinished")
    try:
        save_file(tensors, unfinished, metadata={"format": "pt"})
        with unfinished.open("rb") as content:
            os.fsync(content.fileno())  # before it gets its name: a file with a name is whole
    except Exception as error:  # safetensors raises its own for a full disk
        unfinished.unlink(missing_ok=True)
        raise OSError(str(error)) from error
    unfinished.replace(file)


def _describe(
    found: MetaSource,
    params: Params,
    parts: MetaParts,
    tokenizer: SentencePieceTokenizer,
    work: Path,
) -> None:
    """The small files: config, generation's defaults as in Meta's reference, the tokenizer."""
    ends = sorted(tokenizer.eos_ids)
    eos = ends[0] if len(ends) == 1 else ends
    config = params.config(vocab_size=parts.vocab_size, dtype=parts.dtype, eos=eos)
    _write(work / "config.json", json.dumps(config, indent=2))
    sampling: dict[str, Any] = {"do_sample": True, "temperature": 0.6, "top_p": 0.9}
    generation = {"bos_token_id": 1, "eos_token_id": eos} | sampling
    _write(work / "generation_config.json", json.dumps(generation, indent=2))
    names = {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>"}
    about = {"tokenizer_class": "LlamaTokenizer", "legacy": True, "add_bos_token": True} | names
    _write(work / "tokenizer_config.json", json.dumps(about, indent=2))
    shutil.copyfile(found.tokenizer, work / "tokenizer.model")


def _write(path: Path, text: str) -> None:
    with path.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
