"""Giving freed memory back to the devices and to the system, which libraries like to keep."""

from __future__ import annotations

import ctypes
import gc
import sys
from collections.abc import Callable

import torch


def release() -> None:
    """Give memory of models that are gone back to the devices and to the system."""
    gc.collect()
    if torch.cuda.is_initialized():
        torch.cuda.empty_cache()
    if trim := _trim():
        trim(0)


def _trim() -> Callable[[int], int] | None:
    """The C library's own: without it glibc keeps what was freed, a model's weights among it."""
    if sys.platform != "linux":
        return None
    trim: Callable[[int], int] | None = getattr(ctypes.CDLL(None), "malloc_trim", None)
    return trim
