"""Where the files of an adapter are: in a folder, or at Hugging Face."""

from __future__ import annotations

from pathlib import Path

from bot import checkpoint as checkpoints
from bot.errors import ConfigError


def adapter_folder(path: str, revision: str | None = None, *, weights: bool = True) -> Path:
    """The folder of an adapter, downloaded if it is named and not here yet.

    Without `weights` only its small files are.
    """
    folder = Path(path).expanduser()
    if folder.is_dir():
        return folder
    if path.startswith((".", "/", "~")) or path.count("/") != 1:
        raise ConfigError(
            f"adapter {path!r} is neither a folder nor a Hugging Face name; mend its path in "
            "[[adapters]]"
        )
    return checkpoints.download(path, revision, weights=weights)
