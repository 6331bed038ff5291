"""What safetensors files say they hold, read from their first bytes; no weight is touched."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import torch

from bot.errors import ModelLoadError

LENGTH = 8
"""Bytes at the start of a file that say how long its header is."""
LONGEST = 16_000_000
"""Bytes of a header; the format allows 100 MB, and no model comes near."""
MOST_DIMENSIONS = 8

FLOATS = {
    "F64": torch.float64,
    "F32": torch.float32,
    "F16": torch.float16,
    "BF16": torch.bfloat16,
}
TYPES = FLOATS | {
    "F8_E4M3": torch.float8_e4m3fn,
    "F8_E5M2": torch.float8_e5m2,
    "I64": torch.int64,
    "I32": torch.int32,
    "I16": torch.int16,
    "I8": torch.int8,
    "U8": torch.uint8,
    "BOOL": torch.bool,
}


@dataclass(frozen=True, slots=True)
class Header:
    """One tensor of a checkpoint: its name, its type as the file calls it, and its shape.

    `begin` is where its bytes begin in its file.
    """

    name: str
    dtype: str
    shape: tuple[int, ...]
    begin: int = 0

    @property
    def numbers(self) -> int:
        """How many numbers it holds."""
        return math.prod(self.shape)


DAMAGED = (
    *(OSError, ValueError, KeyError, TypeError, AttributeError, IndexError),
    *(OverflowError, RecursionError),
)
"""What comes of reading a header that somebody made up."""


def read_headers(files: Iterable[Path]) -> list[Header]:
    """All tensors of the files. ModelLoadError names a file that is damaged or incomplete."""
    return [header for file in files for header in read_file_headers(file)]


def read_file_headers(file: Path) -> list[Header]:
    """The tensors of one file; ModelLoadError if it is damaged or incomplete."""
    try:
        return list(_read(file))
    except DAMAGED as error:
        raise ModelLoadError(f"{file} is damaged; download it again: {error}") from error


def stored_dtype(headers: Iterable[Header]) -> torch.dtype | None:
    """The float type that most of the numbers are stored in; None if none of them are floats."""
    numbers: Counter[str] = Counter()
    for header in headers:
        numbers[header.dtype] += header.numbers
    most = numbers.most_common(1)
    return FLOATS.get(most[0][0]) if most else None


def _read(file: Path) -> Iterator[Header]:
    size = file.stat().st_size
    with file.open("rb") as stream:
        entries = _entries(stream, size)
        start = stream.tell()
    for name, entry in entries.items():
        if name != "__metadata__":
            begin, end = entry["data_offsets"]
            header = Header(name, str(entry["dtype"]), tuple(entry["shape"]), start + begin)
            _check(header, begin, end)
            yield header


def _check(header: Header, begin: int, end: int) -> None:
    """ValueError if the bytes of a tensor are not those that its shape and type need."""
    counts = (begin, end, *header.shape)
    if any(type(count) is not int or count < 0 for count in counts) or begin > end:
        raise ValueError(f"{header.name} has no shape and place that can be")
    dtype = TYPES.get(header.dtype)
    fits = dtype is None or header.numbers * dtype.itemsize == end - begin
    if len(header.shape) > MOST_DIMENSIONS or not fits:
        shape = "x".join(str(count) for count in header.shape[:MOST_DIMENSIONS])
        raise ValueError(f"{header.name} is {shape} {header.dtype} in {end - begin} bytes")


def _entries(stream: BinaryIO, size: int) -> dict[str, Any]:
    length = int.from_bytes(stream.read(LENGTH), "little")
    if not 0 < length <= min(LONGEST, size - LENGTH):
        raise ValueError(f"its header would take {length} of its {size} bytes")
    entries: dict[str, Any] = json.loads(stream.read(length))
    ends = [int(e["data_offsets"][1]) for name, e in entries.items() if name != "__metadata__"]
    if (needed := LENGTH + length + max(ends, default=0)) > size:
        raise ValueError(f"it has {size} of {needed} bytes")
    return entries
