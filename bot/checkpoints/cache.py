"""The hub's cache on this machine: what is in it, found without any request."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from huggingface_hub import scan_cache_dir, snapshot_download
from huggingface_hub.errors import CacheNotFound, HFValidationError, LocalEntryNotFoundError

from bot.checkpoints.files import DESCRIPTION, LEFT_OUT, WEIGHTS, lacking


@dataclass(frozen=True, slots=True)
class Cached:
    """A model in the cache at one revision. `refs` are the branches that stood for it."""

    name: str
    commit: str
    refs: tuple[str, ...]
    path: Path
    size: int
    missing: tuple[str, ...]


def whole(name: str, revision: str | None, *, weights: bool) -> Path | None:
    """The folder of a model that is complete here, as far as that can be told."""
    found = _snapshot(name, revision, weights=weights)
    return None if found is None or lacking(found, weights=weights) else found


def usable(name: str, revision: str | None, *, weights: bool) -> Path | None:
    """The folder of a model that has all it needs, though its repository holds more."""
    found = _snapshot(name, revision, weights=weights, partial=True)
    return None if found is None or lacking(found, weights=weights) else found


def models() -> list[Cached]:
    """Every language model in the cache, by name; of each repository every revision."""
    try:
        repositories = scan_cache_dir().repos
    except CacheNotFound:
        return []
    found = [
        Cached(
            repository.repo_id,
            revision.commit_hash,
            tuple(sorted(revision.refs)),
            revision.snapshot_path,
            revision.size_on_disk,
            tuple(lacking(revision.snapshot_path, weights=True)),
        )
        for repository in repositories
        for revision in repository.revisions
        if repository.repo_type == "model" and _speaks(revision.snapshot_path)
    ]
    return sorted(found, key=lambda model: (model.name, model.commit))


def _snapshot(
    name: str, revision: str | None, *, weights: bool, partial: bool = False
) -> Path | None:
    patterns = DESCRIPTION + (WEIGHTS if weights else [])
    try:
        folder = snapshot_download(
            name,
            revision=revision,
            allow_patterns=patterns,
            ignore_patterns=LEFT_OUT,
            local_files_only=True,
        )
        return Path(folder)
    except LocalEntryNotFoundError as error:  # a newer library also says what is incomplete
        path = getattr(error, "snapshot_path", None)
        return Path(path) if partial and path else None
    except HFValidationError:
        return None


def _speaks(folder: Path) -> bool:
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        return any(name.endswith("CausalLM") for name in config["architectures"])
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return False
