"""The tensors of safetensors files as mappings of these files, whose pages can be given back."""

from __future__ import annotations

import mmap
from collections.abc import Iterable
from pathlib import Path

import torch
from torch import Tensor

from bot.generation.weights.headers import TYPES, Header, read_file_headers


class StoredTensor:
    """A tensor of a file, mapped when it is asked for; looks like a slice of safetensors."""

    def __init__(self, file: StoredFile, header: Header) -> None:
        self._file = file
        self._header = header

    def get_dtype(self) -> str:
        return self._header.dtype

    def get_shape(self) -> list[int]:
        return list(self._header.shape)

    def __getitem__(self, part: object) -> Tensor:
        # Who asks for one tensor has read the ones before, or reads their pages anew.
        self._file.drop()
        tensor = self._file.tensor(self._header)
        return tensor[part]  # type: ignore[index]  # whatever tensors are sliced with


class StoredFile:
    """One safetensors file, mapped privately: tensors may be written to once all are loaded."""

    def __init__(self, file: Path) -> None:
        self._headers = read_file_headers(file)
        with file.open("rb") as stream:
            self._mapped = mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_COPY)

    def tensors(self) -> dict[str, StoredTensor]:
        """All of them by name; none is read yet."""
        return {header.name: StoredTensor(self, header) for header in self._headers}

    def tensor(self, header: Header) -> Tensor:
        """One tensor whose bytes lie in the mapped file."""
        dtype = TYPES.get(header.dtype)
        if dtype is None:
            raise ValueError(f"{header.name} is of type {header.dtype}, which torch does not have")
        if not header.numbers:
            return torch.empty(header.shape, dtype=dtype)
        flat = torch.frombuffer(
            self._mapped, dtype=dtype, count=header.numbers, offset=header.begin
        )
        return flat.reshape(header.shape)

    def drop(self) -> None:
        """Give back the memory of all pages that were read; whoever needs one reads it again.

        Loses what was written to them, so nobody may call it once the model computes.
        """
        if hasattr(mmap, "MADV_DONTNEED"):
            self._mapped.madvise(mmap.MADV_DONTNEED)


class StoredFiles:
    """A checkpoint's files together."""

    def __init__(self, files: Iterable[Path]) -> None:
        self._files = [StoredFile(file) for file in files]

    def tensors(self) -> dict[str, StoredTensor]:
        """All tensors by name; none is read yet."""
        return {name: tensor for file in self._files for name, tensor in file.tensors().items()}

    def drop(self) -> None:
        """As `StoredFile.drop`."""
        for file in self._files:
            file.drop()
