"""Which errors say that memory is short."""

from __future__ import annotations

import torch


def is_out_of_memory(error: BaseException) -> bool:
    """Whether less of the same would have done."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    # The CPU's allocator raises a plain RuntimeError, and so does CUDA for what is not a tensor.
    words = str(error)
    return isinstance(error, RuntimeError) and (
        "allocate memory" in words or "out of memory" in words
    )
