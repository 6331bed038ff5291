"""Computations that are recorded on a GPU, to be replayed with whatever their tensors then hold."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Protocol

import structlog
import torch

from bot.generation.graphs.waiting import NoWaiting

log = structlog.get_logger(__name__)

Compute = Callable[[], None]
WARMING = 2
"""Runs before a recording, in which libraries take what they need."""


class Recorder(Protocol):
    """Makes of a computation what does the same; it reads and writes tensors that stay."""

    def record(self, compute: Compute) -> Compute: ...


class Unrecorded:
    """For devices without graphs: the computation itself."""

    def record(self, compute: Compute) -> Compute:
        """Give it back."""
        return compute


class CudaRecorder:
    """Records CUDA graphs that share their scratch memory, so only one may run at a time.

    What they give must be written to tensors from elsewhere.
    """

    # CUDA's rule for the whole process; models may be loaded while another one answers.
    _one_at_a_time = threading.Lock()

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._stream = torch.cuda.Stream(device)
        self._pool = torch.cuda.graph_pool_handle()
        self._broken: list[torch.cuda.CUDAGraph] = []

    def record(self, compute: Compute) -> Compute:
        """Runs the computation a few times, too. GenerationError if it makes the host wait."""
        with self._one_at_a_time, torch.cuda.device(self._device):
            usual = torch.cuda.current_stream()
            try:
                self._warm(compute, usual)
                graph = self._capture(compute)
            finally:
                # A failed capture leaves its own stream behind as the current one.
                torch.cuda.set_stream(usual)
        return graph.replay

    def _warm(self, compute: Compute, usual: torch.cuda.Stream) -> None:
        self._stream.wait_stream(usual)
        with torch.cuda.stream(self._stream):
            with NoWaiting(self._device):
                compute()
            for _ in range(WARMING - 1):
                compute()
        usual.wait_stream(self._stream)

    def _capture(self, compute: Compute) -> torch.cuda.CUDAGraph:
        graph = torch.cuda.CUDAGraph()
        # Other threads may allocate meanwhile: another model's, or one that looks at the memory.
        try:
            with torch.cuda.graph(
                graph, pool=self._pool, stream=self._stream, capture_error_mode="thread_local"
            ):
                compute()
        except BaseException:
            self._abandon(graph)
            raise
        return graph

    def _abandon(self, graph: torch.cuda.CUDAGraph) -> None:
        """Do after a failed capture what torch does after one that ends.

        Otherwise the allocator would believe that it goes on, and `empty_cache` would fail for
        ever. The pool is not used again: torch's allocator for pinned memory still has it in use,
        with a question to the graph, which therefore stays.
        """
        pool, self._pool = self._pool, torch.cuda.graph_pool_handle()
        self._broken.append(graph)
        device = torch.cuda.current_device()
        try:
            torch._C._cuda_endAllocateToPool(device, pool)
        except RuntimeError:
            return  # it had ended, so that the graph gives its pool back itself
        try:
            torch._C._cuda_releasePool(device, pool)
            graph.reset()
        except RuntimeError as error:
            log.warning("recording_not_cleared_away", error=str(error))
