"""The files consolidated.*.pth, opened without reading them, and tensors put together from them."""

from __future__ import annotations

import pickle
from collections.abc import Sequence
from pathlib import Path

import torch

from bot.errors import ModelLoadError
from bot.generation.meta.params import Params

Part = dict[str, torch.Tensor]

DIMENSION = {
    "attention.wq.weight": 0,
    "attention.wk.weight": 0,
    "attention.wv.weight": 0,
    "attention.wo.weight": 1,
    "feed_forward.w1.weight": 0,
    "feed_forward.w2.weight": 1,
    "feed_forward.w3.weight": 0,
    "tok_embeddings.weight": 1,
    "output.weight": 0,
}
"""Along which dimension a tensor was split over the parts; a norm is whole in each of them."""


class MetaParts:
    """All parts of one model, mapped into memory: a page is read when a tensor needs it."""

    def __init__(self, files: Sequence[Path], params: Params) -> None:
        self._files = files
        self._params = params
        self._parts = [_open(file) for file in files]
        self._check_count()
        first = self._tensor(0, "output.weight")
        self.vocab_size: int = first.shape[0] * len(files)
        self.dtype = str(first.dtype).removeprefix("torch.")
        self._shapes = params.shapes(self.vocab_size)

    def whole(self, name: str, layer: int | None = None) -> torch.Tensor:
        """A tensor put together from all parts, in memory of its own; its shape is checked."""
        full = name if layer is None else f"layers.{layer}.{name}"
        dimension = DIMENSION.get(name)
        count = 1 if dimension is None else len(self._parts)
        pieces = [self._tensor(number, full) for number in range(count)]
        tensor = torch.cat(pieces, dim=dimension or 0)  # copies even a single one
        if tuple(tensor.shape) != self._shapes[name]:
            raise ModelLoadError(
                f"{full} of {self._files[0].parent} has the shape {tuple(tensor.shape)} where "
                f"params.json asks for {self._shapes[name]}; these files do not belong together"
            )
        return tensor

    def _check_count(self) -> None:
        """Each part holds the same share of the heads, which says how many parts there must be."""
        rows = self._tensor(0, "layers.0.attention.wq.weight").shape[0]
        all_rows = self._params.heads * self._params.head_dim
        if rows * len(self._parts) != all_rows:
            raise ModelLoadError(
                f"{self._files[0].parent} holds {len(self._parts)} of the "
                f"{all_rows / max(rows, 1):g} parts of this model (consolidated.NN.pth); "
                "download the others, too"
            )

    def _tensor(self, number: int, name: str) -> torch.Tensor:
        tensor = self._parts[number].get(name)
        if not isinstance(tensor, torch.Tensor) or not tensor.dtype.is_floating_point:
            raise ModelLoadError(f"{self._files[number]} lacks {name}; it is not a Llama's part")
        return tensor


def _open(file: Path) -> Part:
    try:
        part = torch.load(file, mmap=True, weights_only=True, map_location="cpu")
    except pickle.UnpicklingError as error:
        raise ModelLoadError(
            f"{file} holds more than weights and could run code, so it is not opened"
        ) from error
    except (OSError, RuntimeError, ValueError, EOFError, KeyError) as error:
        raise ModelLoadError(
            f"{file} is damaged or not complete; download it again: {_first_line(error)}"
        ) from error
    if not isinstance(part, dict):
        raise ModelLoadError(f"{file} holds no weights by name")
    return part


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
