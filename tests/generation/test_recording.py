"""What is recorded and what is not, and that a failed recording leaves nothing behind."""

from __future__ import annotations

from collections.abc import Callable, Iterator, MutableMapping
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from bot.errors import GenerationError, GeneratorLost
from bot.generation.graphs.choosing import choose_recorder
from bot.generation.graphs.recording import Compute, CudaRecorder, Unrecorded
from bot.generation.graphs.waiting import NoWaiting
from bot.generation.weights.giving_back import release
from bot.generation.weights.loading import LoadedModel, load
from tests.generation.speaking import save_llama
from tests.generation.test_graphs import Bench, Watching, warnings

CPU, CUDA = torch.device("cpu"), torch.device("cuda", 0)
ROW = torch.arange(6)

WAITING: dict[str, Callable[[], Any]] = {
    "read": lambda: ROW.max().item(),
    "asked": lambda: bool(ROW.sum() > 3),
    "found": lambda: torch.where(ROW > 3),
    "chosen": lambda: ROW[ROW > 3],
    "set": lambda: ROW.clone().__setitem__(ROW > 3, 0),
    "unique": lambda: torch.unique(ROW),
    "repeated": lambda: ROW.repeat_interleave(ROW),
    "counted": lambda: torch.bincount(ROW),
    "made": lambda: torch.tensor([1, 2]),
    "compared": lambda: torch.equal(ROW, ROW),
    "brought": lambda: ROW.to("meta"),
    "put": lambda: torch.empty(6, device="meta").copy_(ROW),
}
HARMLESS: dict[str, Callable[[], Any]] = {
    "chosen": lambda: ROW[torch.arange(2)],
    "repeated": lambda: ROW.repeat_interleave(2),
    "repeated, sized": lambda: ROW.repeat_interleave(ROW, output_size=15),
    "masked": lambda: ROW.masked_fill(ROW > 3, 0),
    "ranked": lambda: ROW.float().topk(2),
    "cast": lambda: ROW.to(torch.float32),
    "elsewhere": lambda: torch.zeros(3, device="meta").copy_(torch.ones(3, device="meta")),
}


@pytest.mark.parametrize("compute", WAITING.values(), ids=WAITING)
def test_what_makes_the_host_wait_is_found(compute: Callable[[], Any]) -> None:
    with pytest.raises(GenerationError, match="makes the host wait"), NoWaiting(CPU):
        compute()
    with (
        torch.inference_mode(),  # where operations that consist of others arrive whole
        pytest.raises(GenerationError, match="makes the host wait"),
        NoWaiting(CPU),
    ):
        compute()


@pytest.mark.parametrize("compute", HARMLESS.values(), ids=HARMLESS)
def test_what_makes_nobody_wait_passes(compute: Callable[[], Any]) -> None:
    with torch.inference_mode(), NoWaiting(CPU) as mode:
        compute()
    assert mode.seen


def test_a_model_that_looks_at_its_positions_is_not_recorded(
    tmp_path: Path, logged: list[MutableMapping[str, Any]]
) -> None:
    rope = {"rope_type": "dynamic", "factor": 2.0}
    loaded = load(save_llama(tmp_path, rope_scaling=rope), device="cpu")
    assert Bench(loaded, Watching()).steps(4) == Bench(loaded, None).steps(4)
    (line,) = warnings(logged)
    assert line["event"] == "decoding_is_not_recorded"
    assert "makes the host wait" in line["error"]


@pytest.mark.parametrize("stored", [{"load_in_8bit": True}, "object"], ids=["dict", "object"])
def test_a_checkpoint_that_was_stored_in_8_bits_is_not_recorded(
    checkpoint: Path, stored: Any
) -> None:
    from transformers import BitsAndBytesConfig

    loaded = load(checkpoint, device="cpu", dtype="bfloat16")
    config: Any = loaded.model.config
    given = BitsAndBytesConfig(load_in_8bit=True) if stored == "object" else stored
    config.quantization_config = given
    there = replace(loaded, device=CUDA, layer_devices=(CUDA,) * len(loaded.layer_devices))
    assert there.precision == "bfloat16"
    assert choose_recorder(there) is None


class Short(Unrecorded):
    """Has no memory for the first recordings."""

    def __init__(self, times: int, error: Exception) -> None:
        self.left = times
        self._error = error

    def record(self, compute: Compute) -> Compute:
        if self.left:
            self.left -= 1
            raise self._error
        return super().record(compute)


SHORTAGES = (
    torch.OutOfMemoryError("CUDA out of memory"),
    RuntimeError("CUDA error: out of memory"),
)


@pytest.mark.parametrize("error", SHORTAGES, ids=["allocator", "driver"])
def test_what_there_was_no_memory_for_is_all_that_is_not_recorded(
    loaded: LoadedModel, logged: list[MutableMapping[str, Any]], error: Exception
) -> None:
    recorder = Short(1, error)
    bench = Bench(loaded, recorder)
    assert bench.steps(3) == Bench(loaded, None).steps(3)
    assert [line["event"] for line in warnings(logged)] == ["decoding_step_is_too_large_to_record"]
    recorder.left = 1
    bench.requests[1:] = []
    bench.step()
    assert [line["rows"] for line in warnings(logged)] == [2, 1]
    assert recorder.left == 0


def test_shapes_without_memory_do_not_end_the_warming_up(
    loaded: LoadedModel, logged: list[MutableMapping[str, Any]]
) -> None:
    recorder = Short(2, SHORTAGES[0])
    Bench(loaded, recorder).runner.warm_up()
    assert len(warnings(logged)) == 2
    lines = [line for line in logged if line["event"] == "decoding_warms_up"]
    assert len(lines) == lines[0]["of"] > 2


def test_a_device_that_died_of_a_recording_is_not_said_to_be_ready(
    loaded: LoadedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    runner = Bench(loaded, Short(1, RuntimeError("an illegal memory access"))).runner

    def ones(*_: Any, **__: Any) -> Tensor:
        raise RuntimeError("an illegal memory access was encountered")

    monkeypatch.setattr(torch, "ones", ones)
    with pytest.raises(GeneratorLost):
        runner.warm_up()


class Allocator:
    """torch's bookkeeping of captures, as its sources have it."""

    def __init__(self, *, ends_badly: bool) -> None:
        self.captures: set[tuple[int, int]] = set()
        self.users: dict[tuple[int, int], int] = {}
        self.handles = 0
        self.ends_badly = ends_badly

    def handle(self) -> tuple[int, int]:
        self.handles += 1
        return 0, self.handles

    @contextmanager
    def capture(self, graph: Any, *, pool: tuple[int, int], **_: Any) -> Iterator[None]:
        self.captures.add(pool)
        self.users[pool] = self.users.get(pool, 0) + 1
        graph.ended = False
        try:
            yield
        finally:
            if self.ends_badly:
                raise RuntimeError("operation failed due to a previous error during capture")
            self.end(0, pool)
            graph.pool, graph.ended = pool, True

    def end(self, device: int, pool: tuple[int, int]) -> None:
        assert device == 0
        if pool not in self.captures:
            raise RuntimeError("endAllocatePool: not currently recording to mempool_id")
        self.captures.remove(pool)

    def release(self, device: int, pool: tuple[int, int]) -> None:
        assert device == 0
        self.users[pool] -= 1
        assert self.users[pool] >= 0

    def empty_cache(self) -> None:
        if self.captures:
            raise RuntimeError("captures_underway.empty() INTERNAL ASSERT FAILED")


class Graph:
    ended = False

    def reset(self) -> None: ...

    def replay(self) -> None: ...


class Stream:
    def __init__(self, *_: Any) -> None: ...

    def wait_stream(self, _: Any) -> None: ...


@pytest.fixture(params=[True, False], ids=["invalidated", "ended"])
def allocator(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Allocator:
    """A CUDA that is none, in which captures of what fails end badly, or as if all were well."""
    allocator = Allocator(ends_badly=request.param)
    for name, there in {
        "Stream": Stream,
        "CUDAGraph": Graph,
        "graph": allocator.capture,
        "graph_pool_handle": allocator.handle,
        "empty_cache": allocator.empty_cache,
        "is_initialized": lambda: True,
        "device": lambda _: nullcontext(),
        "stream": lambda _: nullcontext(),
        "current_stream": Stream,
        "current_device": lambda: 0,
        "set_stream": lambda _: None,
    }.items():
        monkeypatch.setattr(torch.cuda, name, there)
    monkeypatch.setattr(torch._C, "_cuda_endAllocateToPool", allocator.end)
    monkeypatch.setattr(torch._C, "_cuda_releasePool", allocator.release)
    return allocator


def test_after_a_failed_capture_the_allocator_goes_on_and_so_do_recordings(
    allocator: Allocator,
) -> None:
    recorder, calls = CudaRecorder(CUDA), iter(range(100))

    def fails_when_captured() -> None:
        if next(calls) == 2:
            raise RuntimeError("operation not permitted when stream is capturing")

    with pytest.raises(RuntimeError):
        recorder.record(fails_when_captured)
    torch.cuda.empty_cache()
    # A graph whose capture has ended gives its use of the pool back itself.
    assert list(allocator.users.values()) == [0 if allocator.ends_badly else 1]
    allocator.ends_badly = False
    recorder.record(lambda: None)()
    assert len(allocator.users) == 2


def test_a_cache_that_cannot_be_emptied_now_is_told_of_and_harms_nobody(
    allocator: Allocator, logged: list[MutableMapping[str, Any]]
) -> None:
    allocator.captures.add((0, 7))
    release()
    assert [line["event"] for line in warnings(logged)] == ["device_memory_not_given_back"]


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_on_a_gpu_a_failed_recording_leaves_nothing_behind() -> None:
    recorder, row = CudaRecorder(CUDA), torch.zeros(4, device=CUDA)

    def reads_when_captured() -> None:
        row.add_(1)
        if torch.cuda.is_current_stream_capturing():
            row.sum().item()

    for _ in range(2):
        with pytest.raises(RuntimeError):
            recorder.record(reads_when_captured)
        torch.cuda.empty_cache()

    def reads_always() -> None:
        row.sum().item()

    def counts() -> None:
        row.add_(1)

    with pytest.raises(GenerationError, match="makes the host wait"):
        recorder.record(reads_always)
    replay = recorder.record(counts)
    row.zero_()
    replay()
    assert row.tolist() == [1.0] * 4
    release()
