"""Which files of a repository make a model, and which of them a folder lacks."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from fnmatch import fnmatch
from pathlib import Path

DESCRIPTION = ["*.json", "tokenizer.model", "*.jinja"]
WEIGHTS = ["*.safetensors"]
LEFT_OUT = ["*/*", "consolidated*"]
"""Other formats and second copies of the weights; pickles and code are never asked for."""

PLAIN = re.compile(r"[^/\\\0]+\.safetensors")
INDEX = "model.safetensors.index.json"
SINGLE = "model.safetensors"
ADAPTER = ("adapter_config.json", "adapter_model.safetensors")


def chosen(names: Iterable[str], *, weights: bool) -> list[str]:
    """The files of a repository that are fetched."""
    patterns = DESCRIPTION + (WEIGHTS if weights else [])
    return [
        name
        for name in names
        if any(fnmatch(name, each) for each in patterns)
        and not any(fnmatch(name, each) for each in LEFT_OUT)
    ]


def lacking(folder: Path, *, weights: bool) -> list[str]:
    """What a model's or an adapter's folder lacks; empty if it is complete.

    A file counts as there if it has its name: downloads and imports give it last.
    """
    if (folder / ADAPTER[0]).is_file():
        return [name for name in ADAPTER[1:] if weights and not (folder / name).is_file()]
    wanted = ["config.json", *(shards(folder) if weights else [])]
    missing = [name for name in wanted if not (folder / name).is_file()]
    if not any((folder / name).is_file() for name in ("tokenizer.model", "tokenizer.json")):
        missing.append("tokenizer.model or tokenizer.json")
    return missing


def shards(folder: Path) -> list[str]:
    """The weight files that a folder should hold. An index that cannot be read is itself one."""
    index = folder / INDEX
    if not index.is_file():
        return [SINGLE]
    try:
        return plain_names(json.loads(index.read_text(encoding="utf-8"))["weight_map"].values())
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return [f"a readable {INDEX}"]


def plain_names(names: Iterable[str]) -> list[str]:
    """The names, sorted, each once. ValueError for one that leads out of the folder."""
    found = sorted(set(names))
    if strange := [name for name in found if not PLAIN.fullmatch(name)]:
        raise ValueError(f"{strange[0][:80]!r} is not the name of a weight file beside it")
    return found
