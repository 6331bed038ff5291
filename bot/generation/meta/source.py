"""The files of Meta's download on disk: which there are, and whether they arrived whole."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from bot.errors import ConfigError, ModelLoadError

CHECKLIST = "checklist.chk"
TOKENIZER_CHECKLIST = "tokenizer_checklist.chk"
CHUNK = 16 * 2**20


@dataclass(frozen=True, slots=True)
class MetaSource:
    """The files of one model. `checksums` are the MD5 that came with the download."""

    folder: Path
    parts: tuple[Path, ...]
    params: Path
    tokenizer: Path
    checksums: dict[Path, str]

    @property
    def size(self) -> int:
        """Bytes of all parts."""
        return sum(part.stat().st_size for part in self.parts)

    def fingerprint(self) -> list[list[str | int]]:
        """Tells these files from others, and from themselves once they were changed."""
        files = (*self.parts, self.params, self.tokenizer)
        stats = [(file, file.stat()) for file in files]
        return [[str(file.resolve()), stat.st_size, stat.st_mtime_ns] for file, stat in stats]


def find_source(folder: Path) -> MetaSource:
    """The model in `folder`; tokenizer.model may lie beside its files or one folder up."""
    params = folder / "params.json"
    if not params.is_file():
        raise ConfigError(f"{folder} holds no params.json, so it is not Meta's download of a model")
    parts = sorted(folder.glob("consolidated.*.pth"))
    numbers = [int(found[1]) for part in parts if (found := re.search(r"\.(\d+)\.pth$", part.name))]
    if numbers != list(range(len(parts))) or not parts:
        missing = next(n for n in range(len(parts) + 1) if n not in numbers)
        raise ModelLoadError(f"{folder} lacks consolidated.{missing:02d}.pth; download it again")
    places = (folder / "tokenizer.model", folder.resolve().parent / "tokenizer.model")
    tokenizer = next((place for place in places if place.is_file()), None)
    if tokenizer is None:
        raise ModelLoadError(
            f"tokenizer.model is neither in {folder} nor one folder up; copy it there from the "
            "download"
        )
    checksums = _checksums(folder / CHECKLIST)
    checksums |= _checksums(tokenizer.with_name(TOKENIZER_CHECKLIST))
    if lost := sorted(file.name for file in checksums if not file.is_file()):
        raise ModelLoadError(f"{folder} lacks {', '.join(lost)}; download it again")
    return MetaSource(folder, tuple(parts), params, tokenizer, checksums)


def verify(source: MetaSource, report: Callable[[str, int, int], None]) -> None:
    """Compare every file that has a checksum with it. ModelLoadError names those that differ."""
    total = sum(file.stat().st_size for file in source.checksums)
    done = 0
    for file, wanted in source.checksums.items():
        digest = hashlib.md5(usedforsecurity=False)
        with file.open("rb") as content:
            while chunk := content.read(CHUNK):
                digest.update(chunk)
                done += len(chunk)
                report("verifying", done, total)
        if digest.hexdigest() != wanted:
            raise ModelLoadError(f"{file} differs from its checksum; download it again")


def _checksums(checklist: Path) -> dict[Path, str]:
    """The lines of a file as md5sum writes it; none if there is no such file."""
    if not checklist.is_file():
        return {}
    text = checklist.read_text(encoding="utf-8", errors="replace")
    lines = re.findall(r"^([0-9a-fA-F]{32}) [ *]([^\s/]+)\s*$", text, re.MULTILINE)
    return {checklist.with_name(name): digest.lower() for digest, name in lines}
