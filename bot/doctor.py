"""What `quipu doctor` can find out without storage and platforms: configuration, disk and model."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from bot import checkpoint
from bot.checkpoint import Checkpoint
from bot.errors import QuipuError
from bot.settings import Settings, find
from bot.values import Finding

LITTLE_DISK = 1_000_000_000
"""Bytes below which the disk should be looked after."""
NO_DISK = 50_000_000
"""Bytes below which SQLite will soon refuse to write."""

GET_WEIGHTS = "convert or download the model's *.safetensors files into its folder"
USE_LESS = (
    "choose a smaller model, model.dtype bfloat16 or float16, or a smaller model.context, "
    "or stop other programs"
)


def configuration(settings: Settings, asked: Path | None = None) -> Finding:
    """Which file was read, and where this Quipu would speak."""
    file = find(asked)
    source = f"configuration file {file}" if file else "no configuration file, all defaults"
    speaks = " and ".join(settings.connects) or "the terminal"
    return Finding("ok", f"{source}; speaks in {speaks}")


def data_folder(settings: Settings) -> list[Finding]:
    """Whether the data folder can be written to, and has room."""
    folder = settings.data.folder
    existing = next((path for path in (folder, *folder.parents) if path.exists()), Path("/"))
    mend = "make it writable for this user, or set data.folder to another one"
    if not existing.is_dir() or not _writable(existing):
        return [Finding("error", f"the data folder {folder} cannot be written to", mend)]
    free = shutil.disk_usage(existing).free
    text = f"data folder {folder}, {_size(free)} free"
    if free < NO_DISK:
        return [Finding("error", text, "make room: the database cannot grow any more")]
    return [Finding("warning" if free < LITTLE_DISK else "ok", text, _make_room(free))]


def model(settings: Settings) -> list[Finding]:
    """Whether the model is there, readable and small enough for this machine.

    Downloads the small files of a model that has a Hugging Face name, never its weights.
    """
    name, revision = settings.model.name, settings.model.revision
    try:
        found = checkpoint.find(name, revision=revision, weights=False)
        return [*_files(found), *_fit(found, settings)]
    except QuipuError as error:
        return [Finding("error", f"model {name}: {error}", "see section [model]")]


def _files(found: Checkpoint) -> list[Finding]:
    from bot.prompt.load import load_tokenizer

    tokenizer = load_tokenizer(found)
    about = f"context {found.context:,} tokens, vocabulary {tokenizer.vocab_size:,}"
    return [Finding("ok", f"model {found.name} in {found.path}: {about}")]


def _fit(found: Checkpoint, settings: Settings) -> list[Finding]:
    """Device and precision as loading will choose them, and the memory that this takes."""
    from bot.generation.machine import available_memory
    from bot.generation.placement import choose_device, choose_dtype, count_parameters

    weights = sorted(found.path.glob("*.safetensors"))
    device = choose_device(settings.model.device)
    if not weights:
        return [_no_weights(found, str(device))]
    dtype = choose_dtype(settings.model.dtype, device, weights)
    context = min(found.context, settings.model.context or found.context)
    need = count_parameters(weights) * dtype.itemsize
    need += context * _bytes_per_token(found, dtype)
    free = available_memory(device)
    precision = str(dtype).removeprefix("torch.")
    text = (
        f"on {device} in {precision}: needs about {_size(need)} of memory with one conversation "
        f"of {context:,} tokens, {_size(free)} are free"
    )
    if need > free:
        return [Finding("error", text, USE_LESS)]
    return [Finding("warning", text, USE_LESS) if need > 0.8 * free else Finding("ok", text)]


def _no_weights(found: Checkpoint, device: str) -> Finding:
    if Path(found.name).expanduser().is_dir() or found.name == checkpoint.DEMO:
        return Finding("error", f"{found.path} holds no *.safetensors", GET_WEIGHTS)
    mend = "nothing to mend; it takes time and disk"
    return Finding("warning", f"quipu run will download the model's weights, for {device}", mend)


def _bytes_per_token(found: Checkpoint, dtype: Any) -> int:
    """Keys and values of one token in all layers; 0 where the model does not say its sizes."""
    from bot.generation.memory import KeyValueShape

    config = json.loads((found.path / "config.json").read_text(encoding="utf-8"))
    try:
        shape = KeyValueShape.of(SimpleNamespace(**(config.get("text_config") or config)))
    except AttributeError:
        return 0
    return int(shape.bytes_per_token(dtype))


def _writable(folder: Path) -> bool:
    if not os.access(folder, os.W_OK | os.X_OK):
        return False
    try:
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:
        return False


def _make_room(free: int) -> str:
    return "" if free >= LITTLE_DISK else "make room, or set data.folder to a larger disk"


def _size(number: float) -> str:
    """Bytes for a person."""
    for unit, factor in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if number >= factor:
            return f"{number / factor:.1f} {unit}"
    return f"{number:.0f} bytes"
