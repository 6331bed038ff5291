"""One large file from the hub; a download that was cut off goes on where it stopped.

The hub's library keeps what arrived whole, but begins a file anew after an interruption.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import huggingface_hub.utils
from huggingface_hub.file_download import http_get

from bot.errors import ConfigError

LIBRARY: Any = huggingface_hub.utils
"""Untyped, since it gives its names away in a manner that a type checker does not see."""
CHUNK = 16 * 2**20


@dataclass(frozen=True, slots=True)
class Large:
    """A large file: where it comes from, what it must be, and where it goes.

    It grows in `part`, and has its name only once its content is what the hub says.
    """

    url: str
    size: int
    sha256: str
    target: Path
    part: Path
    lock: Path

    @property
    def there(self) -> int:
        """Bytes that need not be fetched any more, as far as can be told at a glance."""
        sizes = (place.stat().st_size for place in (self.target, self.part) if place.exists())
        return min(max(sizes, default=0), self.size)


class _Bar:
    """What the library takes for a progress bar."""

    def __init__(self, advance: Callable[[int], None]) -> None:
        self._advance = advance

    def __call__(self, *_: Any, **__: Any) -> Self:
        """The library makes its bar by calling a class."""
        return self

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def close(self) -> None:
        pass

    def update(self, size: float | None = 1) -> None:
        self._advance(int(size or 0))


def fetch(file: Large, advance: Callable[[int], None]) -> None:
    """Bring the file here. Others who fetch the same one wait for one another."""
    for place in (file.target, file.part, file.lock):
        place.parent.mkdir(parents=True, exist_ok=True)
    with LIBRARY.WeakFileLock(file.lock):
        if _is_there(file):
            advance(file.size)
            return
        _complete(file, advance)
        if _digest(file.part) != file.sha256:
            file.part.unlink()
            raise ConfigError(f"{file.url} arrived damaged and was thrown away; download it again")
        file.part.replace(file.target)


def _is_there(file: Large) -> bool:
    if not file.target.exists():
        return False
    # in the cache a file is named after its content
    return file.target.name == file.sha256 or _digest(file.target) == file.sha256


def _complete(file: Large, advance: Callable[[int], None]) -> None:
    there = file.part.stat().st_size if file.part.exists() else 0
    if there > file.size:
        file.part.unlink()
        there = 0
    advance(there)
    if there == file.size:
        return
    bar: Any = _Bar(advance)
    with file.part.open("ab") as content:
        http_get(
            file.url,
            content,
            resume_size=there,
            headers=LIBRARY.build_hf_headers(),
            expected_size=file.size,
            tqdm_class=bar,
        )


def _digest(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as content:
        while chunk := content.read(CHUNK):
            digest.update(chunk)
    return digest.hexdigest()
