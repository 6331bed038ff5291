"""When freed memory goes back to the devices and to the system: not at every step, but at last."""

from __future__ import annotations

import ctypes
import gc
import sys
from collections.abc import Callable

import structlog
import torch

log = structlog.get_logger(__name__)

# Of mallopt, from glibc's malloc.h.
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3
LARGEST_KEPT = 32 * 2**20
"""Bytes of one piece; what a step computes lies below, keys, values and weights mostly above."""
MOST_KEPT = 256 * 2**20


def release() -> None:
    """Give memory of models that are gone back to the devices and to the system."""
    gc.collect()
    empty_cache()
    if trim := _trim():
        trim(0)


def empty_cache() -> None:
    """Give what CUDA's allocator keeps back to the devices; no error if it cannot now.

    It cannot while another thread records a step, nor when a device has failed, and nothing that
    is right depends on it.
    """
    if not torch.cuda.is_initialized():
        return
    try:
        torch.cuda.empty_cache()
    except RuntimeError as error:
        log.warning("device_memory_not_given_back", error=str(error))


def keep() -> None:
    """Let the C library keep what a step has freed for the next one, up to a bound.

    By default glibc gives larger pieces back at once, and each step of a model on a CPU faults the
    same pages in anew: about a tenth of the time that reading a prompt takes.
    """
    if sys.platform != "linux":
        return
    mallopt: Callable[[int, int], int] | None = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(M_MMAP_THRESHOLD, LARGEST_KEPT)
        mallopt(M_TRIM_THRESHOLD, MOST_KEPT)


def _trim() -> Callable[[int], int] | None:
    """The C library's own: without it glibc keeps what was freed, a model's weights among it."""
    if sys.platform != "linux":
        return None
    trim: Callable[[int], int] | None = getattr(ctypes.CDLL(None), "malloc_trim", None)
    return trim
